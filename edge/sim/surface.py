"""The flat surfaces of a street, drawn to scale from a seed: pavement, kerb, road, and the building wall with its
openings."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from edge.sim.posters import glyph
from edge.sim.texture import FloatImage, Image, Rng, hsv, noise, tiled, tinted, to_bytes

PAVEMENT_M = 4.2  # from the wall at north = 0 to the kerb at north = -4.2
KERB_M = 0.16
ROAD_M = 7.2
WALL_M = 6.6  # height of the building
WALLS = ("brick", "plaster", "tiles", "painted_brick")
PAVINGS = ("slabs", "bricks", "concrete", "hexagon")


@dataclass(frozen=True)
class Opening:
    """A window, door or shutter in the wall: metres along the wall and above the ground."""

    east0: float
    east1: float
    low: float
    high: float
    kind: str


@dataclass(frozen=True)
class Marking:
    """A painted rectangle on the ground, metres; kind is "bike_bay" or "permit_place"."""

    kind: str
    east0: float
    east1: float
    north0: float
    north1: float


@dataclass(frozen=True)
class Look:
    """Everything about the surfaces of one street; half_m is how far the drawn strip reaches east and west."""

    seed: int
    markings: tuple[Marking, ...] = ()
    half_m: float = 12.0
    px_per_m: float = 64.0
    wall: str = "plaster"
    paving: str = "slabs"
    openings: tuple[Opening, ...] = field(default=())

    @staticmethod
    def seeded(seed: int, markings: tuple[Marking, ...] = (), half_m: float = 12.0, px_per_m: float = 64.0) -> Look:
        """Draw wall, paving and openings from a seed."""
        rng = np.random.default_rng([seed, 11])
        wall, paving = WALLS[rng.integers(len(WALLS))], PAVINGS[rng.integers(len(PAVINGS))]
        return Look(seed, markings, half_m, px_per_m, wall, paving, tuple(_openings(half_m, rng)))


def _openings(half_m: float, rng: Rng) -> list[Opening]:
    """Doors, shutters and barred windows with at least 1.6 m of wall between them."""
    found, east = [], -half_m + rng.uniform(0, 2)
    while east < half_m - 3:
        kind = ("window", "window", "shutter", "door")[rng.integers(4)]
        wide = {"window": 1.3, "shutter": 2.4, "door": 1.0}[kind] * rng.uniform(0.9, 1.15)
        low, high = {"window": (1.25, 2.6), "shutter": (0.0, 2.6), "door": (0.0, 2.2)}[kind]
        found.append(Opening(east, east + wide, low, high, kind))
        east += wide + rng.uniform(2.2, 4.2)
    return found


def ground(look: Look) -> Image:
    """(13 m, 2 half_m, 3) uint8 at px_per_m: row 0 is the wall's foot (north = 0), rows go south, columns east."""
    rng, scale = np.random.default_rng([look.seed, 12]), look.px_per_m
    width = round(2 * look.half_m * scale)
    paved = _paving(look, round(PAVEMENT_M * scale), width, rng)
    kerb = _kerb(round(KERB_M * scale), width, scale, rng)
    road = _road(round(ROAD_M * scale), width, scale, rng)
    far = _paving(look, round((13 - PAVEMENT_M - KERB_M - ROAD_M) * scale), width, rng)
    image = np.concatenate([paved, kerb, road, far])
    image *= (1 + 0.07 * noise(image.shape[0], image.shape[1], rng, 14, 4))[..., None]
    image[: round(0.5 * scale)] *= np.linspace(0.72, 1, round(0.5 * scale), dtype=np.float32)[:, None, None]
    canvas = to_bytes(image)
    _dirt(canvas, scale, rng)
    for marking in look.markings:
        _mark(canvas, look, marking, rng)
    return canvas


def _paving(look: Look, height: int, width: int, rng: Rng) -> FloatImage:
    scale = look.px_per_m
    color = hsv(rng.choice([15, 30, 210, 40]), rng.uniform(0.02, 0.3), rng.uniform(0.42, 0.72))
    shade = 1 + (tiled("gravel", height, width, 0.35 * scale) - 1) * rng.uniform(0.12, 0.3)
    image = tinted(shade, color)
    if look.paving != "concrete":
        unit = {"slabs": (0.5, 0.5), "bricks": (0.2, 0.1), "hexagon": (0.3, 0.3)}[look.paving]
        _joints(image, unit, scale, rng, stagger=look.paving != "slabs")
    if rng.random() < 0.7 and height > 3 * scale:
        _tactile(image, scale, rng)
    return image


