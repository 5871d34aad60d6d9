"""Vendors' pitches: goods on a cloth, a table under an umbrella, a tricycle cart, a food cart."""

# ruff: noqa: RUF005 (array plus tuple here is arithmetic, not concatenation)
from __future__ import annotations

import numpy as np

from edge.sim.solid import Color, Decal, Floats, Model, blob, box, circle, disc, grid_quads, lathe
from edge.sim.texture import Image, Rng, hsv

KINDS = ("cloth", "table", "tricycle", "cart")
FRUIT: tuple[Color, ...] = (
    (45, 55, 205),
    (30, 140, 240),
    (60, 190, 220),
    (70, 150, 60),
    (45, 90, 50),
    (110, 60, 120),
    (95, 190, 130),
)


def stall(kind: str, seed: int) -> Model:
    """A pitch about 1.3 to 1.9 m wide (x) and 0.9 m deep (y), its front at -y; an umbrella reaches 2.2 m."""
    rng = np.random.default_rng(seed)
    model = Model()
    {"cloth": _cloth, "table": _table, "tricycle": _tricycle, "cart": _cart}[kind](model, rng)
    if kind in ("cloth", "table", "tricycle") and rng.random() < {"cloth": 0.25, "table": 0.7, "tricycle": 0.4}[kind]:
        _umbrella(model, rng)
    return model


def _cloth(model: Model, rng: Rng) -> None:
    wide, deep = rng.uniform(1.3, 1.8), rng.uniform(0.8, 1.0)
    grid = np.stack(np.meshgrid(np.linspace(-wide / 2, wide / 2, 9), np.linspace(-deep / 2, deep / 2, 6)), axis=-1)
    height = 0.012 + 0.02 * np.abs(rng.standard_normal(grid.shape[:2]))
    sheet = grid_quads(np.concatenate([grid + rng.normal(0, 0.012, grid.shape), height[..., None]], axis=-1))
    model.add(sheet, _pattern(rng, len(sheet)), closed=False)
    _rows(model, wide * 0.9, deep * 0.85, 0.03, rng, heaps=rng.random() < 0.45)


