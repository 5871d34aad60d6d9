"""osd and state of docks and aircraft: the aircraft's into the project's one telemetry type, the dock's into its state.

Source: DJI Cloud API documentation v1.11, properties of M3D and Dock 2. Heights: `height` is "relative to the earth
ellipsoid: height over the take-off point plus the take-off point's ellipsoid height", `elevation` is over the take-off
point; neither is over mean sea level. `attitude_head` is from true north. What the gimbal's yaw is measured from the
documentation does not say; DJI's SDKs measure it from north, which is assumed here.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from drone.dji.fields import Sn, Text
from drone.dji.messages import BadMessage, Envelope, body
from drone.telemetry.rotation import from_degrees
from drone.telemetry.sample import Fix, Gimbal, GimbalFrame, HeightDatum, Position, Telemetry

PAYLOAD = re.compile(r"\d{1,5}-\d{1,5}-\d{1,3}")  # type-subtype-gimbalindex
HEIGHT_LIMIT_M = 20_000.0
FIXED = 2
RTK_FIXED = 10

Number = Annotated[float, Meta(ge=-1e9, le=1e9)]


class Satellites(msgspec.Struct, frozen=True):
    """is_fixed 2: converged; quality 10: RTK fixed."""

    is_fixed: int = 0
    quality: int = 0
    gps_number: int = 0
    rtk_number: int = 0


class Battery(msgspec.Struct, frozen=True):
    """Per cent; remain_flight_time in seconds."""

    capacity_percent: int | None = None
    remain_flight_time: int | None = None
    return_home_power: int | None = None


class Head(msgspec.Struct, frozen=True):
    """What a gimbal tells, under the key of its payload."""

    gimbal_pitch: Number | None = None
    gimbal_roll: Number = 0.0
    gimbal_yaw: Number | None = None


class AircraftOsd(msgspec.Struct, frozen=True):
    """Properties of an aircraft, those that are needed."""

    mode_code: int | None = None
    latitude: Number | None = None
    longitude: Number | None = None
    height: Number | None = None
    elevation: Number | None = None
    attitude_head: Number | None = None
    attitude_pitch: Number | None = None
    attitude_roll: Number | None = None
    horizontal_speed: Number | None = None
    position_state: Satellites | None = None
    battery: Battery | None = None


class Sub(msgspec.Struct, frozen=True):
    """The aircraft that a dock believes to be its own."""

    device_sn: Text = ""
    device_online_status: int = 0
    device_paired: int = 0


class Charge(msgspec.Struct, frozen=True):
    """state 1: charging."""

    state: int = 0
    capacity_percent: int | None = None


class Video(msgspec.Struct, frozen=True):
    """One stream of a camera."""

    video_index: Text


class LiveCamera(msgspec.Struct, frozen=True):
    """One camera that can be shown live."""

    camera_index: Text
    video_list: Annotated[list[Video], Meta(max_length=20)] = []


class LiveDevice(msgspec.Struct, frozen=True):
    """Dock or aircraft with its cameras."""

    sn: Sn
    camera_list: Annotated[list[LiveCamera], Meta(max_length=20)] = []


class LiveCapacity(msgspec.Struct, frozen=True):
    """What can be shown live."""

    device_list: Annotated[list[LiveDevice], Meta(max_length=20)] = []


class DockOsd(msgspec.Struct, frozen=True):
    """Properties of a dock; it sends them in several messages, each with a part."""

    mode_code: int | None = None
    drone_in_dock: int | None = None
    cover_state: int | None = None
    flighttask_step_code: int | None = None
    latitude: Number | None = None
    longitude: Number | None = None
    height: Number | None = None
    wind_speed: Number | None = None
    rainfall: int | None = None
    environment_temperature: Number | None = None
    emergency_stop_state: int | None = None
    first_power_on: Number | None = None
    drone_charge_state: Charge | None = None
    sub_device: Sub | None = None
    live_capacity: LiveCapacity | None = None

    def with_news(self, news: DockOsd) -> DockOsd:
        """This, with what a newer message tells."""
        told = {name: value for name in news.__struct_fields__ if (value := getattr(news, name)) is not None}
        return msgspec.structs.replace(self, **told)


def aircraft(envelope: Envelope, where: str) -> tuple[AircraftOsd, Telemetry]:
    """An aircraft's osd as it is and as telemetry at the dock's time. Raises BadMessage."""
    if not envelope.timestamp:
        raise BadMessage(f"{where}: osd without a timestamp; dropped")
    osd = body(envelope, AircraftOsd, where)
    raw = body(envelope, dict[str, Any], where)
    return osd, Telemetry(
        at_s=envelope.timestamp / 1000,
        position=_position(osd),
        attitude=_attitude(osd.attitude_roll, osd.attitude_pitch, osd.attitude_head),
        gimbal=_gimbal(raw),
        speed_m_s=osd.horizontal_speed,
        fix=_fix(osd.position_state),
    )


def _position(osd: AircraftOsd) -> Position | None:
    lat, lon = osd.latitude, osd.longitude
    if lat is None or lon is None or not (abs(lat) <= 90 and abs(lon) <= 180) or (lat == 0 and lon == 0):
        return None  # 0, 0 is what is sent before the first fix
    told = ((HeightDatum.ELLIPSOID, osd.height), (HeightDatum.HOME, osd.elevation))
    return Position(lat, lon, tuple((d, m) for d, m in told if m is not None and abs(m) <= HEIGHT_LIMIT_M))


def _attitude(roll: float | None, pitch: float | None, head: float | None) -> tuple[float, float, float, float] | None:
    if roll is None or pitch is None or head is None or max(abs(roll), abs(pitch), abs(head)) > 360:
        return None
    return from_degrees(roll, pitch, head)


def _gimbal(raw: dict[str, Any]) -> Gimbal | None:
    """Of the first payload that tells its angles: payloads stand under their own numbers, as "81-0-0"."""
    for name in sorted(key for key in raw if PAYLOAD.fullmatch(key)):
        try:
            head = msgspec.convert(raw[name], Head, strict=False)
        except msgspec.ValidationError:
            continue
        quaternion = _attitude(head.gimbal_roll, head.gimbal_pitch, head.gimbal_yaw)
        if quaternion is not None and all(map(math.isfinite, quaternion)):
            return Gimbal(quaternion, GimbalFrame.EARTH)
    return None


def _fix(state: Satellites | None) -> Fix | None:
    if state is None:
        return None
    kind = "3d" if state.gps_number >= 4 else "none"
    if state.is_fixed == FIXED and state.quality == RTK_FIXED:
        kind = "rtk-fixed"
    return Fix(kind, state.gps_number + state.rtk_number)
