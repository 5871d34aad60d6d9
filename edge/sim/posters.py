"""Small ads on walls: printed sheets, stickers, sprayed telephone numbers; with marks that look like characters."""

from __future__ import annotations

import cv2
import numpy as np

from edge.sim.solid import Color, Decal, Model
from edge.sim.texture import Image, Rng, hsv, noise

KINDS = ("sheet", "cluster", "sprayed", "stencil")
PX_PER_M = 260


def poster(kind: str, seed: int, width_m: float, height_m: float) -> Model:
    """An ad on the wall plane y = 0 facing -y, its lower edge at z = 0, up to width_m x height_m."""
    rng = np.random.default_rng(seed)
    width, height = round(width_m * PX_PER_M), round(height_m * PX_PER_M)
    image = {"sheet": sheet, "cluster": _cluster, "sprayed": _sprayed, "stencil": _stencil}[kind](rng, width, height)
    half = width_m / 2
    corners = np.array([[-half, 0, height_m], [half, 0, height_m], [half, 0, 0], [-half, 0, 0]])
    tilt = np.radians(rng.normal(0, 2.0 if kind in ("sheet", "stencil") else 0.5))
    turn = np.array([[np.cos(tilt), 0, -np.sin(tilt)], [0, 1, 0], [np.sin(tilt), 0, np.cos(tilt)]])
    middle = np.array([0, 0, height_m / 2])
    return Model(decals=[Decal((corners - middle) @ turn.T + middle, image)])


def glyph(image: Image, x: int, y: int, size: int, ink: Color, rng: Rng, thick: int) -> None:
    """One mark of strokes in a square, as dense as a Chinese character."""
    color = (*ink, 255)
    for _ in range(int(rng.integers(2, 5))):
        row = y + int(rng.uniform(0.05, 0.95) * size)
        cv2.line(
            image,
            (x + int(rng.uniform(0, 0.25) * size), row),
            (x + int(rng.uniform(0.7, 1) * size), row),
            color,
            thick,
            cv2.LINE_AA,
        )
    for _ in range(int(rng.integers(1, 4))):
        column = x + int(rng.uniform(0.1, 0.9) * size)
        foot = column + int(rng.normal(0, 0.15) * size)
        cv2.line(
            image,
            (column, y + int(rng.uniform(0, 0.3) * size)),
            (foot, y + int(rng.uniform(0.7, 1) * size)),
            color,
            thick,
            cv2.LINE_AA,
        )


def phone(rng: Rng) -> str:
    """Eleven digits that look like a mobile number: 199 0000 and four more, a range that no operator has given out."""
    return f"1990000{rng.integers(10000):04d}"


def _digits(image: Image, text: str, x: int, y: int, width: int, ink: Color) -> None:
    """Write digits so that they fill `width` pixels, baseline at y."""
    (base, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, 1.0, 2)
    scale = width / max(base, 1)
    cv2.putText(
        image, text, (x, y), cv2.FONT_HERSHEY_DUPLEX, scale, (*ink, 255), max(1, round(2.4 * scale)), cv2.LINE_AA
    )


def sheet(rng: Rng, width: int, height: int) -> Image:
    """(height, width, 4) a printed sheet: head line, lines of text, a phone number, stains, a torn corner."""
    paper = _paper(rng)
    image = np.empty((height, width, 4), np.uint8)
    image[:] = (*(min(255, round(c)) for c in paper), 255)
    ink = ((25, 25, 30), (30, 25, 190), (150, 40, 30))[rng.integers(3)]
    if sum(paper) < 330:
        ink = (240, 245, 245)
    head = int(height * rng.uniform(0.16, 0.26))
    _headline(image, head, ink, rng)
    _lines(image, head + 6, int(height * 0.74), ink, rng)
    _digits(
        image,
        phone(rng),
        int(width * 0.06),
        int(height * 0.92),
        int(width * 0.88),
        (30, 25, 200) if rng.random() < 0.5 else ink,
    )
    return _weathered(image, rng)


def _paper(rng: Rng) -> Color:
    if rng.random() < 0.55:
        tone = rng.uniform(205, 250)
        return tone * rng.uniform(0.85, 1), tone * rng.uniform(0.95, 1), tone
    return hsv(rng.choice([0, 50, 55, 120, 200, 330]), rng.uniform(0.3, 0.95), rng.uniform(0.7, 1))


