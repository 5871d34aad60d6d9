"""Random cameras and random crowds of things for training pictures."""

from __future__ import annotations

import numpy as np

from edge.sim.camera import Camera
from edge.sim.surface import PAVEMENT_M
from edge.sim.texture import Rng
from edge.sim.things import KINDS, Thing

SIZES = ((1280, 720), (1280, 720), (960, 540), (640, 480), (640, 360), (1024, 768), (1920, 1080))
# label: (most per picture, radius kept free in metres)
CROWD = {
    "stall": (3, 1.05),
    "bicycle": (5, 0.55),
    "litter_heap": (3, 0.75),
    "bin_overflow": (2, 0.7),
    "bin": (2, 0.5),
    "person": (6, 0.3),
}


def random_camera(rng: Rng) -> Camera:
    """A kiosk's camera, a hand-held or vehicle camera, or a drone."""
    width, height = SIZES[rng.integers(len(SIZES))]
    east, style = rng.uniform(-4, 4), rng.random()
    if style < 0.6:
        return Camera(
            east,
            rng.uniform(-12, -6),
            rng.uniform(2.8, 6),
            rng.normal(0, 18),
            rng.uniform(-32, -10),
            rng.uniform(55, 95),
            width,
            height,
        )
    if style < 0.85:
        return Camera(
            east,
            rng.uniform(-9, -3.2),
            rng.uniform(1.3, 2.6),
            rng.normal(0, 28),
            rng.uniform(-18, -2),
            rng.uniform(50, 85),
            width,
            height,
        )
    return Camera(
        east,
        rng.uniform(-14, -3),
        rng.uniform(7.5, 20),
        rng.normal(0, 40),
        rng.uniform(-90, -40),
        rng.uniform(45, 80),
        width,
        height,
    )


def random_things(camera: Camera, rng: Rng) -> list[Thing]:
    """Things in view of the camera, most of them standing free of each other, posters on the wall."""
    found: list[Thing] = []
    if rng.random() > 0.06:
        for label, (most, radius) in CROWD.items():
            for _ in range(int(rng.integers(0, most + 1))):
                _stand(found, label, radius, camera, rng)
        for _ in range(int(rng.integers(0, 7))):
            _stick(found, camera, rng)
        if rng.random() < 0.25:
            _row_of_bikes(found, camera, rng)
    for kind in ("tree", "lamp", "bollard"):
        if rng.random() < 0.35 and camera.pitch_deg > -50:
            found.append(Thing(f"{kind}", kind, kind, _seed(rng), rng.uniform(-8, 8), -3.8, rng.uniform(0, 360)))
    if rng.random() < 0.3:
        found.append(
            Thing("car", "car", "car", _seed(rng), rng.uniform(-7, 7), rng.uniform(-9, -5.6), rng.choice([0, 180]))
        )
    return found


def _seed(rng: Rng) -> int:
    return int(rng.integers(1 << 30))


def _place(
    found: list[Thing], radius: float, camera: Camera, rng: Rng, margin: float = 0.04
) -> tuple[float, float] | None:
    """A free place on the ground in view, mostly on the pavement, at least 2 m from the camera's foot."""
    size = np.array([camera.width, camera.height])
    for _ in range(25):
        px = rng.uniform(margin, 1 - margin, 2) * size
        spot = camera.to_ground(px)
        if camera.project([*spot, 0.0])[1] < 2.0 or not -10.5 < spot[1] < -0.45 or abs(spot[0]) > 14:
            continue
        if spot[1] < -PAVEMENT_M and rng.random() < 0.6:
            continue
        if all(
            np.hypot(spot[0] - t.east_m, spot[1] - t.north_m) > radius + CROWD.get(t.label, (0, 0.0))[1] * 0.8
            for t in found
        ):
            return float(spot[0]), float(spot[1])
    return None


def _stand(found: list[Thing], label: str, radius: float, camera: Camera, rng: Rng) -> None:
    spot = _place(found, radius, camera, rng)
    if spot is None:
        return
    kinds = KINDS[label]
    kind = kinds[rng.integers(len(kinds))]
    free = label in ("bicycle", "litter_heap") or (label == "person" and kind != "ride")
    yaw = rng.uniform(0, 360) if free or rng.random() < 0.25 else rng.normal(0, 12)
    if label == "person" and kind == "ride":
        yaw = rng.choice([0, 180]) + rng.normal(0, 10)
        phase = rng.uniform(0.1, 6.2)
        found.append(
            Thing(f"bicycle-{len(found)}", "bicycle", "city", _seed(rng), *spot, yaw, phase=float(np.degrees(phase)))
        )
        found.append(Thing(f"person-{len(found)}", label, kind, _seed(rng), spot[0], spot[1] - 0.01, yaw, phase=phase))
        return
    lean = rng.normal(0, 6) if label == "bicycle" else 0.0
    if label == "bicycle" and rng.random() < 0.06:
        lean = 80.0
    found.append(
        Thing(
            f"{label}-{len(found)}",
            label,
            kind,
            _seed(rng),
            *spot,
            yaw,
            lean_deg=lean,
            phase=rng.uniform(0, 6.28) if label == "person" else 0.0,
        )
    )
    if label == "stall" and rng.random() < 0.75:
        pose = "sit" if kind == "cloth" and rng.random() < 0.7 else "stand"
        found.append(
            Thing(
                f"vendor-{len(found)}",
                "person",
                pose,
                _seed(rng),
                spot[0] + rng.normal(0, 0.25),
                min(-0.2, spot[1] + rng.uniform(0.5, 0.75)),
                -90 + rng.normal(0, 25),
            )
        )


def _row_of_bikes(found: list[Thing], camera: Camera, rng: Rng) -> None:
    """Bicycles side by side, as in a bay or jammed against the wall."""
    spot = _place(found, 1.0, camera, rng)
    if spot is None:
        return
    yaw, step, kind = rng.choice([80, 100, 60, 90]), rng.uniform(0.4, 0.8), KINDS["bicycle"][rng.integers(4)]
    livery = _seed(rng)
    for i in range(int(rng.integers(3, 8))):
        found.append(
            Thing(
                f"row-{i}",
                "bicycle",
                kind,
                livery if rng.random() < 0.6 else _seed(rng),
                spot[0] + i * step,
                spot[1],
                yaw + rng.normal(0, 6),
                lean_deg=rng.normal(0, 4),
            )
        )


def _stick(found: list[Thing], camera: Camera, rng: Rng) -> None:
    """A poster on the part of the wall in view, free of other posters."""
    size = np.array([camera.width, camera.height])
    for _ in range(12):
        east, up = camera.east_m + rng.normal(0, 5), rng.uniform(0.5, 2.3)
        px, depth = camera.project([east, -0.01, up])
        free = all(np.hypot(east - t.east_m, up - t.up_m) > 0.8 for t in found if t.label == "poster")
        if depth > 0 and ((px > 0) & (px < size)).all() and free and abs(east) < 11.5:
            kind = KINDS["poster"][rng.integers(4)]
            width = rng.uniform(0.3, 0.75)
            shape = (width, float(np.clip(width * rng.uniform(0.75, 1.5), 0.3, 0.9)))
            found.append(Thing(f"poster-{len(found)}", "poster", kind, _seed(rng), east, -0.01, up_m=up, size_m=shape))
            return
