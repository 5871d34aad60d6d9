"""Heaps of rubbish, street bins and overflowing bins."""

# ruff: noqa: RUF005 (array plus tuple here is arithmetic, not concatenation)
from __future__ import annotations

import numpy as np

from edge.sim.solid import Color, Model, blob, box, lathe
from edge.sim.texture import Rng, hsv

HEAPS = ("bags", "boxes", "mixed", "rubble")
BINS = ("wheelie", "dual", "drum")
BAG_COLORS: tuple[Color, ...] = (
    (38, 36, 36),
    (30, 28, 30),
    (225, 225, 228),
    (60, 55, 190),
    (190, 120, 50),
    (90, 170, 90),
    (170, 170, 165),
)


def heap(kind: str, seed: int) -> Model:
    """Rubbish lying on the ground, 0.7 to 1.6 m across and up to 0.8 m high."""
    rng = np.random.default_rng(seed)
    model, spread = Model(), rng.uniform(0.35, 0.62)
    if kind == "rubble":
        _rubble(model, spread, rng)
    for i in range(int(rng.integers(5, 11)) if kind != "rubble" else 2):
        _item(model, kind, _spot(i, spread, rng), rng)
    _scraps(model, spread * 1.4, int(rng.integers(4, 16)), rng)
    return model


def _spot(index: int, spread: float, rng: Rng) -> tuple[float, float, float]:
    """The first items lie on the ground, later ones on top of them near the middle."""
    above = index >= 5
    radius = spread * (0.35 if above else 1.0) * rng.uniform(0.3, 1.0)
    angle = index * 2.4 + rng.uniform(-0.5, 0.5)
    return radius * np.cos(angle), 0.7 * radius * np.sin(angle), rng.uniform(0.2, 0.32) if above else 0.0


def _item(model: Model, kind: str, spot: tuple[float, float, float], rng: Rng) -> None:
    boxy = {"bags": 0.12, "boxes": 0.8, "mixed": 0.45, "rubble": 0.3}[kind]
    if rng.random() < boxy:
        carton(model, spot, rng)
    else:
        bag(model, spot, rng)


def bag(model: Model, spot: tuple[float, float, float], rng: Rng, size: float = 1.0) -> None:
    """A tied bin liner: a crumpled body, darker folds, a knot on top."""
    color = np.asarray(BAG_COLORS[rng.integers(len(BAG_COLORS))]) * rng.uniform(0.8, 1.15)
    a, b, c = rng.uniform(0.17, 0.28, 3) * size
    c *= rng.uniform(0.75, 1.0)
    x, y, z = spot
    body = blob((x, y, z + c * 0.85), (a, b, c), rng, 0.05, 16, 11)
    body[..., 2] = np.maximum(body[..., 2], 0.003)
    model.add(body, np.clip(color * rng.uniform(0.85, 1.12, (len(body), 1)), 0, 255), 0.3)
    knot = lathe([(0.07, 0.0), (0.025, 0.06), (0.06, 0.13)], 6)
    model.add(knot * size + (x + rng.normal(0, 0.03), y, z + c * 1.7), color * 0.9, 0.3, closed=False)


def carton(model: Model, spot: tuple[float, float, float], rng: Rng) -> None:
    """A cardboard or foam box, perhaps open or with tape along it."""
    foam = rng.random() < 0.2
    color = np.asarray((232, 235, 235) if foam else (95, 140, 178)) * rng.uniform(0.8, 1.1)
    size = rng.uniform(0.24, 0.5, 3) * (1, 1, 0.75)
    part = Model()
    part.add(box((0, 0, size[2] / 2), size), np.clip(color, 0, 255))
    if rng.random() < 0.5:
        part.add(box((0, 0, size[2] * 0.99), (size[0] * 0.92, size[1] * 0.92, 0.012)), color * 0.42)
        for side in (-1, 1):
            flap = box((0, 0, 0), (size[0], size[1] * 0.48, 0.01))
            part.add(flap + (0, side * size[1] * 0.7, size[2] * 1.02), color * 1.02)
    else:
        part.add(box((0, 0, size[2] / 2), (size[0] * 1.005, 0.06, size[2] * 1.01)), np.clip(color * 1.25, 0, 255), 0.3)
    model.join(part.placed(spot[0], spot[1], rng.uniform(0, 180), spot[2], rng.normal(0, 7) if spot[2] else 0.0))


def _rubble(model: Model, spread: float, rng: Rng) -> None:
    for _ in range(int(rng.integers(35, 70))):
        radius, angle = spread * abs(rng.normal(0, 0.6)), rng.uniform(0, 6.3)
        x, y = radius * np.cos(angle), 0.75 * radius * np.sin(angle)
        z = max(0.02, 0.32 * (1 - radius / spread) * rng.uniform(0.5, 1))
        color = np.asarray((120, 130, 140) if rng.random() < 0.6 else (70, 85, 150)) * rng.uniform(0.7, 1.3)
        model.join(_brick(color, rng).placed(x, y, rng.uniform(0, 180), z))


def _brick(color: np.ndarray, rng: Rng) -> Model:
    part = Model()
    part.add(box((0, 0, 0), rng.uniform(0.05, 0.2, 3), rng.uniform(0.6, 1)), color)
    return part


