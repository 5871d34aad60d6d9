"""What stands in a street without being a case: trees, lamp posts, cars, bollards."""

from __future__ import annotations

import numpy as np

from edge.sim.solid import Floats, Model, blob, box, circle, disc, lathe, tube
from edge.sim.texture import Rng, hsv

KINDS = ("tree", "lamp", "car", "bollard")


def furniture(kind: str, seed: int) -> Model:
    """Build one piece of street furniture."""
    rng = np.random.default_rng(seed)
    return {"tree": _tree, "lamp": _lamp, "car": _car, "bollard": _bollard}[kind](rng)


def _tree(rng: Rng) -> Model:
    """A street tree: a trunk in its pit and leaves from 3.4 m upwards."""
    model, top = Model(), rng.uniform(3.5, 4.2)
    bark = np.asarray((70, 85, 100)) * rng.uniform(0.7, 1.1)
    lean = rng.normal(0, 0.1, 2)
    radius = rng.uniform(0.09, 0.14)
    model.add(box((0, 0, 0.01), (0.9, 0.9, 0.02)), (48, 58, 68))
    trunk = tube((0, 0, 0), (*lean, top), radius, radius * 0.7, 9)
    model.add(trunk, bark * rng.uniform(0.85, 1.15, (len(trunk), 1)))
    model.add(
        tube((0, 0, 0), (*(lean * 0.3), 1.1), radius * 1.03, radius, 9), (215, 218, 218) if rng.random() < 0.5 else bark
    )
    for angle in rng.uniform(0, 6.3, 4):
        model.stroke(
            [(*lean, top - 0.6), (lean[0] + 0.9 * np.cos(angle), lean[1] + 0.9 * np.sin(angle), top + 0.6)],
            0.035,
            tuple(bark),
        )
    if rng.random() < 0.85:
        _leaves(model, (lean[0], lean[1], top + 0.9), rng)
    return model


def _leaves(model: Model, center: tuple[float, float, float], rng: Rng) -> None:
    count = 700
    direction = rng.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    spots = direction * (rng.uniform(0.3, 1, (count, 1)) ** 0.5) * (1.5, 1.5, 1.1) + center
    corners = rng.normal(0, 0.1, (count, 4, 3)) + spots[:, None]
    color = np.asarray(hsv(rng.choice([85, 95, 110, 48]), rng.uniform(0.4, 0.7), rng.uniform(0.35, 0.6)))
    model.add(corners, np.clip(color * rng.uniform(0.55, 1.35, (count, 1)), 0, 255), closed=False)


def _lamp(rng: Rng) -> Model:
    model, tone = Model(), np.asarray((105, 108, 108)) * rng.uniform(0.4, 1.4)
    model.add(lathe([(0.14, 0), (0.12, 0.35), (0.07, 0.4), (0.05, 5.5)], 10), np.clip(tone, 0, 255), 0.2)
    model.stroke([(0, 0, 5.4), (0, -1.2, 5.7)], 0.035, tuple(np.clip(tone, 0, 255)))
    return model


def _bollard(rng: Rng) -> Model:
    model = Model()
    model.add(
        lathe([(0.08, 0), (0.08, 0.7), (0.0, 0.76)], 10), (120, 122, 125) if rng.random() < 0.5 else (40, 170, 220), 0.2
    )
    model.add(lathe([(0.083, 0.5), (0.083, 0.6)], 10), (225, 225, 230))
    return model


def _car(rng: Rng) -> Model:
    """A saloon or van, 4.3 m long along x, front at +x."""
    model = Model()
    paint = np.asarray(hsv(rng.uniform(0, 360), rng.choice([0.03, 0.05, 0.7]), rng.uniform(0.15, 0.95)))
    van = rng.random() < 0.3
    roof, tail, nose = (1.75, -2.1, 1.0) if van else (1.42, -1.5, 0.55)
    side = [(-2.15, 0.3), (-2.15, 0.85), (2.15, 0.72), (2.15, 0.3)]
    _slab(model, side, 0.86, paint, 0.5)
    _slab(model, [(tail - 0.4, 0.82), (tail, roof), (nose, roof), (nose + 0.75, 0.76)], 0.74, paint, 0.5)
    _slab(
        model,
        [(tail - 0.24, 0.88), (tail + 0.02, roof - 0.08), (nose - 0.04, roof - 0.08), (nose + 0.55, 0.86)],
        0.752,
        np.array([55, 50, 46]),
        0.7,
    )
    model.add(box((tail * 0.3 + nose * 0.3, 0, 1.15), (0.08, 1.51, 0.55)), paint)
    for x in (-1.35, 1.35):
        for y in (-0.84, 0.84):
            model.add(disc((x, y * 1.03, 0.32), 0.32, 18), (35, 35, 37), closed=False)
            model.add(disc((x, y * 1.045, 0.32), 0.2, 14), (165, 168, 170), closed=False)
            model.stroke(circle((x, y, 0.32), 0.28, 18), 0.05, (32, 32, 34))
    for y in (-0.65, 0.65):
        model.add(blob((2.13, y, 0.62), (0.05, 0.16, 0.08), sides=8, rings=5), (235, 238, 240), 0.5)
        model.add(blob((-2.13, y, 0.72), (0.04, 0.15, 0.08), sides=8, rings=5), (40, 35, 190), 0.4)
    model.add(box((2.16, 0, 0.42), (0.02, 0.44, 0.13)), (190, 90, 20))
    model.add(box((-2.16, 0, 0.5), (0.02, 0.44, 0.13)), (190, 90, 20))
    return model


def _slab(model: Model, outline: list[tuple[float, float]], half: float, color: Floats, gloss: float) -> None:
    """Extrude a convex outline of four (x, z) corners to +-half in y."""
    near = np.array([[x, -half, z] for x, z in outline])
    far = near * (1, -1, 1)
    faces = [near[::-1], far] + [np.stack([near[i], near[(i + 1) % 4], far[(i + 1) % 4], far[i]]) for i in range(4)]
    model.add(np.stack(faces), color, gloss, closed=False)
