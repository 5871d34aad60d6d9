"""The building wall along the pavement: masonry, windows, doors, shutters, shop signs, stains."""

from __future__ import annotations

import cv2
import numpy as np

from edge.sim.posters import glyph
from edge.sim.surface import WALL_M, Look, Opening
from edge.sim.texture import FloatImage, Image, Rng, hsv, noise, repeated, tiled, tinted, to_bytes


def wall(look: Look) -> Image:
    """(WALL_M, 2 half_m, 3) uint8 at px_per_m: row 0 is the eaves, the last row the ground, columns east."""
    rng, scale = np.random.default_rng([look.seed, 13]), look.px_per_m
    height, width = round(WALL_M * scale), round(2 * look.half_m * scale)
    image = _masonry(look, height, width, rng)
    image *= (1 + 0.06 * noise(height, width, rng, 8, 5))[..., None]
    _plinth(image, scale, rng)
    foot = round(0.7 * scale)
    image[-foot:] *= np.linspace(1, 0.68, foot, dtype=np.float32)[:, None, None]
    canvas = to_bytes(image)
    _streaks(canvas, scale, rng)
    for opening in look.openings:
        _opening(canvas, look, opening, rng)
    _upper(canvas, look, rng)
    return canvas


def _masonry(look: Look, height: int, width: int, rng: Rng) -> FloatImage:
    scale = look.px_per_m
    if look.wall in ("brick", "painted_brick"):
        shade = repeated("brick", height, width, 1.05 * scale)
        color = hsv(rng.uniform(5, 22), rng.uniform(0.3, 0.6), rng.uniform(0.4, 0.62))
        if look.wall == "painted_brick":
            color, shade = _paint(rng), 1 + (shade - 1) * 0.35
        return tinted(shade, color)
    shade = 1 + (tiled("gravel", height, width, 0.22 * scale) - 1) * rng.uniform(0.1, 0.3)
    image = tinted(shade, _paint(rng))
    if look.wall == "tiles":
        step = max(4, round(rng.choice([0.1, 0.2, 0.3]) * scale))
        image[::step] *= 0.8
        image[:, ::step] *= 0.8
    return image


def _paint(rng: Rng) -> tuple[float, float, float]:
    return hsv(rng.choice([30, 40, 45, 20, 200, 150]), rng.uniform(0.02, 0.35), rng.uniform(0.5, 0.88))


def _plinth(image: FloatImage, scale: float, rng: Rng) -> None:
    if rng.random() < 0.6:
        rows = round(rng.uniform(0.25, 0.9) * scale)
        image[-rows:] *= np.asarray(hsv(rng.uniform(0, 360), 0.1, 1), np.float32) / 255 * rng.uniform(0.6, 0.85)
        image[-rows : -rows + 2] *= 0.6


