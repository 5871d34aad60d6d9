"""Passers-by, vendors and riders as simple jointed figures in varied clothes."""

# ruff: noqa: RUF005 (array plus tuple here is arithmetic, not concatenation)
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.sim.solid import Color, Floats, Model, blob, box, lathe, tube
from edge.sim.texture import hsv

POSES = ("walk", "stand", "sit", "ride")


@dataclass(frozen=True)
class Looks:
    """One person's size and clothes; lengths in metres."""

    height: float
    girth: float
    coat: Color
    trousers: Color
    hair: Color
    skin: Color
    shoe: Color
    hat: Color | None
    bag: Color | None
    skirt: bool


def looks(seed: int) -> Looks:
    """Draw one person's looks."""
    rng = np.random.default_rng(seed)
    tone = rng.uniform(0.75, 1.05)
    skin = (125 * tone, 160 * tone, 205 * tone)
    grey = rng.uniform(20, 130) if rng.random() < 0.3 else rng.uniform(18, 40)
    hat = hsv(rng.uniform(0, 360), rng.uniform(0.1, 0.8), rng.uniform(0.3, 0.95)) if rng.random() < 0.3 else None
    bag = hsv(rng.uniform(0, 360), rng.uniform(0.1, 0.7), rng.uniform(0.15, 0.7)) if rng.random() < 0.4 else None
    return Looks(
        rng.uniform(1.52, 1.82),
        rng.uniform(0.9, 1.2),
        hsv(rng.uniform(0, 360), rng.uniform(0, 0.8), rng.uniform(0.15, 0.95)),
        hsv(rng.uniform(190, 260), rng.uniform(0, 0.5), rng.uniform(0.12, 0.55)),
        (grey, grey, grey * 1.1),
        skin,
        hsv(rng.uniform(0, 360), rng.uniform(0, 0.4), rng.uniform(0.1, 0.9)),
        hat,
        bag,
        bool(rng.random() < 0.2),
    )


def person(seed: int, pose: str = "stand", phase: float = 0.0) -> Model:
    """A person facing +x with feet on the ground (hip on the saddle when riding); phase is the gait angle in
    radians."""
    who = looks(seed)
    scale = who.height / 1.7
    hip, lean = _hip(pose), {"ride": 0.25, "sit": 0.12, "walk": 0.04}.get(pose, 0.02)
    model = Model()
    for side in (-1, 1):
        _leg(model, who, _leg_joints(pose, hip, side, phase + (np.pi if side > 0 else 0)))
        _arm(model, who, _arm_joints(pose, hip, lean, side, phase + (0 if side > 0 else np.pi)))
    if pose == "sit":
        model.add(box((-0.03, 0, 0.17), (0.3, 0.34, 0.34), 0.85), hsv(seed % 360, 0.5, 0.5))
    _trunk(model, who, hip, lean)
    _head(model, who, hip + np.array([lean * 0.62, 0, 0.66]))
    for part in model.quads:
        part *= scale
    return model


def _hip(pose: str) -> Floats:
    return np.array([0.0, 0.0, {"walk": 0.9, "stand": 0.9, "sit": 0.42, "ride": 0.98}[pose]])


def _leg_joints(pose: str, hip: Floats, side: int, phase: float) -> list[Floats]:
    top = hip + (0, side * 0.09, 0)
    if pose == "sit":
        return [top, top + (0.40, side * 0.08, 0.04), np.array([0.42, side * 0.17, 0.07])]
    if pose == "ride":
        foot = np.array([0.17 + 0.17 * np.cos(phase), side * 0.12, 0.32 + 0.17 * np.sin(phase)])
        return [top, (top + foot) / 2 + (0.22, 0, 0.06), foot]
    if pose == "stand":
        return [top, top + (0.02, side * 0.02, -0.43), np.array([0.0, side * 0.12, 0.07])]
    swing = 0.5 * np.sin(phase)
    bend = swing - 0.55 * max(0.0, np.cos(phase))
    knee = top + 0.43 * np.array([np.sin(swing), 0, -np.cos(swing)])
    ankle = knee + 0.41 * np.array([np.sin(bend), 0, -np.cos(bend)])
    return [top, knee, ankle]


