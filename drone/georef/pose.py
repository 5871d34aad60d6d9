"""Where the camera was and how it moved at the moments of pictures, and what small errors of each do to its rays.

The error vector, in this order: yaw, pitch, roll (rad; about down, about the picture's right, about the view), east,
north, up (m), time (s). True pose = telemetry's pose with the vector applied; a positive time takes the telemetry of a
later moment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from drone.georef.frames import CAMERA, Mount, view
from drone.georef.geodesy import to_metres, to_places
from drone.georef.heights import Heights
from drone.telemetry.buffer import Buffer, Gap
from drone.telemetry.sample import HeightDatum, Telemetry

ERRORS = ("yaw", "pitch", "roll", "east", "north", "up", "time")
MOTION_STEP_S = 0.1

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Poses:
    """N moments. origins: (N, 3) lat, lon, height over the ground's datum; rotations: (N, 3, 3) gimbal axes -> north,
    east, down; velocities: (N, 3) m/s and turns: (N, 3) rad/s, both north, east, down."""

    origins: Array
    rotations: Array
    velocities: Array
    turns: Array

    def __len__(self) -> int:
        return len(self.origins)

    def repeat(self, count: int) -> Poses:
        """Each moment `count` times."""
        return Poses(
            *(np.repeat(a, count, axis=0) for a in (self.origins, self.rotations, self.velocities, self.turns))
        )

    @classmethod
    def joined(cls, parts: list[Poses]) -> Poses:
        """All moments of several."""
        stacked = (
            np.concatenate([getattr(p, name) for p in parts])
            for name in ("origins", "rotations", "velocities", "turns")
        )
        return cls(*stacked)

    def cast(self, camera_rays: Array, errors: Array) -> tuple[Array, Array]:
        """(N, 3) unit rays in camera axes, (N, 7) errors -> (N, 3) origins, (N, 3) unit rays in east, north, up."""
        yaw, pitch, roll, east, north, up, time = errors.T
        own = CAMERA.apply(camera_rays)
        own = Rotation.from_euler("YX", np.column_stack([pitch, roll])).apply(own)
        ned = np.einsum("nij,nj->ni", self.rotations, own)
        ned = Rotation.from_rotvec(self.turns * time[:, None]).apply(ned)
        ned = Rotation.from_euler("Z", yaw[:, None]).apply(ned)
        moved = self.velocities * time[:, None]
        shift = np.column_stack([east + moved[:, 1], north + moved[:, 0], up - moved[:, 2]])
        return to_places(shift, self.origins), np.column_stack([ned[:, 1], ned[:, 0], -ned[:, 2]])

    def uncast(self, east_north_up: Array, errors: Array) -> Array:
        """(N, 3) directions in east, north, up, (N, 7) errors -> (N, 3) rays in camera axes: `cast` backwards."""
        yaw, pitch, roll, _, _, _, time = errors.T
        ned = np.column_stack([east_north_up[:, 1], east_north_up[:, 0], -east_north_up[:, 2]])
        ned = Rotation.from_euler("Z", yaw[:, None]).inv().apply(ned)
        ned = Rotation.from_rotvec(self.turns * time[:, None]).inv().apply(ned)
        own = np.einsum("nji,nj->ni", self.rotations, ned)
        own = Rotation.from_euler("YX", np.column_stack([pitch, roll])).inv().apply(own)
        rays = CAMERA.inv().apply(own)
        unit: Array = rays / np.linalg.norm(rays, axis=1, keepdims=True)
        return unit


def pose_at(
    buffer: Buffer,
    at_s: float,
    mount: Mount,
    heights: Heights,
    datum: HeightDatum,
    step_s: float = MOTION_STEP_S,
) -> tuple[Poses, Telemetry]:
    """The pose at one moment, with its motion from the telemetry `step_s` before and after. Raises NotPlaced, Gap."""
    sample = buffer.at(at_s)
    here, turned = _place(sample, mount, heights, datum)
    (before, t0), (after, t1) = (_beside(buffer, at_s, step, mount, heights, datum) for step in (-step_s, step_s))
    span = t1 - t0
    if span <= 0:
        raise Gap(f"motion at {at_s:.3f} s: a single sample tells no motion")
    east, north, up = to_metres(np.array([after[0]]), np.array([before[0]]))[0].tolist()
    velocity = np.array([north, east, -up], np.float64) / span
    turn = (after[1] * before[1].inv()).as_rotvec() / span
    pose = Poses(np.array([here]), turned.as_matrix()[None], velocity[None], np.asarray(turn, np.float64)[None])
    return pose, sample


def fastest_turn(buffer: Buffer, at_s: float, mount: Mount, within_s: float) -> Array:
    """(3,) rad/s, north, east, down: the fastest mean turn from a moment to any known one `within_s` of it.

    A turn that begins just after the moment is none at the moment; to a clock that is that wrong it is one."""
    here = view(buffer.at(at_s), mount)
    fastest = np.zeros(3)
    for share in (-1.0, -0.5, 0.5, 1.0):
        step = share * max(within_s, MOTION_STEP_S)
        try:
            turn = (view(buffer.at(at_s + step), mount) * here.inv()).as_rotvec() / step
        except Gap:  # the recording's edge: the other side tells
            continue
        fastest = max(fastest, np.asarray(turn, np.float64), key=lambda v: float(np.linalg.norm(v)))
    return fastest


def _place(
    sample: Telemetry, mount: Mount, heights: Heights, datum: HeightDatum
) -> tuple[tuple[float, float, float], Rotation]:
    assert sample.position is not None  # the buffer gives none without
    height = heights.height_m(sample.position, datum)
    return (sample.position.lat, sample.position.lon, height), view(sample, mount)


def _beside(
    buffer: Buffer, at_s: float, step: float, mount: Mount, heights: Heights, datum: HeightDatum
) -> tuple[tuple[tuple[float, float, float], Rotation], float]:
    """The place a step before or after; at the recording's edges the moment itself."""
    try:
        return _place(buffer.at(at_s + step), mount, heights, datum), at_s + step
    except Gap:
        return _place(buffer.at(at_s), mount, heights, datum), at_s
