"""Parked and ridden bicycles: shared bikes, city bikes, mountain bikes and small folding ones."""

# ruff: noqa: RUF005 (array plus tuple here is arithmetic, not concatenation)
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.sim.solid import Color, Model, blob, box, circle, disc
from edge.sim.texture import hsv

KINDS = ("shared", "city", "mountain", "folding")
TYRE: Color = (38, 38, 40)
STEEL: Color = (165, 165, 168)
LIVERIES: tuple[Color, ...] = ((20, 190, 245), (200, 130, 20), (170, 190, 30), (60, 160, 245), (235, 235, 235))


@dataclass(frozen=True)
class Shape:
    """Measures of one bicycle in metres, wheels along x, rear wheel behind the origin."""

    wheel: float
    base: float
    seat: float
    bar: float
    tube: float
    frame: Color
    dark: Color


def bicycle(kind: str, seed: int, crank_deg: float | None = None) -> Model:
    """A bicycle standing along x with its front at +x, about 1.75 m long and 1.05 m high."""
    rng = np.random.default_rng(seed)
    shape = _shape(kind, rng)
    crank = rng.uniform(0, 360) if crank_deg is None else crank_deg
    model = Model()
    for x in (-shape.base / 2, shape.base / 2):
        _wheel(model, x, shape, rng)
    _frame(model, shape, step_through=kind in ("shared", "city", "folding"))
    _drive(model, shape, crank)
    _cockpit(model, shape, kind)
    _extras(model, shape, kind, rng)
    return model


def _shape(kind: str, rng: np.random.Generator) -> Shape:
    wheel = {"shared": 0.31, "city": 0.33, "mountain": 0.34, "folding": 0.25}[kind] * rng.uniform(0.97, 1.04)
    if kind == "shared":
        frame = LIVERIES[rng.integers(len(LIVERIES))]
    else:
        frame = hsv(rng.uniform(0, 360), rng.uniform(0, 0.9), rng.uniform(0.15, 0.9))
    dark = (45, 45, 48) if rng.random() < 0.7 else frame
    size = wheel / 0.33
    return Shape(
        wheel,
        rng.uniform(1.03, 1.1) * (0.85 + 0.15 * size),
        rng.uniform(0.84, 0.95),
        rng.uniform(0.98, 1.08),
        0.026 if kind in ("shared", "mountain") else 0.021,
        frame,
        dark,
    )


def _wheel(model: Model, x: float, s: Shape, rng: np.random.Generator) -> None:
    center, turn = (x, 0, s.wheel), rng.uniform(0, 40)
    model.stroke(circle(center, s.wheel - 0.02, 32), 0.024, TYRE)
    model.stroke(circle(center, s.wheel - 0.05, 32), 0.010, STEEL)
    for spoke in np.radians(turn + np.arange(0, 360, 30)):
        end = np.array([np.cos(spoke), 0, np.sin(spoke)]) * (s.wheel - 0.05) + center
        model.stroke(np.array([center, end]), 0.003, (150, 150, 152))
    model.stroke([(x, -0.05, s.wheel), (x, 0.05, s.wheel)], 0.025, STEEL)


def _frame(model: Model, s: Shape, step_through: bool) -> None:
    rear, front = (-s.base / 2, 0, s.wheel), (s.base / 2, 0, s.wheel)
    crank, seat = (-0.08, 0, 0.29), (-0.24, 0, s.seat - 0.08)
    head_low, head_top = (s.base / 2 - 0.17, 0, 0.62), (s.base / 2 - 0.22, 0, 0.82)
    top_end = (-0.17, 0, 0.52) if step_through else (-0.21, 0, 0.74)
    for start, end, thick in (
        (crank, head_low, 1.25),
        (top_end, head_top, 1.0),
        (crank, seat, 1.0),
        (head_low, head_top, 1.3),
    ):
        model.stroke([start, end], s.tube * thick, s.frame)
    for side in (-0.05, 0.05):
        model.stroke([(rear[0], side, rear[2]), (crank[0], side * 0.6, crank[2])], s.tube * 0.6, s.frame)
        model.stroke([(rear[0], side, rear[2]), (-0.2, side * 0.4, 0.66)], s.tube * 0.55, s.frame)
        model.stroke([(front[0], side, front[2]), (head_low[0], side * 0.8, head_low[2])], s.tube * 0.75, s.dark)