def _joints(image: FloatImage, unit: tuple[float, float], scale: float, rng: Rng, stagger: bool) -> None:
    """Every slab its own tone, dark joints between them."""
    height, width = image.shape[:2]
    wide, deep = unit[0] * scale, unit[1] * scale
    rows, columns = int(height / deep) + 1, int(width / wide) + 2
    tone = 1 + rng.normal(0, rng.uniform(0.02, 0.08), (rows, columns)).astype(np.float32)
    y, x = np.arange(height) / deep, np.arange(width) / wide
    row = y.astype(int)
    shift = 0.5 * (row % 2) if stagger else np.zeros(height)
    across = x[None, :] + shift[:, None]
    image *= tone[row[:, None], across.astype(int)][..., None]
    joint = (np.abs(across % 1 - 0.5) > 0.5 - 0.006 / unit[0]) | (np.abs(y % 1 - 0.5) > 0.5 - 0.006 / unit[1])[:, None]
    image[joint] *= rng.uniform(0.55, 0.8)


def _tactile(image: FloatImage, scale: float, rng: Rng) -> None:
    """The ribbed yellow strip that guides blind people along the pavement."""
    top, size = round(rng.uniform(2.1, 2.5) * scale), round(0.4 * scale)
    strip = image[top : top + size]
    strip *= np.asarray((0.55, 1.0, 1.12), np.float32) * rng.uniform(0.85, 1.15)
    for y in range(2, size - 2, max(3, size // 6)):
        strip[y : y + max(1, size // 14)] *= 1.2


def _kerb(height: int, width: int, scale: float, rng: Rng) -> FloatImage:
    image = tinted(1 + (tiled("gravel", height, width, 0.3 * scale) - 1) * 0.2, (165, 170, 172))
    image[:, :: max(2, round(scale))] *= 0.6
    image[-max(1, height // 4) :] *= 0.45
    return image


def _road(height: int, width: int, scale: float, rng: Rng) -> FloatImage:
    tone = rng.uniform(70, 120)
    shade = 1 + (tiled("gravel", height, width, 0.5 * scale) - 1) * 0.35
    image = tinted(shade, (tone * 1.02, tone, tone * 0.98))
    image[: round(0.3 * scale)] *= 0.85
    worn = np.clip(0.8 + 0.25 * noise(height, width, rng, 40, 4), 0, 1)[..., None]
    for low, high in ((0.42, 0.54), (3.55, 3.7)):
        line = slice(round(low * scale), round(high * scale))
        image[line] = image[line] * (1 - worn[line]) + worn[line] * np.asarray((205, 212, 215), np.float32)
    return image


def _dirt(canvas: Image, scale: float, rng: Rng) -> None:
    """Gum, oil, leaves, a manhole cover: what lies about without being a case."""
    height, width = canvas.shape[:2]
    overlay = canvas.copy()
    for _ in range(int(rng.integers(20, 70))):
        center = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        axes = tuple(max(1, int(v * scale)) for v in rng.uniform(0.01, 0.12, 2))
        cv2.ellipse(overlay, center, axes, rng.uniform(0, 180), 0, 360, (50, 52, 55), -1)
    cv2.addWeighted(overlay, 0.3, canvas, 0.7, 0, canvas)
    leaf = hsv(rng.choice([35, 45, 90]), 0.6, 0.55)
    for _ in range(int(rng.choice([0, 30, 150]))):
        center = (int(rng.uniform(0, width)), int(rng.uniform(0, height * 0.6)))
        tone = tuple(float(c * rng.uniform(0.6, 1.2)) for c in leaf)
        cv2.ellipse(
            canvas,
            center,
            (max(1, int(0.04 * scale)), max(1, int(0.02 * scale))),
            rng.uniform(0, 180),
            0,
            360,
            tone,
            -1,
        )
    for _ in range(int(rng.integers(0, 4))):
        center = (int(rng.uniform(0, width)), int(rng.uniform(0.3, 0.9) * height))
        cv2.circle(canvas, center, int(0.34 * scale), (62, 64, 66), -1)
        for k in (0.3, 0.2, 0.1):
            cv2.circle(canvas, center, int(k * scale), (88, 90, 92), max(1, int(0.015 * scale)))


def _mark(canvas: Image, look: Look, marking: Marking, rng: Rng) -> None:
    """Paint a bay or a permit place: a worn frame, hatching and a sign in the middle."""
    scale = look.px_per_m
    x0, x1 = (round((e + look.half_m) * scale) for e in (marking.east0, marking.east1))
    y0, y1 = (round(-n * scale) for n in (marking.north1, marking.north0))
    color = (228, 232, 232) if marking.kind == "bike_bay" else (60, 190, 225)
    paint, thick = canvas.copy(), max(1, round(0.07 * scale))
    cv2.rectangle(paint, (x0, y0), (x1, y1), color, thick)
    if marking.kind == "bike_bay":
        for x in np.linspace(x0, x1, 6)[1:-1]:
            cv2.line(paint, (int(x), y0), (int(x), y0 + (y1 - y0) // 4), color, max(1, thick // 2))
    else:
        for i in range(3):
            glyph(
                paint[..., :3],
                int(x0 + (x1 - x0) * (0.2 + 0.22 * i)),
                (y0 + y1) // 2 - int(0.15 * scale),
                int(0.3 * scale),
                color,
                rng,
                thick // 2 + 1,
            )
    cv2.addWeighted(paint, 0.8, canvas, 0.2, 0, canvas)
