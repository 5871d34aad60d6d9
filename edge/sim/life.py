"""What moves through the street: passers-by, riders, cars, and a vendor who stops for three seconds only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edge.sim.camera import Camera
from edge.sim.texture import Rng
from edge.sim.things import KINDS, Thing

REACH_M = 15.0  # movers come and go this far east and west of the camera
STOP_S = 3.0


@dataclass(frozen=True)
class Path:
    """A straight way along the street at steady speed, with one stop on it if stop_s > 0. Metres, seconds, metres
    per second."""

    start_m: float
    end_m: float
    north_m: float
    speed: float
    stop_m: float = 0.0
    stop_s: float = 0.0

    @property
    def duration_s(self) -> float:
        """How long the whole way takes."""
        return abs(self.end_m - self.start_m) / self.speed + self.stop_s

    @property
    def rest_m(self) -> tuple[float, float]:
        """(east, north) of the stop, or of the middle of the way."""
        return (self.stop_m if self.stop_s else (self.start_m + self.end_m) / 2), self.north_m

    def travelled_m(self, age_s: float) -> float:
        """Distance covered after age_s seconds."""
        before = abs(self.stop_m - self.start_m) / self.speed if self.stop_s else np.inf
        moving = age_s if age_s < before else max(before, age_s - self.stop_s)
        return self.speed * moving

    def east_m(self, age_s: float) -> float:
        """East coordinate after age_s seconds."""
        return self.start_m + float(np.sign(self.end_m - self.start_m)) * self.travelled_m(age_s)


def moved(thing: Thing, path: Path, age_s: float, home_m: float) -> Thing:
    """The thing where it is after age_s seconds; legs and cranks turn with the distance covered."""
    east = path.east_m(age_s) + (thing.east_m - home_m)
    turn = path.travelled_m(age_s)
    if thing.label == "person":
        return replace(thing, east_m=east, phase=turn * (4.4 if thing.kind == "walk" else 2.6))
    crank = float(np.degrees(turn * 2.6)) % 360 + 0.001 if thing.label == "bicycle" else thing.phase
    return replace(thing, east_m=east, phase=crank)


def _way(camera: Camera, rng: Rng) -> tuple[float, float, float]:
    """Start, end (east metres) and heading in degrees."""
    sign = float(rng.choice([-1, 1]))
    return camera.east_m - sign * REACH_M, camera.east_m + sign * REACH_M, 0.0 if sign > 0 else 180.0


def walker_path(name: str, camera: Camera, rng: Rng) -> tuple[Path, tuple[Thing, ...]]:
    """Somebody walking past, mostly between the stalls and the parked bicycles, at times along the kerb."""
    start, end, yaw = _way(camera, rng)
    north = rng.uniform(-2.75, -2.35) if rng.random() < 0.75 else -4.5
    return Path(start, end, north, rng.uniform(1.0, 1.6)), (
        Thing(name, "person", "walk", int(rng.integers(1 << 30)), 0.0, north, yaw),
    )


def rider_path(name: str, camera: Camera, rng: Rng) -> tuple[Path, tuple[Thing, ...]]:
    """Somebody riding past on the road."""
    start, end, yaw = _way(camera, rng)
    north = rng.uniform(-5.4, -5.0)
    kinds = KINDS["bicycle"]
    bike = Thing(name, "bicycle", kinds[rng.integers(len(kinds))], int(rng.integers(1 << 30)), 0.0, north, yaw)
    rider = Thing(
        f"{name}-rider", "person", "ride", int(rng.integers(1 << 30)), -0.12 if yaw == 0 else 0.12, north - 0.01, yaw
    )
    return Path(start, end, north, rng.uniform(3.0, 4.5)), (bike, rider)


def car_path(name: str, camera: Camera, rng: Rng) -> tuple[Path, tuple[Thing, ...]]:
    """A car on the road; only its upper part shows at the lower edge of the picture."""
    start, end, yaw = _way(camera, rng)
    north = rng.uniform(-6.9, -6.5)
    return Path(start, end, north, rng.uniform(6, 9)), (
        Thing(name, "car", "car", int(rng.integers(1 << 30)), 0.0, north, yaw),
    )


def vendor_path(name: str, camera: Camera, rng: Rng) -> tuple[Path, tuple[Thing, ...]]:
    """A loaded tricycle that rolls along the kerb, stops for three seconds and goes on: too short to be filed."""
    _, _, yaw = _way(camera, rng)
    sign = 1.0 if yaw == 0 else -1.0
    start, end = camera.east_m - sign * REACH_M, camera.east_m + sign * REACH_M
    north, stop = -4.95, camera.east_m + rng.uniform(-3.5, 3.5)
    cart = Thing(name, "stall", "tricycle", int(rng.integers(1 << 30)), 0.0, north, yaw)
    pusher = Thing(f"{name}-vendor", "person", "walk", int(rng.integers(1 << 30)), sign * 0.55, north + 0.55, yaw)
    return Path(start, end, north, rng.uniform(1.4, 2.0), stop, STOP_S), (cart, pusher)
