"""The gimbal by gimbal protocol v2 (the manager only): where it looks, and where it is told to look.

Source: https://mavlink.io/en/services/gimbal_v2.html. Measured on ArduCopter 4.6: flags are 44 (roll and pitch locked
to the horizon, yaw in the vehicle's frame), so the quaternion's yaw is relative to the vehicle.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from drone.autopilot.commands import Command, command
from drone.autopilot.types import Address
from drone.autopilot.wire import Message, mav

_IN_VEHICLE = mav.GIMBAL_DEVICE_FLAGS_YAW_IN_VEHICLE_FRAME
_IN_EARTH = mav.GIMBAL_DEVICE_FLAGS_YAW_IN_EARTH_FRAME
_LOCK = mav.GIMBAL_DEVICE_FLAGS_YAW_LOCK
_HORIZON = mav.GIMBAL_MANAGER_FLAGS_ROLL_LOCK | mav.GIMBAL_MANAGER_FLAGS_PITCH_LOCK


class YawFrame(StrEnum):
    """What yaw 0 is."""

    VEHICLE = "vehicle"
    NORTH = "north"


@dataclass(frozen=True)
class GimbalAttitude:
    """Where the gimbal device looks. q: w, x, y, z, camera forward; roll and pitch against the horizon.

    boot_s: the vehicle's clock. failed: the device reports a failure, do not place anything by it.
    """

    boot_s: float
    q: tuple[float, float, float, float]
    yaw_frame: YawFrame
    device: int
    failed: bool

    @property
    def pitch_deg(self) -> float:
        """Up is positive; straight down is -90."""
        w, x, y, z = self.q
        return math.degrees(math.asin(max(-1.0, min(1.0, 2 * (w * y - z * x)))))

    @property
    def yaw_deg(self) -> float:
        """Clockwise from above, in `yaw_frame`, -180 to 180."""
        w, x, y, z = self.q
        return math.degrees(math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))


def attitude(message: Message) -> GimbalAttitude | None:
    """A GIMBAL_DEVICE_ATTITUDE_STATUS; None when its quaternion is none (NaN, or not of length 1)."""
    q = tuple(float(value) for value in message.q)
    if not abs(math.sqrt(sum(value * value for value in q)) - 1) < 0.05:
        return None
    device = message.gimbal_device_id or message.get_srcComponent()
    frame = yaw_frame(message.flags)
    boot_s = message.time_boot_ms / 1e3
    return GimbalAttitude(boot_s, (q[0], q[1], q[2], q[3]), frame, device, message.failure_flags != 0)


def yaw_frame(flags: int) -> YawFrame:
    """By the two frame flags; a device of before them says it by its yaw lock alone (common.xml)."""
    if flags & _IN_EARTH:
        return YawFrame.NORTH
    if flags & _IN_VEHICLE:
        return YawFrame.VEHICLE
    return YawFrame.NORTH if flags & _LOCK else YawFrame.VEHICLE


def take_control(own: Address, device: int = 0) -> Command:
    """Become the one who moves the gimbal (-1: leave the secondary control as it is)."""
    return command(mav.MAV_CMD_DO_GIMBAL_MANAGER_CONFIGURE, own.system, own.component, -1, -1, 0, 0, device)


def point(pitch_deg: float, yaw_deg: float, frame: YawFrame = YawFrame.VEHICLE, device: int = 0) -> Command:
    """Look there, acknowledged. pitch: up is positive; yaw: clockwise, relative to the vehicle or to north."""
    flags = _HORIZON | (mav.GIMBAL_MANAGER_FLAGS_YAW_LOCK if frame is YawFrame.NORTH else 0)
    return command(mav.MAV_CMD_DO_GIMBAL_MANAGER_PITCHYAW, pitch_deg, yaw_deg, math.nan, math.nan, flags, 0, device)


def point_often(to: Address, pitch_deg: float, yaw_deg: float, frame: YawFrame, device: int = 0) -> Message:
    """The same as a message without acknowledgement, for following something at a rate."""
    flags = _HORIZON | (mav.GIMBAL_MANAGER_FLAGS_YAW_LOCK if frame is YawFrame.NORTH else 0)
    angles = (math.radians(pitch_deg), math.radians(yaw_deg), math.nan, math.nan)
    return mav.MAVLink_gimbal_manager_set_pitchyaw_message(to.system, to.component, flags, device, *angles)