def _streaks(canvas: Image, scale: float, rng: Rng) -> None:
    """Rain streaks, scrubbed patches where ads were removed, a drain pipe, cables."""
    height, width = canvas.shape[:2]
    overlay = canvas.copy()
    for _ in range(int(rng.integers(6, 22))):
        x, y = int(rng.uniform(0, width)), int(rng.uniform(0, 0.8) * height)
        size = (int(rng.uniform(0.03, 0.3) * scale), int(rng.uniform(0.3, 1.8) * scale))
        tone = (75, 80, 85) if rng.random() < 0.6 else (205, 208, 210)
        cv2.rectangle(overlay, (x, y), (x + size[0], y + size[1]), tone, -1)
    overlay = cv2.GaussianBlur(overlay, (0, 0), 0.08 * scale)
    soft = cv2.addWeighted(canvas, 1.0, cv2.subtract(canvas, overlay), -0.3, 0)
    cv2.addWeighted(cv2.addWeighted(soft, 0.8, overlay, 0.2, 0), 1.0, canvas, 0.0, 0, canvas)
    for x in rng.uniform(0, width, int(rng.integers(0, 3))):
        thick = int(0.1 * scale)
        cv2.rectangle(canvas, (int(x), 0), (int(x) + thick, height), (150, 152, 152), -1)
        cv2.rectangle(canvas, (int(x), 0), (int(x) + thick // 3, height), (185, 188, 188), -1)
        cv2.rectangle(canvas, (int(x) + thick, 0), (int(x) + thick + thick // 2, height), (90, 92, 92), -1)


def _opening(canvas: Image, look: Look, hole: Opening, rng: Rng) -> None:
    scale, height = look.px_per_m, canvas.shape[0]
    x0, x1 = (round((e + look.half_m) * scale) for e in (hole.east0, hole.east1))
    y0, y1 = height - round(hole.high * scale), height - round(hole.low * scale)
    cv2.rectangle(canvas, (x0 - 3, y0 - 3), (x1 + 3, y1 + 3), (95, 98, 100), -1)
    area = canvas[max(y0, 0) : y1, max(x0, 0) : x1]
    if area.size == 0:
        return
    {"window": _window, "door": _door, "shutter": _shutter}[hole.kind](area, scale, rng)
    area[: max(1, round(0.1 * scale))] //= 2


def _window(area: Image, scale: float, rng: Rng) -> None:
    """Dark glass with a pale reflection, a frame, security bars."""
    height, width = area.shape[:2]
    glass = 62 + 28 * noise(height, width, rng, 2, 2) + np.linspace(40, 0, height)[:, None]
    area[:] = to_bytes(glass[..., None] * np.asarray((1.1, 1.02, 0.92), np.float32))
    frame, thick = (205, 208, 208) if rng.random() < 0.6 else (60, 62, 64), max(2, round(0.05 * scale))
    for x in (0, width // 2, width - 1):
        cv2.line(area, (x, 0), (x, height), frame, thick)
    for y in (0, height // 3, height - 1):
        cv2.line(area, (0, y), (width, y), frame, thick)
    if rng.random() < 0.6:
        for x in range(0, width, max(4, round(0.12 * scale))):
            cv2.line(area, (x, 0), (x, height), (135, 138, 140), max(1, round(0.015 * scale)))


def _door(area: Image, scale: float, rng: Rng) -> None:
    height, width = area.shape[:2]
    color = np.asarray(hsv(rng.uniform(0, 360), rng.uniform(0.1, 0.6), rng.uniform(0.2, 0.6)))
    area[:] = to_bytes(tinted((1 + 0.05 * noise(height, width, rng, 6, 3)).astype(np.float32), tuple(color)))
    for y0, y1 in ((0.08, 0.45), (0.55, 0.92)):
        cv2.rectangle(
            area,
            (int(width * 0.15), int(height * y0)),
            (int(width * 0.85), int(height * y1)),
            tuple(color * 0.7),
            max(1, round(0.02 * scale)),
        )
    cv2.circle(area, (int(width * 0.9), height // 2), max(1, round(0.035 * scale)), (190, 190, 195), -1)


def _shutter(area: Image, scale: float, rng: Rng) -> None:
    """A roller shutter: fine ribs, sometimes half open over a dark shop."""
    height, width = area.shape[:2]
    rib = 0.5 + 0.5 * np.sin(np.arange(height) / max(2.0, 0.09 * scale) * 2 * np.pi)
    tone = (rng.uniform(120, 190) + 28 * rib)[:, None] + 6 * noise(height, width, rng, 6, 3)
    area[:] = to_bytes(tone[..., None] * np.asarray(hsv(210, rng.uniform(0, 0.2), 1), np.float32) / 255)
    if rng.random() < 0.3:
        area[int(height * rng.uniform(0.3, 0.6)) :] = (38, 42, 46)


def _upper(canvas: Image, look: Look, rng: Rng) -> None:
    """First-floor windows, and sign boards above the shutters."""
    scale, height = look.px_per_m, canvas.shape[0]
    for east in np.arange(-look.half_m + 1, look.half_m - 1, rng.uniform(2.4, 3.6)):
        _opening(canvas, look, Opening(east, east + 1.3, 4.3, 5.8, "window"), rng)
    for hole in look.openings:
        if hole.kind == "shutter" or rng.random() < 0.25:
            x0, x1 = (round((e + look.half_m) * scale) for e in (hole.east0 - 0.2, hole.east1 + 0.2))
            _sign(canvas[height - round(3.5 * scale) : height - round(2.8 * scale), max(0, x0) : x1], rng)


def _sign(area: Image, rng: Rng) -> None:
    height, width = area.shape[:2]
    if height < 10 or width < 40:
        return
    paper = hsv(rng.choice([0, 30, 120, 210, 220]), rng.uniform(0.3, 0.95), rng.uniform(0.3, 0.9))
    area[:] = to_bytes(tinted((1 + 0.03 * noise(height, width, rng, 3, 2)).astype(np.float32), paper))
    size = int(height * 0.62)
    count = int(rng.integers(3, max(4, min(7, width // (size + 8)))))
    for i in range(count):
        glyph(
            area,
            int((i + 0.5) * width / count - size / 2),
            (height - size) // 2,
            size,
            (235, 240, 245),
            rng,
            max(2, size // 8),
        )