def _arm_joints(pose: str, hip: Floats, lean: float, side: int, phase: float) -> list[Floats]:
    shoulder = hip + (lean * 0.5, side * 0.19, 0.5)
    if pose == "ride":
        return [shoulder, shoulder + (0.2, side * 0.06, -0.22), np.array([0.55, side * 0.26, 1.05])]
    if pose == "sit":
        return [shoulder, shoulder + (0.06, side * 0.06, -0.27), shoulder + (0.3, -side * 0.02, -0.33)]
    swing = 0.45 * np.sin(phase) if pose == "walk" else 0.12 + 0.25 * np.sin(phase)
    elbow = shoulder + 0.28 * np.array([np.sin(swing), side * 0.15, -np.cos(swing)])
    return [shoulder, elbow, elbow + 0.25 * np.array([np.sin(swing + 0.35), 0, -np.cos(swing + 0.35)])]


def _leg(model: Model, who: Looks, joints: list[Floats]) -> None:
    hip, knee, ankle = joints
    thigh = 0.085 * who.girth
    below = who.skin if who.skirt else who.trousers
    model.add(tube(hip, knee, thigh, 0.06), who.trousers)
    model.add(tube(knee, ankle, 0.058, 0.042), below)
    model.add(blob(knee, (0.06, 0.06, 0.06), sides=6, rings=4), below)
    model.add(blob(ankle + (0.05, 0, -0.03), (0.13, 0.05, 0.045), sides=6, rings=4), who.shoe, 0.1)


def _arm(model: Model, who: Looks, joints: list[Floats]) -> None:
    shoulder, elbow, hand = joints
    model.add(blob(shoulder, (0.07, 0.065, 0.07), sides=6, rings=4), who.coat)
    model.add(tube(shoulder, elbow, 0.055, 0.045), who.coat)
    model.add(tube(elbow, hand, 0.044, 0.034), who.coat)
    model.add(blob(hand, (0.045, 0.035, 0.05), sides=6, rings=4), who.skin)


def _trunk(model: Model, who: Looks, hip: Floats, lean: float) -> None:
    wide = who.girth
    profile = [
        (0.0, -0.1),
        (0.165 * wide, -0.06),
        (0.16 * wide, 0.1),
        (0.17 * wide, 0.3),
        (0.175, 0.45),
        (0.12, 0.53),
        (0.05, 0.58),
    ]
    coat = lathe(profile, 10, (0.72, 1.1))
    coat[..., 0] += coat[..., 2] * lean
    shades = np.asarray(who.coat) * np.where(coat[..., 2].mean(1) < 0.0, 0.72, 1.0)[:, None]
    model.add(coat + hip, shades)
    if who.skirt:
        model.add(lathe([(0.24, -0.45), (0.15, 0.02)], 10) + hip, who.trousers, closed=False)
    if who.bag:
        model.add(box(hip + (-0.17, 0.0, 0.3), (0.14, 0.28, 0.38), 0.85), who.bag, 0.1)


def _head(model: Model, who: Looks, center: Floats) -> None:
    model.add(tube(center - (0.02, 0, 0.16), center, 0.05, 0.05), who.skin)
    model.add(blob(center + (0, 0, 0.03), (0.098, 0.08, 0.125), sides=10, rings=8), who.skin)
    model.add(blob(center + (-0.028, 0, 0.065), (0.1, 0.09, 0.11), sides=10, rings=7), who.hair, 0.1)
    if who.hat:
        model.add(lathe([(0.19, 0.09), (0.11, 0.11), (0.1, 0.18), (0.0, 0.2)], 12) + center, who.hat, closed=False)
