"""What a person orders of a dock, as the data of its services; refused here when the dock is sure to refuse it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from drone.dji.osd import LiveCapacity
from drone.mission.frame import E7
from drone.mission.plan import Flight
from drone.mission.wpml import MAVIC3E, Model

RTH_MIN_M, RTH_MAX_M = 20, 1500
IMMEDIATE, CONDITIONAL = 0, 2
EXIT_WAYLINE = 1  # as in our KMZ: exitOnRCLost executeLostAction
WHIP = 4
TOKEN = "{token}"
QUALITIES = {"adaptive": 0, "smooth": 1, "sd": 2, "hd": 3, "uhd": 4}
# update_topo's type and sub_type -> payload number in WPML (common elements: payloadEnumValue)
PAYLOADS = {(67, 0): 52, (67, 1): 53, (77, 0): 66, (77, 1): 67, (77, 2): 68, (91, 0): 80, (91, 1): 81}


class OrderError(ValueError):
    """An order that is not given; `str()` is one line: what, where, what to do."""


class Conditions(msgspec.Struct, frozen=True):
    """When a conditional task may fly: battery in per cent, from and until in ms of UTC."""

    battery_percent: int
    begin_ms: int
    end_ms: int


class FlyOrder(msgspec.Struct, frozen=True):
    """How to fly. rth_m: height to come home at, over the dock; rtk: wait in the air until RTK has converged;
    simulate: the dock's simulator flies, nothing takes off; resume: from this break point on."""

    rth_m: int = 60
    rtk: bool = True
    simulate: bool = False
    conditions: Conditions | None = None
    resume: dict[str, Any] | None = None


def model_of(numbers: tuple[int, int] | None) -> Model:
    """Aircraft and camera for the wayline file, from what the dock reports of its aircraft."""
    if numbers is None or numbers not in PAYLOADS:
        return MAVIC3E
    return Model(numbers[0], numbers[1], PAYLOADS[numbers])


def prepare_data(
    flight_id: str, url: str, fingerprint: str, flight: Flight, order: FlyOrder
) -> Callable[[int], dict[str, Any]]:
    """flighttask_prepare, made anew for each try: an immediate task's time may differ from the dock's by 30 s at most.
    Raises OrderError."""
    if not RTH_MIN_M <= order.rth_m <= RTH_MAX_M:
        raise OrderError(f"return height {order.rth_m} m: docks take {RTH_MIN_M} to {RTH_MAX_M} m; give --rth")
    fixed: dict[str, Any] = {
        "flight_id": flight_id,
        "task_type": CONDITIONAL if order.conditions else IMMEDIATE,
        "file": {"url": url, "fingerprint": fingerprint},
        "rth_altitude": order.rth_m,
        "rth_mode": 1,
        "out_of_control_action": 0,
        "exit_wayline_when_rc_lost": EXIT_WAYLINE,
        "wayline_precision_type": int(order.rtk),
    }
    if order.conditions:
        when = order.conditions
        fixed["ready_conditions"] = {
            "battery_capacity": when.battery_percent,
            "begin_time": when.begin_ms,
            "end_time": when.end_ms,
        }
    if order.resume:
        fixed["break_point"] = order.resume
    if order.simulate:
        lat, lon = flight.home
        fixed["simulate_mission"] = {"is_enable": 1, "latitude": lat / E7, "longitude": lon / E7}
    return lambda unix_ms: fixed | {"execute_time": order.conditions.begin_ms if order.conditions else unix_ms}


def live_data(video_id: str, whip: str, quality: str, token: Callable[[str], str] | None = None) -> dict[str, Any]:
    """live_start_push by WHIP. token: makes one for a camera, for an address with {token} in it: the Cloud API knows
    `url` alone, no header, so what lets a dock in must stand there. Raises OrderError."""
    if not whip:
        raise OrderError("no live ingest to send the picture to; set whip in the settings")
    if quality not in QUALITIES:
        raise OrderError(f"quality {quality!r}: give one of {', '.join(QUALITIES)}")
    camera = video_id.split("/")[0]
    url = whip.replace("{camera}", camera)
    if TOKEN in url:
        if token is None:
            raise OrderError("whip asks for a {token}, and nothing makes one; set live_key to the ingest's data folder")
        url = url.replace(TOKEN, token(camera))
    return {"url_type": WHIP, "url": url, "video_id": video_id, "video_quality": QUALITIES[quality]}


def shown(url: str) -> str:
    """An address for people and logs: without what lets one in."""
    return url.partition("?")[0]


def videos(capacity: LiveCapacity | None) -> list[str]:
    """Every stream that the dock says it can send, as its id: serial number, camera, stream."""
    devices = capacity.device_list if capacity else []
    return [
        f"{device.sn}/{camera.camera_index}/{video.video_index}"
        for device in devices
        for camera in device.camera_list
        for video in camera.video_list
    ]


def video_of(wanted: str, capacity: LiveCapacity | None, own: frozenset[str], dock_sn: str) -> str:
    """The stream to send: as wanted, or the aircraft's first, or the dock's. Raises OrderError."""
    known = videos(capacity)
    if wanted:
        if wanted.split("/")[0] not in own or wanted.count("/") != 2:
            raise OrderError(f"video {wanted}: no stream of this dock; its streams: {', '.join(known) or 'none told'}")
        return wanted
    if not known:
        raise OrderError(f"{dock_sn} has not told which cameras it can show; give --video SN/CAMERA/STREAM")
    return next((video for video in known if not video.startswith(f"{dock_sn}/")), known[0])