def _headline(image: Image, head: int, ink: Color, rng: Rng) -> None:
    width = image.shape[1]
    if rng.random() < 0.5:
        image[:head, :, :3] = ink
        ink = (245, 245, 250) if sum(ink) < 500 else (20, 20, 160)
    count = int(rng.integers(3, 6))
    size = int(min(width / count * 0.85, head * 0.8))
    for i in range(count):
        glyph(image, int((i + 0.5) * width / count - size / 2), (head - size) // 2, size, ink, rng, max(2, size // 7))


def _lines(image: Image, top: int, bottom: int, ink: Color, rng: Rng) -> None:
    width, size = image.shape[1], int(rng.uniform(9, 17))
    for y in range(top, bottom - size, int(size * 1.5)):
        end = rng.uniform(0.55, 0.95) * width
        for x in range(int(width * 0.06), int(end), size + 2):
            glyph(image, x, y, size, ink, rng, 1)


def _weathered(image: Image, rng: Rng) -> Image:
    """Wrinkles, stains, sometimes a torn corner."""
    height, width = image.shape[:2]
    field = 1 + 0.06 * noise(height, width, rng, 4, 4)
    image[..., :3] = np.clip(image[..., :3] * field[..., None], 0, 255)
    if rng.random() < 0.35:
        x, y = (0 if rng.random() < 0.5 else width), (0 if rng.random() < 0.5 else height)
        reach = rng.uniform(0.12, 0.35, 2) * (width, height)
        corner = np.array(
            [[x, y], [abs(x - reach[0]), y], [abs(x - reach[0] * 0.4), abs(y - reach[1] * 0.5)], [x, abs(y - reach[1])]]
        )
        cv2.fillPoly(image, [corner.astype(np.int32)], (0, 0, 0, 0))
    return image


def _cluster(rng: Rng, width: int, height: int) -> Image:
    """Several small stickers close together."""
    image = np.zeros((height, width, 4), np.uint8)
    rows, columns = int(rng.integers(2, 4)), int(rng.integers(2, 3))
    h, w = height // rows, width // columns
    for row in range(rows):
        for column in range(columns):
            dy, dx = (int(rng.uniform(0, 0.1) * n) for n in (h, w))
            card = sheet(rng, max(24, int(w * 0.88)), max(24, int(h * 0.88)))
            y, x = min(row * h + dy, height - card.shape[0]), min(column * w + dx, width - card.shape[1])
            image[y : y + card.shape[0], x : x + card.shape[1]] = card
    return image


def _sprayed(rng: Rng, width: int, height: int) -> Image:
    """Paint sprayed by hand straight onto the wall: a few big characters over a number, soft edges."""
    ink = ((30, 30, 35), (35, 30, 190), (140, 50, 30))[rng.integers(3)]
    count = int(rng.integers(2, 4))
    size = int(width / count * 0.95)
    image: Image = np.zeros((int(size * 1.75), width, 4), np.uint8)
    image[..., :3] = ink
    for i in range(count):
        glyph(image, int((i + 0.5) * width / count - size / 2), int(size * 0.06), size, ink, rng, max(7, size // 9))
    _digits_bold(image, phone(rng), image.shape[0] - 2, width, size * 0.55, ink)
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    alpha = cv2.GaussianBlur(image[..., 3], (0, 0), 1.8).astype(np.float32)
    alpha *= np.clip(0.95 + 0.12 * noise(height, width, rng, 12, 3), 0.5, 1)
    image[..., 3] = np.clip(alpha * 1.15, 0, 255)
    return image


def _digits_bold(image: Image, text: str, baseline: int, width: int, height: float, ink: Color) -> None:
    """Sprayed digits: stretched to the wanted height, thick."""
    canvas = np.zeros((80, 560, 4), np.uint8)
    canvas[..., :3] = ink
    _digits(canvas, text, 10, 62, 540, ink)
    canvas[..., 3] = cv2.dilate(canvas[..., 3], np.ones((5, 5), np.uint8))
    tall = max(8, min(int(height), baseline))
    stretched = cv2.resize(canvas[8:74], (width, tall))
    region = image[baseline - tall : baseline]
    region[..., 3] = np.maximum(region[..., 3], stretched[..., 3])


def _stencil(rng: Rng, width: int, height: int) -> Image:
    """A painted rectangle with the ad stencilled into it."""
    card = sheet(rng, width, height)
    field = noise(height, width, rng, 6, 4)
    card[..., 3] = np.where(card[..., 3] > 0, np.clip(215 + 30 * field, 90, 255), 0)
    return card
