"""A flight as DJI's WPML (a KMZ with template.kml and waylines.wpml) and back.

Source: DJI Cloud API, "DJI WPML" (template.kml, waylines.wpml, common elements), namespace wpmz/1.0.2. WPML has no
fence, so it goes along as wpmz/res/fence.json; `res` is the format's place for other files. After the last waypoint,
which is above home, the aircraft lands (`goHome`).
"""

from __future__ import annotations

import io
import zipfile
from typing import Any
from xml.etree import ElementTree as Xml

import msgspec

from drone.mission.frame import E7, GeoE7
from drone.mission.plan import Above, Fence, Flight, Plan, Waypoint

KML, WPML = "http://www.opengis.net/kml/2.2", "http://www.dji.com/wpmz/1.0.2"
HEIGHT_MODES: dict[Above, str] = {"home": "relativeToStartPoint", "ground": "realTimeFollowSurface"}
FENCE = "wpmz/res/fence.json"
FILE_MAX = 5_000_000
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same plan gives the same bytes


class Model(msgspec.Struct, frozen=True):
    """DJI's numbers of an aircraft and its camera; default Mavic 3 Enterprise (77-0) with its wide camera (66)."""

    drone: int = 77
    drone_sub: int = 0
    payload: int = 66
    payload_position: int = 0


MAVIC3E = Model()


def to_kmz(plan: Plan, model: Model = MAVIC3E) -> list[bytes]:
    """One KMZ per flight."""
    return [_packed(flight, plan.fence, model) for flight in plan.flights]


def _packed(flight: Flight, fence: Fence, model: Model) -> bytes:
    files = {
        "wpmz/template.kml": _document(flight, model, template=True),
        "wpmz/waylines.wpml": _document(flight, model, template=False),
        FENCE: msgspec.json.encode(fence),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _document(flight: Flight, model: Model, template: bool) -> bytes:
    Xml.register_namespace("", KML)
    Xml.register_namespace("wpml", WPML)
    root = Xml.Element(f"{{{KML}}}kml")
    document = Xml.SubElement(root, f"{{{KML}}}Document")
    if template:
        _put(document, author="zhuomu", createTime=0, updateTime=0)
    _put(_sub(document, "missionConfig"), **_config(flight, template), **_numbers(model))
    folder = Xml.SubElement(document, f"{{{KML}}}Folder")
    if template:
        _put(folder, templateType="waypoint", templateId=0, autoFlightSpeed=flight.speed_mps)
        system = {"coordinateMode": "WGS84", "heightMode": HEIGHT_MODES[flight.above]}
        _put(folder, waylineCoordinateSysParam=system, globalHeight=flight.height_m, gimbalPitchMode="usePointSetting")
    else:
        _put(folder, templateId=0, executeHeightMode=HEIGHT_MODES[flight.above], waylineId=0)
        _put(folder, autoFlightSpeed=flight.speed_mps)
    for index, waypoint in enumerate(flight.waypoints):
        _placemark(folder, flight, index, waypoint, template)
    return bytes(Xml.tostring(root, encoding="utf-8", xml_declaration=True))


def _config(flight: Flight, template: bool) -> dict[str, Any]:
    config: dict[str, Any] = {"flyToWaylineMode": "safely", "finishAction": "goHome"}
    config |= {"exitOnRCLost": "executeLostAction", "executeRCLostAction": "goBack"}
    config["takeOffSecurityHeight"] = flight.height_m
    if template:
        config["takeOffRefPoint"] = f"{_text(flight.home)},0.000000"
    return config | {"globalTransitionalSpeed": flight.speed_mps}


def _numbers(model: Model) -> dict[str, Any]:
    drone = {"droneEnumValue": model.drone, "droneSubEnumValue": model.drone_sub}
    payload = {"payloadEnumValue": model.payload, "payloadPositionIndex": model.payload_position}
    return {"droneInfo": drone, "payloadInfo": payload}


def _placemark(folder: Xml.Element, flight: Flight, index: int, waypoint: Waypoint, template: bool) -> None:
    place = Xml.SubElement(folder, f"{{{KML}}}Placemark")
    point = Xml.SubElement(place, f"{{{KML}}}Point")
    at = f"{waypoint.lon_e7 / E7:.7f},{waypoint.lat_e7 / E7:.7f}"
    Xml.SubElement(point, f"{{{KML}}}coordinates").text = at
    heights = {"ellipsoidHeight": waypoint.height_m, "height": waypoint.height_m}
    _put(place, index=index, **(heights if template else {"executeHeight": waypoint.height_m}))
    heading: dict[str, Any] = {"waypointHeadingMode": "followWayline"}
    if waypoint.look_at:
        heading = {"waypointHeadingMode": "towardPOI", "waypointPoiPoint": f"{_text(waypoint.look_at)},0.000000"}
    _put(place, waypointSpeed=flight.speed_mps, waypointHeadingParam=heading)
    turn = {"waypointTurnMode": "toPointAndStopWithDiscontinuityCurvature", "waypointTurnDampingDist": 0}
    _put(place, waypointTurnParam=turn, useStraightLine=1)
    for number, group in enumerate(_groups(flight, index, waypoint)):
        _put(place, actionGroup={"actionGroupId": 3 * index + number, **group})


def _groups(flight: Flight, index: int, waypoint: Waypoint) -> list[dict[str, Any]]:
    """Action groups: camera angle, hold and single picture on arrival; pictures by distance to the next waypoint."""
    actions: list[tuple[str, dict[str, Any]]] = []
    if index == 0:
        angle = {"gimbalRotateMode": "absoluteAngle", "gimbalPitchRotateEnable": 1}
        actions.append(("gimbalRotate", angle | {"gimbalPitchRotateAngle": flight.pitch_deg, **_PAYLOAD}))
    if waypoint.hold_s:
        actions.append(("hover", {"hoverTime": waypoint.hold_s}))
    if waypoint.shot:
        actions.append(("takePhoto", {"fileSuffix": f"check-{index}", **_PAYLOAD}))
    groups = [_group(index, index, {"actionTriggerType": "reachPoint"}, actions)] if actions else []
    if waypoint.trigger_m:
        trigger = {"actionTriggerType": "multipleDistance", "actionTriggerParam": waypoint.trigger_m}
        groups.append(_group(index, index + 1, trigger, [("takePhoto", {"fileSuffix": f"line-{index}", **_PAYLOAD})]))
    return groups


_PAYLOAD = {"payloadPositionIndex": 0}


def _group(start: int, end: int, trigger: dict[str, Any], actions: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    made: dict[str, Any] = {"actionGroupStartIndex": start, "actionGroupEndIndex": end, "actionGroupMode": "sequence"}
    listed = [
        {"actionId": n, "actionActuatorFunc": name, "actionActuatorFuncParam": param}
        for n, (name, param) in enumerate(actions)
    ]
    return made | {"actionTrigger": trigger, "action": listed}


def _text(place: GeoE7) -> str:
    return f"{place[0] / E7:.7f},{place[1] / E7:.7f}"


def _sub(parent: Xml.Element, name: str) -> Xml.Element:
    return Xml.SubElement(parent, f"{{{WPML}}}{name}")


def _put(parent: Xml.Element, **values: Any) -> None:
    """Child elements: a dict nests, a list repeats."""
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            child = _sub(parent, name)
            if isinstance(one, dict):
                _put(child, **one)
            else:
                child.text = str(one)
