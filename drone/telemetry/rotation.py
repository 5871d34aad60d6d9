"""Quaternions (w, x, y, z), Euler angles in the aerospace order yaw, pitch, roll, and slerp."""

from __future__ import annotations

import math

from scipy.spatial.transform import Rotation

from drone.telemetry.sample import Quaternion


def from_degrees(roll: float, pitch: float, yaw: float) -> Quaternion:
    """Yaw about down, then pitch about right, then roll about forward, in degrees; w >= 0."""
    (cr, sr), (cp, sp), (cy, sy) = (_half(angle) for angle in (roll, pitch, yaw))
    w = cr * cp * cy + sr * sp * sy
    x = sr * cp * cy - cr * sp * sy
    y = cr * sp * cy + sr * cp * sy
    z = cr * cp * sy - sr * sp * cy
    return (w, x, y, z) if w >= 0 else (-w, -x, -y, -z)


def _half(degrees: float) -> tuple[float, float]:
    half = math.radians(degrees) / 2
    return math.cos(half), math.sin(half)


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


def usable(q: tuple[float, ...]) -> bool:
    """Four finite numbers of about unit length: devices send zeros and NaN before they are ready."""
    return len(q) == 4 and all(math.isfinite(v) for v in q) and 0.9 < math.fsum(v * v for v in q) < 1.1


def slerp(a: Quaternion, b: Quaternion, share: float) -> Quaternion:
    """The attitude on the shorter way from `a` to `b`; share 0 to 1. Plain arithmetic (Shoemake 1985): scipy's Slerp
    takes 50 times as long for one pair, and every picture needs a dozen."""
    dot = math.fsum(p * q for p, q in zip(a, b, strict=True))
    turn = -1.0 if dot < 0 else 1.0
    angle = math.acos(min(1.0, abs(dot)))
    if angle < 1e-6:  # so near that sin(angle) says nothing: a straight line is the arc
        first, second = 1.0 - share, turn * share
    else:
        first, second = (
            math.sin((1 - share) * angle) / math.sin(angle),
            turn * math.sin(share * angle) / math.sin(angle),
        )
    w, x, y, z = (first * p + second * q for p, q in zip(a, b, strict=True))
    norm = math.sqrt(w * w + x * x + y * y + z * z)
    return (w / norm, x / norm, y / norm, z / norm)