def _drive(model: Model, s: Shape, crank_deg: float) -> None:
    model.add(disc((-0.08, -0.06, 0.29), 0.09, 12), (60, 60, 62), closed=False)
    model.stroke([(-0.08, -0.06, 0.375), (-s.base / 2, -0.06, s.wheel + 0.035)], 0.006, (50, 50, 52))
    model.stroke([(-0.08, -0.06, 0.205), (-s.base / 2, -0.06, s.wheel - 0.035)], 0.006, (50, 50, 52))
    turn = np.radians(crank_deg)
    for side, sign in ((-0.1, 1), (0.1, -1)):
        end = np.array([-0.08 + sign * 0.17 * np.cos(turn), side, 0.29 + sign * 0.17 * np.sin(turn)])
        model.stroke(np.array([(-0.08, side, 0.29), end]), 0.012, STEEL)
        model.add(box(end + (0, side * 0.5, 0), (0.1, 0.08, 0.025)), (35, 35, 38))


def _cockpit(model: Model, s: Shape, kind: str) -> None:
    stem = (s.base / 2 - 0.24, 0, s.bar - 0.02)
    model.stroke([(s.base / 2 - 0.21, 0, 0.8), stem], 0.016, STEEL)
    sweep = 0.0 if kind == "mountain" else -0.13
    bar = [
        (stem[0] + sweep, -0.3, s.bar),
        (stem[0] + 0.05, -0.12, s.bar),
        (stem[0] + 0.05, 0.12, s.bar),
        (stem[0] + sweep, 0.3, s.bar),
    ]
    model.stroke(bar, 0.014, STEEL if kind != "mountain" else (50, 50, 52))
    for end in (bar[0], bar[-1]):
        model.stroke([end, (end[0] + 0.06, end[1] * 0.78, end[2])], 0.02, (40, 40, 42))
    model.stroke([(-0.23, 0, 0.7), (-0.26, 0, s.seat)], 0.015, STEEL)
    model.add(blob((-0.25, 0, s.seat + 0.02), (0.14, 0.085, 0.045)), (42, 40, 40), 0.3)


def _extras(model: Model, s: Shape, kind: str, rng: np.random.Generator) -> None:
    if kind != "mountain":
        for x, span in ((-s.base / 2, (20, 200)), (s.base / 2, (50, 190))):
            model.stroke(
                circle((x, 0, s.wheel), s.wheel + 0.025, 16, span), 0.022, s.frame if rng.random() < 0.6 else s.dark
            )
    if kind in ("shared", "city") and rng.random() < 0.8:
        _basket(model, s.base / 2 - 0.04, s.bar - 0.22, (70, 70, 72) if rng.random() < 0.6 else (150, 150, 150))
    if kind in ("city", "folding") and rng.random() < 0.6:
        model.add(box((-s.base / 2 - 0.02, 0, s.wheel + 0.36), (0.42, 0.13, 0.02)), STEEL)
    model.stroke([(-0.3, -0.06, 0.3), (-0.38, -0.2, 0.02)], 0.012, STEEL)
    model.add(box((-s.base / 2 - s.wheel * 0.75, 0, s.wheel + 0.28), (0.02, 0.06, 0.05)), (30, 30, 200))
    if kind == "shared":
        model.add(box((-s.base / 2 + 0.05, 0, s.wheel + 0.37), (0.12, 0.1, 0.07)), s.dark, 0.2)


def _basket(model: Model, x: float, z: float, color: Color) -> None:
    """A wire basket in front of the handle bar."""
    for level, grow in ((0.0, 0.8), (0.1, 0.9), (0.22, 1.0)):
        a, b = 0.14 * grow, 0.17 * grow
        loop = [
            (x - a, -b, z + level),
            (x + a, -b, z + level),
            (x + a, b, z + level),
            (x - a, b, z + level),
            (x - a, -b, z + level),
        ]
        model.stroke(loop, 0.008, color)
    for share in np.linspace(-1, 1, 6):
        for side in (-1, 1):
            model.stroke([(x + 0.11 * share, side * 0.136, z), (x + 0.14 * share, side * 0.17, z + 0.22)], 0.004, color)
            model.stroke([(x + side * 0.11, 0.136 * share, z), (x + side * 0.14, 0.17 * share, z + 0.22)], 0.004, color)
