"""Which way the camera looks: camera, gimbal, vehicle and earth axes put together, or a refusal.

Axes: earth is north, east, down; vehicle and gimbal are forward, right, down; the camera is right, down, forward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from drone.georef.refusal import NotPlaced
from drone.telemetry.rotation import degrees_of, from_degrees, rotation_of
from drone.telemetry.sample import Gimbal, GimbalFrame, Quaternion, Telemetry

# Camera axes in gimbal axes: the picture's right is right, its down is down, the view is forward.
CAMERA = Rotation.from_matrix(np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))


@dataclass(frozen=True, slots=True)
class Fixed:
    """A camera without gimbal: its direction in vehicle axes, as roll, pitch, yaw in degrees (-90 pitch: downward)."""

    roll_deg: float = 0.0
    pitch_deg: float = 0.0
    yaw_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Stated:
    """A direction that a person states for the whole recording, against north and the horizon, in degrees."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float = 0.0


Mount = Fixed | Stated | None  # None: a gimbal, whose attitude is in the telemetry


def view(sample: Telemetry, mount: Mount = None) -> Rotation:
    """Gimbal (or fixed camera) axes -> north, east, down. Raises NotPlaced.

    With mount None the gimbal's own attitude is needed: a vehicle's attitude, such as CAMERA_FEEDBACK carries, says
    nothing of where a gimbal points, and is never taken in its place.
    """
    if isinstance(mount, Stated):
        return rotation_of(from_degrees(mount.roll_deg, mount.pitch_deg, mount.yaw_deg))
    if isinstance(mount, Fixed):
        vehicle = rotation_of(_vehicle(sample.attitude, "a fixed camera"))
        return vehicle * rotation_of(from_degrees(mount.roll_deg, mount.pitch_deg, mount.yaw_deg))
    if sample.gimbal is None:
        words = "the vehicle's attitude is not the camera's" if sample.attitude else "and none of the vehicle"
        raise NotPlaced("no gimbal", f"no attitude of the gimbal ({words}); state the camera's direction")
    return of_gimbal(sample.gimbal, sample.attitude)


def of_gimbal(gimbal: Gimbal, attitude: Quaternion | None) -> Rotation:
    """Gimbal axes -> north, east, down, by the frame that the gimbal's attitude is in. Raises NotPlaced."""
    own = rotation_of(gimbal.quaternion)
    if gimbal.frame is GimbalFrame.EARTH:
        return own
    vehicle = _vehicle(attitude, f"a gimbal told against the {gimbal.frame}")
    if gimbal.frame is GimbalFrame.BODY:
        return rotation_of(vehicle) * own
    heading = degrees_of(vehicle)[2]
    return rotation_of(from_degrees(0.0, 0.0, heading)) * own


def _vehicle(attitude: Quaternion | None, why: str) -> Quaternion:
    if attitude is None:
        raise NotPlaced("no attitude", f"{why} needs the vehicle's attitude, which the telemetry does not tell")
    return attitude