def _scraps(model: Model, spread: float, count: int, rng: Rng) -> None:
    """Paper, wrappers, cups and bottles around the heap."""
    for _ in range(count):
        x, y = rng.normal(0, spread * 0.5), rng.normal(0, spread * 0.35)
        if abs(x) > spread or abs(y) > spread * 0.7:
            continue
        if rng.random() < 0.3:
            tone = hsv(rng.uniform(0, 360), rng.uniform(0, 0.7), rng.uniform(0.5, 1))
            bottle = lathe([(0.0, 0), (0.035, 0.005), (0.035, 0.14), (0.013, 0.19), (0.013, 0.22)], 7)
            part = Model()
            part.add(bottle, tone, 0.5)
            model.join(part.placed(x, y, rng.uniform(0, 360), 0.04, 85.0))
        else:
            corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * rng.uniform(0.04, 0.13) + rng.normal(
                0, 0.02, (4, 3)
            )
            corners[:, 2] = np.abs(corners[:, 2]) + 0.005
            model.add(
                corners[None] + (x, y, 0),
                hsv(rng.uniform(0, 360), rng.uniform(0, 0.5), rng.uniform(0.6, 1)),
                closed=False,
            )


def bin_(kind: str, seed: int, overflowing: bool = False) -> Model:
    """A street bin, about 0.5 m wide and 1 m high; the same seed gives the same bin, empty or overflowing."""
    rng = np.random.default_rng(seed)
    model, top = Model(), 0.9
    if kind == "wheelie":
        top = _wheelie(model, overflowing, rng)
    elif kind == "dual":
        top = _dual(model, rng)
    else:
        top = _drum(model, rng)
    if overflowing:
        _spill(model, top, kind, rng)
    return model


def _wheelie(model: Model, opened: bool, rng: Rng) -> float:
    color = np.asarray(((70, 110, 35), (150, 90, 30), (60, 60, 65), (50, 50, 170))[rng.integers(4)]) * rng.uniform(
        0.8, 1.2
    )
    model.add(box((0, 0, 0.5), (0.42, 0.48, 0.9), 1.22), color, 0.12)
    model.add(box((0, 0, 0.93), (0.54, 0.61, 0.06)), color * 0.85)
    for side in (-1, 1):
        model.add(blob((side * 0.2, 0.24, 0.1), (0.04, 0.1, 0.1), sides=8, rings=5), (30, 30, 30))
    if opened:
        model.add(box((0, 0.33, 1.15), (0.54, 0.04, 0.5)), color * 0.95, 0.1)
    else:
        model.add(box((0, 0, 0.99), (0.56, 0.63, 0.07), 0.92), color * 1.1, 0.15)
    model.add(box((0, -0.275, 0.62), (0.2, 0.01, 0.2)), (225, 228, 228))
    return 0.97


def _dual(model: Model, rng: Rng) -> float:
    """The two-chamber bin of Chinese pavements: recyclable blue or green beside other grey or orange."""
    shell = np.asarray((150, 150, 148)) * rng.uniform(0.5, 1.1)
    left, right = (165, 105, 35), ((75, 75, 80), (40, 110, 215), (60, 125, 60))[rng.integers(3)]
    model.add(box((0, 0, 0.5), (1.0, 0.4, 0.86)), shell, 0.2)
    model.add(box((0, 0, 0.98), (1.08, 0.48, 0.06), 0.9), shell * 0.75, 0.3)
    for x, color in ((-0.25, left), (0.25, right)):
        model.add(box((x, -0.203, 0.45), (0.43, 0.012, 0.66)), color, 0.2)
        model.add(box((x, -0.205, 0.84), (0.34, 0.015, 0.13)), (18, 18, 20))
        model.add(box((x, -0.21, 0.52), (0.14, 0.012, 0.14)), (235, 235, 235))
    return 0.98


def _drum(model: Model, rng: Rng) -> float:
    color = hsv(rng.choice([20, 100, 210, 30]), rng.uniform(0.3, 0.9), rng.uniform(0.3, 0.85))
    model.add(lathe([(0.24, 0.02), (0.29, 0.8), (0.31, 0.82), (0.3, 0.86), (0.24, 0.86)], 16), color, 0.25)
    model.add(lathe([(0.24, 0.84), (0.0, 0.8)], 16), (25, 25, 25), closed=False)
    for z in (0.25, 0.6):
        model.add(lathe([(0.262 + 0.03 * z, z), (0.265 + 0.03 * z, z + 0.05)], 16), np.asarray(color) * 0.7)
    return 0.84


def _spill(model: Model, top: float, kind: str, rng: Rng) -> None:
    """Bags and cartons on top of a bin and around its foot."""
    for side in (-0.14, 0.12, 0.0):
        wide = 2.0 if kind == "dual" else 1.0
        bag(
            model,
            (side * wide + rng.normal(0, 0.03), rng.normal(0, 0.05), top - 0.06 + (0.2 if side == 0 else 0)),
            rng,
            0.8,
        )
    reach = 0.62 if kind == "dual" else 0.42
    for i in range(int(rng.integers(2, 5))):
        spot = ((reach + rng.uniform(0, 0.15)) * (1 if i % 2 else -1), rng.uniform(-0.25, 0.05), 0.0)
        bag(model, spot, rng, 0.85) if rng.random() < 0.7 else carton(model, spot, rng)
    _scraps(model, reach * 1.4, int(rng.integers(4, 10)), rng)
