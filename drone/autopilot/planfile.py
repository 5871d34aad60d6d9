"""A plan from a file: QGroundControl's `.plan` (simple items and the fence), or a JSON list of mission items.

Source: https://docs.qgroundcontrol.com/master/en/qgc-dev-guide/file_formats/plan.html. Complex items (surveys) hold
their own simple items and are taken from there.
"""

import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

from drone.autopilot.items import DO_JUMP, ITEMS_MAX, numbered
from drone.autopilot.prepare import Plan
from drone.autopilot.types import MissionItem
from drone.autopilot.wire import mav

BYTES_MAX = 4_000_000
NAMES = tuple(field.name for field in fields(MissionItem))
UNSCALED = frozenset({mav.MAV_FRAME_MISSION})


class PlanError(Exception):
    """The file is no plan: what, where, what to do."""


def load_plan(path: Path) -> Plan:
    """Raises PlanError."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise PlanError(f"{path}: 文件过大 larger than {BYTES_MAX} bytes; split the plan")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PlanError(f"{path}: 无法读取 cannot be read: {error}") from error
    try:
        plan = _listed(content) if isinstance(content, list) else _qgc(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        kind = type(error).__name__
        raise PlanError(
            f"{path}: 不是航线文件 neither a .plan nor a list of items ({kind}: {error}); export it from QGroundControl"
        ) from error
    _check(path, plan)
    return plan


def _listed(content: list[dict[str, Any]]) -> Plan:
    """Items with the names of MissionItem; seq in the file's order, fence items by their commands."""
    items = []
    for at, raw in enumerate(content):
        unknown = set(raw) - set(NAMES)
        if unknown:
            raise ValueError(f"item {at}: unknown {', '.join(sorted(unknown))}")
        items.append(MissionItem(**{"seq": at, **raw}))
    fence = [item for item in items if 5000 <= item.command < 5100]
    flown = [item for item in items if not 5000 <= item.command < 5100]
    return Plan(tuple(numbered(flown)), tuple(numbered(fence)))


def _qgc(content: dict[str, Any]) -> Plan:
    if content.get("fileType") != "Plan":
        raise ValueError(f"fileType {content.get('fileType')!r}")
    mission = content["mission"]
    raws = _simple(mission["items"])
    places = {raw["doJumpId"]: at for at, raw in enumerate(raws) if "doJumpId" in raw}
    items = [_item(at, raw, places) for at, raw in enumerate(raws)]
    home = mission["plannedHomePosition"]
    place = (round(home[0] * 1e7), round(home[1] * 1e7), float(home[2] or 0.0))
    return Plan(tuple(items), tuple(_fence(content.get("geoFence") or {})), place)


def _simple(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for at, raw in enumerate(items):
        if raw["type"] == "SimpleItem":
            found.append(raw)
        else:
            inner = raw.get("TransectStyleComplexItem", raw).get("Items")
            if not isinstance(inner, list):
                raise ValueError(f"item {at}: {raw.get('complexItemType', raw['type'])} holds no items")
            found += _simple(inner)
    return found


def _item(at: int, raw: dict[str, Any], places: dict[int, int]) -> MissionItem:
    p = [math.nan if value is None else float(value) for value in raw["params"]]
    if len(p) != 7:
        raise ValueError(f"item {at}: {len(p)} params, 7 are needed")
    frame, command = int(raw["frame"]), int(raw["command"])
    scale = 1.0 if frame in UNSCALED else 1e7
    x, y = (0 if math.isnan(value) else round(value * scale) for value in p[4:6])
    p1 = float(places[int(p[0])]) if command == DO_JUMP else p[0]
    z = 0.0 if math.isnan(p[6]) else p[6]
    return MissionItem(at, frame, command, 0, int(raw.get("autoContinue", True)), p1, p[1], p[2], p[3], x, y, z)


def _fence(fence: dict[str, Any]) -> list[MissionItem]:
    items: list[MissionItem] = []
    for polygon in fence.get("polygons", []):
        inside, points = polygon["inclusion"], polygon["polygon"]
        command = (
            mav.MAV_CMD_NAV_FENCE_POLYGON_VERTEX_INCLUSION if inside else mav.MAV_CMD_NAV_FENCE_POLYGON_VERTEX_EXCLUSION
        )
        items += [fence_point(command, float(len(points)), lat, lon) for lat, lon in points]
    for ring in fence.get("circles", []):
        (lat, lon), radius_m = ring["circle"]["center"], float(ring["circle"]["radius"])
        command = (
            mav.MAV_CMD_NAV_FENCE_CIRCLE_INCLUSION if ring["inclusion"] else mav.MAV_CMD_NAV_FENCE_CIRCLE_EXCLUSION
        )
        items.append(fence_point(command, radius_m, lat, lon))
    return numbered(items)


def fence_point(command: int, p1: float, lat: float, lon: float) -> MissionItem:
    """One vertex (p1: vertices of its polygon) or circle (p1: radius in metres)."""
    return MissionItem(0, mav.MAV_FRAME_GLOBAL, command, 0, 1, p1, x=round(lat * 1e7), y=round(lon * 1e7))


def _check(path: Path, plan: Plan) -> None:
    if not plan.items:
        raise PlanError(f"{path}: 计划里没有航点 the plan has no items; add waypoints")
    for name, items in (("mission", plan.items), ("fence", plan.fence)):
        if len(items) > ITEMS_MAX:
            raise PlanError(f"{path}: {name}: {len(items)} > {ITEMS_MAX} items, 请拆分 split it into flights")
    for item in (*plan.items, *plan.fence):
        if abs(item.x) > 900_000_000 or abs(item.y) > 1_800_000_000:
            raise PlanError(f"{path}: seq {item.seq}: 坐标不在地球上 no place on earth: x {item.x}, y {item.y}")
