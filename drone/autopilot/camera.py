"""What the camera says it took, by camera protocol v2, with ArduPilot's CAMERA_FEEDBACK as the fallback.

Source: https://mavlink.io/en/services/camera.html. Measured on ArduCopter 4.6: it sends CAMERA_FEEDBACK and no
CAMERA_IMAGE_CAPTURED, and the attitude in it is the vehicle's, not the camera's. A Capture says whose attitude it has,
and with a gimbal nothing may be placed by the vehicle's.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from drone.autopilot.types import Address
from drone.autopilot.wire import Message, source

CAMERA_INFORMATION = 259
SEEN_MAX = 4096
HELD_MAX = 256
# How long the first CAMERA_FEEDBACK waits for a CAMERA_IMAGE_CAPTURED of the same picture; then it is all there is.
DECIDE_S = 2.0


class AttitudeOf(StrEnum):
    """Whose attitude a capture carries."""

    CAMERA = "camera"
    VEHICLE = "vehicle"
    NONE = "none"


@dataclass(frozen=True)
class Capture:
    """One picture taken. lat, lon: degrees WGS-84; heights: metres above mean sea level and above home.

    boot_s: the vehicle's clock when the message has it; utc_s: UTC when it has it. q: w, x, y, z.
    """

    camera: Address
    index: int
    boot_s: float | None
    utc_s: float | None
    lat: float
    lon: float
    alt_msl_m: float
    alt_home_m: float
    q: tuple[float, float, float, float] | None
    attitude_of: AttitudeOf
    url: str


class Captures:
    """Pictures as the line reports them, each once."""

    def __init__(self) -> None:
        self.repeated = 0
        self.failed = 0
        self.fallback_dropped = 0
        self._seen: OrderedDict[tuple[str, Address, int], None] = OrderedDict()
        self._protocol_v2 = False
        self._fallback = False
        self._held: list[Capture] = []
        self._held_until_s = 0.0

    def reset(self) -> None:
        """The vehicle has started anew, its picture numbers too."""
        self._seen.clear()

    def tick(self, now_s: float) -> list[Capture]:
        """Captures that waited for a v2 message which did not come."""
        if not self._held or now_s < self._held_until_s:
            return []
        self._fallback = True
        released, self._held = self._held, []
        return released

    def receive(self, message: Message, now_s: float) -> Capture | None:
        """A new capture, or None. Once a camera speaks v2, its CAMERA_FEEDBACK tells nothing new."""
        name = message.get_type()
        if name == "CAMERA_IMAGE_CAPTURED":
            self._protocol_v2 = True
            self.fallback_dropped += len(self._held)
            self._held.clear()
            if message.capture_result == 0:
                self.failed += 1
                return None
            return _captured(message) if self._new(name, message, message.image_index) else None
        if name == "CAMERA_FEEDBACK":
            if self._protocol_v2:
                self.fallback_dropped += 1
                return None
            return self._by_feedback(message, now_s) if self._new(name, message, message.img_idx) else None
        return None

    def _by_feedback(self, message: Message, now_s: float) -> Capture | None:
        found = _feedback(message)
        if self._fallback or len(self._held) >= HELD_MAX:
            return found
        if not self._held:
            self._held_until_s = now_s + DECIDE_S
        self._held.append(found)
        return None

    def _new(self, name: str, message: Message, index: int) -> bool:
        key = (name, source(message), index)
        if key in self._seen:
            self.repeated += 1
            return False
        self._seen[key] = None
        if len(self._seen) > SEEN_MAX:
            self._seen.popitem(last=False)
        return True


def _captured(m: Message) -> Capture:
    q = (float(m.q[0]), float(m.q[1]), float(m.q[2]), float(m.q[3]))
    known = abs(math.sqrt(sum(value * value for value in q)) - 1) < 0.05
    return Capture(
        camera=source(m),
        index=m.image_index,
        boot_s=m.time_boot_ms / 1e3,
        utc_s=m.time_utc / 1e6 or None,
        lat=m.lat / 1e7,
        lon=m.lon / 1e7,
        alt_msl_m=m.alt / 1e3,
        alt_home_m=m.relative_alt / 1e3,
        q=q if known else None,
        attitude_of=AttitudeOf.CAMERA if known else AttitudeOf.NONE,
        url=m.file_url.decode("utf-8", "replace") if isinstance(m.file_url, bytes) else str(m.file_url),
    )


def _feedback(m: Message) -> Capture:
    return Capture(
        camera=source(m),
        index=m.img_idx,
        boot_s=None,
        utc_s=m.time_usec / 1e6 or None,
        lat=m.lat / 1e7,
        lon=m.lng / 1e7,
        alt_msl_m=m.alt_msl,
        alt_home_m=m.alt_rel,
        q=quaternion(m.roll, m.pitch, m.yaw),
        attitude_of=AttitudeOf.VEHICLE,
        url="",
    )


def quaternion(roll_deg: float, pitch_deg: float, yaw_deg: float) -> tuple[float, float, float, float]:
    """Euler angles (ZYX, as MAVLink has them) to w, x, y, z."""
    half = [math.radians(angle) / 2 for angle in (roll_deg, pitch_deg, yaw_deg)]
    (cr, cp, cy), (sr, sp, sy) = [math.cos(a) for a in half], [math.sin(a) for a in half]
    return (
        cr * cp * cy + sr * sp * sy,
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
    )
