"""Quaternions (w, x, y, z), Euler angles and slerp in the aerospace order yaw, pitch, roll; scipy does the work."""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from drone.telemetry.sample import Quaternion


def from_degrees(roll: float, pitch: float, yaw: float) -> Quaternion:
    """Yaw about down, then pitch about right, then roll about forward, in degrees."""
    return to_quaternion(Rotation.from_euler("ZYX", [yaw, pitch, roll], degrees=True))


def degrees_of(q: Quaternion) -> tuple[float, float, float]:
    """(roll, pitch, yaw) in degrees; yaw 0 to 360."""
    w, x, y, z = q
    roll = math.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = math.asin(max(-1.0, min(1.0, 2 * (w * y - z * x))))
    yaw = math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return math.degrees(roll), math.degrees(pitch), math.degrees(yaw) % 360.0


def rotation_of(q: Quaternion) -> Rotation:
    """scipy's rotation. Raises ValueError for a quaternion without length."""
    return Rotation.from_quat([q[1], q[2], q[3], q[0]])


def to_quaternion(rotation: Rotation) -> Quaternion:
    """The quaternion with w >= 0."""
    x, y, z, w = (float(v) for v in rotation.as_quat(canonical=True))
    return (w, x, y, z)


def usable(q: tuple[float, ...]) -> bool:
    """Four finite numbers of about unit length: devices send zeros and NaN before they are ready."""
    return len(q) == 4 and all(math.isfinite(v) for v in q) and 0.9 < math.fsum(v * v for v in q) < 1.1


def slerp(a: Quaternion, b: Quaternion, share: float) -> Quaternion:
    """The attitude on the shorter way from `a` to `b`; share 0 to 1."""
    both = Rotation.from_quat(np.array([[a[1], a[2], a[3], a[0]], [b[1], b[2], b[3], b[0]]]))
    return to_quaternion(Slerp([0.0, 1.0], both)(share))