def _pattern(rng: Rng, count: int) -> Floats:
    """(count, 3) colours of a cloth: plain, striped or checked."""
    a = np.asarray(hsv(rng.uniform(0, 360), rng.uniform(0.1, 0.85), rng.uniform(0.3, 0.95)))
    b = a if rng.random() < 0.5 else np.asarray(hsv(rng.uniform(0, 360), rng.uniform(0, 0.6), rng.uniform(0.5, 1)))
    step = int(rng.integers(1, 3))
    return np.where((np.arange(count)[:, None] // step) % 2 == 0, a, b) * rng.uniform(0.9, 1.05, (count, 1))


def _rows(model: Model, wide: float, deep: float, z: float, rng: Rng, heaps: bool) -> None:
    """Rows of goods: heaps of fruit, or a jumble of small wares."""
    columns, rows = max(3, round(wide / (0.32 if heaps else 0.17))), max(2, round(deep / (0.3 if heaps else 0.18)))
    for x in np.linspace(-wide / 2 + 0.1, wide / 2 - 0.1, columns):
        color = FRUIT[rng.integers(len(FRUIT))]
        for y in np.linspace(deep / 2 - 0.1, -deep / 2 + 0.1, rows):
            if heaps:
                _pile(model, (x, y, z), color, rng)
            elif rng.random() < 0.93:
                _ware(model, (x + rng.normal(0, 0.015), y + rng.normal(0, 0.015), z), rng)


def _pile(model: Model, spot: tuple[float, float, float], color: Color, rng: Rng, radius: float = 0.05) -> None:
    """A small pyramid of fruit."""
    x, y, z = spot
    for level, (count, ring) in enumerate(((6, 0.095), (4, 0.055), (1, 0.0))):
        for angle in np.linspace(0, 6.28, count, endpoint=False) + rng.uniform(0, 1):
            shade = np.clip(np.asarray(color) * rng.uniform(0.75, 1.2), 0, 255)
            center = (x + ring * np.cos(angle), y + ring * np.sin(angle), z + radius * (0.9 + 1.4 * level))
            model.add(blob(center, (radius,) * 3, sides=6, rings=5), shade, 0.25)


def _ware(model: Model, spot: tuple[float, float, float], rng: Rng) -> None:
    """A toy, a box, a pair of socks, a cup: something small and coloured."""
    color = hsv(rng.uniform(0, 360), rng.uniform(0.1, 0.95), rng.uniform(0.25, 1))
    size = rng.uniform(0.06, 0.14, 3) * (1, 1, rng.uniform(0.3, 1.2))
    if rng.random() < 0.35:
        model.add(blob((spot[0], spot[1], spot[2] + size[2] / 2), size / 2, sides=7, rings=5), color, 0.3)
    else:
        model.add(box((spot[0], spot[1], spot[2] + size[2] / 2), size), color, 0.1)
        if rng.random() < 0.4:
            model.add(
                box((spot[0], spot[1], spot[2] + size[2] + 0.002), (size[0] * 0.6, size[1] * 0.5, 0.004)),
                (235, 235, 235),
            )


def _table(model: Model, rng: Rng) -> None:
    wide, deep, top = rng.uniform(1.2, 1.7), rng.uniform(0.6, 0.8), rng.uniform(0.62, 0.78)
    for x in (-wide / 2 + 0.06, wide / 2 - 0.06):
        for y in (-deep / 2 + 0.05, deep / 2 - 0.05):
            model.stroke([(x, y, 0), (x, y, top)], 0.015, (110, 110, 112))
    model.add(box((0, 0, top), (wide, deep, 0.03)), (140, 150, 160))
    skirt = rng.uniform(0.12, 0.5)
    edge = np.linspace(-wide / 2, wide / 2, 13)
    wave = -deep / 2 - 0.015 - 0.02 * (np.arange(13) % 2)
    front = np.stack(
        [
            np.stack([edge, wave, np.full(13, top - skirt)], -1),
            np.stack([edge, wave + 0.01, np.full(13, top + 0.02)], -1),
        ]
    )
    model.add(grid_quads(front), _pattern(rng, 12), closed=False)
    _rows(model, wide * 0.94, deep * 0.9, top + 0.02, rng, heaps=rng.random() < 0.5)
    for x0 in rng.uniform(-wide / 2, wide / 2, 2):
        model.add(box((x0, -deep / 2 - 0.28, 0.13), (0.4, 0.3, 0.26)), hsv(rng.uniform(0, 360), 0.6, 0.7))
        _pile(model, (x0, -deep / 2 - 0.28, 0.24), FRUIT[rng.integers(len(FRUIT))], rng)


def _umbrella(model: Model, rng: Rng) -> None:
    """A big sunshade over the back half of the pitch."""
    rim, top, radius = rng.uniform(1.85, 2.0), rng.uniform(2.15, 2.3), rng.uniform(0.85, 1.05)
    x, y = rng.uniform(-0.3, 0.3), rng.uniform(0.1, 0.4)
    model.stroke([(x, y, 0), (x, y, top - 0.05)], 0.02, (190, 190, 190))
    a = np.asarray(hsv(rng.uniform(0, 360), rng.uniform(0.4, 0.95), rng.uniform(0.45, 0.95)))
    b = a if rng.random() < 0.4 else np.asarray(hsv(rng.uniform(0, 360), rng.uniform(0, 0.9), rng.uniform(0.6, 1)))
    cone = lathe([(radius, rim), (radius * 0.5, (rim + top) / 2 + 0.05), (0.0, top)], 8)
    colors = np.where((np.arange(len(cone)) % 2 == 0)[:, None], a, b)
    model.add(cone + (x, y, 0), colors, closed=False)
    model.add(
        lathe([(radius * 1.01, rim - 0.13), (radius, rim)], 8) + (x, y, 0),
        np.clip(colors[:8] * 0.9, 0, 255),
        closed=False,
    )


def _wheel(model: Model, center: tuple[float, float, float], radius: float) -> None:
    model.stroke(circle(center, radius - 0.02, 24), 0.022, (40, 40, 42))
    model.stroke(circle(center, radius - 0.05, 24), 0.012, (150, 150, 152))
    for spoke in np.radians(np.arange(0, 180, 30)):
        reach = np.array([np.cos(spoke), 0, np.sin(spoke)]) * (radius - 0.05)
        model.stroke([np.asarray(center) - reach, np.asarray(center) + reach], 0.003, (150, 150, 152))


def _tricycle(model: Model, rng: Rng) -> None:
    """A flat-bed tricycle with its load facing the customers."""
    frame = hsv(rng.choice([120, 215, 0, 30]), rng.uniform(0.4, 0.9), rng.uniform(0.25, 0.7))
    for center in ((-0.45, -0.42, 0.3), (-0.45, 0.42, 0.3), (0.85, 0, 0.3)):
        _wheel(model, center, 0.3)
    model.stroke([(0.1, 0, 0.45), (0.7, 0, 0.75), (0.85, 0, 0.3)], 0.024, frame)
    model.stroke([(0.7, 0, 0.75), (0.66, 0, 0.98), (0.56, 0.27, 1.0)], 0.016, (150, 150, 150))
    model.stroke([(0.66, 0, 0.98), (0.56, -0.27, 1.0)], 0.016, (150, 150, 150))
    model.add(blob((0.28, 0, 0.82), (0.13, 0.09, 0.05)), (40, 40, 42), 0.2)
    model.add(box((-0.45, 0, 0.52), (1.1, 0.8, 0.06)), np.asarray(frame) * 0.8)
    for center, size in (
        ((-0.45, -0.39, 0.64), (1.1, 0.03, 0.2)),
        ((-0.45, 0.39, 0.64), (1.1, 0.03, 0.2)),
        ((-0.99, 0, 0.64), (0.03, 0.8, 0.2)),
    ):
        model.add(box(center, size), frame)
    load = Model()
    if rng.random() < 0.5:
        _melons(load, rng)
    else:
        _rows(load, 1.0, 0.7, 0.0, rng, heaps=True)
    model.join(load.placed(-0.45, 0, 0, 0.66))


def _melons(model: Model, rng: Rng) -> None:
    dark, light = np.asarray((45, 90, 45)), np.asarray((110, 175, 120))
    for level, count in enumerate((15, 8, 3)):
        for _ in range(count):
            ball = blob(
                (
                    rng.uniform(-0.42, 0.42) * (1 - 0.25 * level),
                    rng.uniform(-0.28, 0.28) * (1 - 0.25 * level),
                    0.1 + 0.15 * level,
                ),
                (0.12, 0.11, 0.11),
                sides=10,
                rings=6,
            )
            model.add(
                ball, np.where((np.arange(len(ball)) % 2 == 0)[:, None], dark, light) * rng.uniform(0.8, 1.1), 0.3
            )


def _cart(model: Model, rng: Rng) -> None:
    """A food cart: steel body, glass box, a lettered sign board under its roof."""
    body = np.asarray((205, 205, 205) if rng.random() < 0.5 else hsv(rng.uniform(0, 360), 0.7, 0.8))
    wide = rng.uniform(1.2, 1.5)
    model.add(box((0, 0, 0.52), (wide, 0.7, 0.66)), body, 0.3)
    model.add(box((0, 0, 0.87), (wide + 0.1, 0.8, 0.04)), (190, 192, 192), 0.4)
    model.add(box((0, 0.05, 1.1), (wide * 0.92, 0.5, 0.42)), (175, 165, 150), 0.5)
    for x in (-wide / 2 + 0.04, wide / 2 - 0.04):
        for y in (-0.32, 0.32):
            model.stroke([(x, y, 0.88), (x, y, 1.9)], 0.015, (185, 185, 185))
        _wheel(model, (x * 0.75, -0.36, 0.2), 0.2)
    roof = hsv(rng.choice([0, 25, 45, 120, 210]), rng.uniform(0.6, 0.95), rng.uniform(0.6, 0.95))
    model.add(box((0, 0, 1.98), (wide + 0.2, 0.95, 0.12), 0.85), roof, 0.2)
    model.decals.append(Decal(_front(wide, -0.38, 1.62, 1.9), lettering(rng, 220, 44, roof)))
    model.decals.append(Decal(_front(wide * 0.9, -0.352, 0.35, 0.75), lettering(rng, 200, 80, tuple(body * 0.95))))
    for x in np.linspace(-wide * 0.38, wide * 0.38, 4):
        _pile(model, (x, -0.25, 0.89), ((90, 150, 200), (120, 190, 220), (70, 110, 160))[rng.integers(3)], rng, 0.04)
    model.add(disc((wide * 0.62, -0.1, 0.3), 0.14), (90, 100, 190), closed=False)


def _front(wide: float, y: float, low: float, high: float) -> Floats:
    return np.array([[-wide / 2, y, high], [wide / 2, y, high], [wide / 2, y, low], [-wide / 2, y, low]])


def lettering(rng: Rng, width: int, height: int, paper: Color) -> Image:
    """(height, width, 4) a board with one line of character-like marks."""
    from edge.sim.posters import glyph

    image = np.empty((height, width, 4), np.uint8)
    image[:] = (*(min(255, max(0, round(c))) for c in paper), 255)
    ink = (
        (40, 40, 215)
        if rng.random() < 0.4 and sum(paper) > 380
        else (245, 250, 250)
        if sum(paper) < 420
        else (30, 30, 40)
    )
    size = int(height * 0.7)
    count = max(2, min(width // (size + 6), int(rng.integers(3, 7))))
    for i in range(count):
        glyph(image, int((i + 0.5) * width / count - size / 2), (height - size) // 2, size, ink, rng, max(2, size // 9))
    return image
