"""A flight as QGroundControl's .plan file and back. Source: QGroundControl developer guide, "Plan File Format"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from drone.mission.errors import PlanError
from drone.mission.frame import E7
from drone.mission.items import MavFrame, MissionItem, Upload, fence_from, fence_items, flight_from, mission_items
from drone.mission.plan import Fence, Flight, Plan, Ring

FIRMWARE_ARDUPILOT, VEHICLE_QUADROTOR = 3, 2
ALTITUDE_MODES = {MavFrame.GLOBAL_RELATIVE_ALT: 1, MavFrame.GLOBAL_TERRAIN_ALT: 4}


def to_qgc(plan: Plan) -> list[dict[str, Any]]:
    """One .plan document per flight."""
    return [_document(flight, plan.fence) for flight in plan.flights]


def from_qgc(documents: Sequence[Any]) -> Plan:
    """The plan out of its flights' documents. Raises PlanError for other files."""
    if not documents:
        raise PlanError("no flight in it")
    uploads = [_upload(document) for document in documents]
    fences = {fence_from(upload.fence) for upload in uploads}
    if len(fences) != 1:
        raise PlanError("the .plan files have different fences; they are not of one plan")
    return Plan(fences.pop(), tuple(flight_from(upload.mission) for upload in uploads))


def _document(flight: Flight, fence: Fence) -> dict[str, Any]:
    items = mission_items(flight, home_first=False)
    kinds = ((True, fence.inside), (False, fence.outside))
    polygons = [
        {"inclusion": inside, "polygon": [_degrees(place) for place in ring], "version": 1}
        for inside, rings in kinds
        for ring in rings
    ]
    mission = {
        "version": 2,
        "firmwareType": FIRMWARE_ARDUPILOT,
        "vehicleType": VEHICLE_QUADROTOR,
        "cruiseSpeed": flight.speed_mps,
        "hoverSpeed": flight.speed_mps,
        "globalPlanAltitudeMode": ALTITUDE_MODES[_frame(flight)],
        "plannedHomePosition": [*_degrees(flight.home), 0],
        "items": [_item(item) for item in items],
    }
    return {
        "fileType": "Plan",
        "version": 1,
        "groundStation": "QGroundControl",
        "mission": mission,
        "geoFence": {"version": 2, "circles": [], "polygons": polygons},
        "rallyPoints": {"version": 2, "points": []},
    }


def _frame(flight: Flight) -> MavFrame:
    return MavFrame.GLOBAL_TERRAIN_ALT if flight.above == "ground" else MavFrame.GLOBAL_RELATIVE_ALT


def _degrees(place: tuple[int, int]) -> list[float]:
    return [place[0] / E7, place[1] / E7]


def _item(item: MissionItem) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "SimpleItem",
        "autoContinue": True,
        "command": int(item.command),
        "doJumpId": item.seq + 1,
        "frame": int(item.frame),
        "params": [item.param1, item.param2, item.param3, item.param4, *_degrees((item.x, item.y)), item.z],
    }
    if mode := ALTITUDE_MODES.get(MavFrame(item.frame)):
        made |= {"Altitude": item.z, "AltitudeMode": mode, "AMSLAltAboveTerrain": None}
    return made


def _upload(document: Any) -> Upload:
    try:
        if document["fileType"] != "Plan":
            raise PlanError("not a .plan file of QGroundControl")
        items = tuple(_read(number, item) for number, item in enumerate(document["mission"]["items"]))
        rings = [(bool(p["inclusion"]), _ring(p["polygon"])) for p in document["geoFence"]["polygons"]]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, PlanError):
            raise
        raise PlanError(f"not a .plan file of ours ({type(error).__name__}: {error}); export it again") from None
    inside, outside = (tuple(r for kind, r in rings if kind is wanted) for wanted in (True, False))
    return Upload(items, fence_items(Fence(inside, outside)))


def _ring(corners: Any) -> Ring:
    return tuple((round(lat * E7), round(lon * E7)) for lat, lon in corners)


def _read(number: int, item: Any) -> MissionItem:
    if item["type"] != "SimpleItem":
        raise PlanError(f"item {number + 1}: {item['type']} is in no plan of ours")
    p1, p2, p3, p4, lat, lon, z = (0.0 if p is None else float(p) for p in item["params"])
    # numbered from 1 as if home stood before them: item 0 of a mission without home is the take-off
    return MissionItem(
        number + 1, int(item["frame"]), int(item["command"]), p1, p2, p3, p4, round(lat * E7), round(lon * E7), z
    )


def encode(document: dict[str, Any]) -> bytes:
    """A document as the file's bytes."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2)
