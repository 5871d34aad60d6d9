"""Whether the list that a vehicle holds is the list that we sent, given how ArduPilot stores items.

Source: ArduPilot, AP_Mission::mission_cmd_to_mavlink_int: heights in whole centimetres, only the fields that a command
uses, frame 0 and no place for commands without a place, autocontinue always 1, home at seq 0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from drone.autopilot.types import MissionItem, MissionType
from drone.autopilot.wire import mav

HEIGHT_TOLERANCE_M = 0.011
# Some numbers are kept as whole ones, or as 1/100; a camera's trigger distance or a speed must not be further off.
FIELD_TOLERANCE = 0.011

SAME_FRAME = {
    mav.MAV_FRAME_GLOBAL_INT: mav.MAV_FRAME_GLOBAL,
    mav.MAV_FRAME_GLOBAL_RELATIVE_ALT_INT: mav.MAV_FRAME_GLOBAL_RELATIVE_ALT,
    mav.MAV_FRAME_GLOBAL_TERRAIN_ALT_INT: mav.MAV_FRAME_GLOBAL_TERRAIN_ALT,
}
# Commands with a place (AP_Mission::stored_in_location and the fences): frame, latitude, longitude and height count.
PLACED = {
    mav.MAV_CMD_NAV_WAYPOINT,
    mav.MAV_CMD_NAV_SPLINE_WAYPOINT,
    mav.MAV_CMD_NAV_LOITER_UNLIM,
    mav.MAV_CMD_NAV_LOITER_TURNS,
    mav.MAV_CMD_NAV_LOITER_TIME,
    mav.MAV_CMD_NAV_LAND,
    mav.MAV_CMD_NAV_TAKEOFF,
    mav.MAV_CMD_DO_SET_ROI,
    mav.MAV_CMD_DO_SET_ROI_LOCATION,
    mav.MAV_CMD_DO_SET_HOME,
}
FENCES = {
    mav.MAV_CMD_NAV_FENCE_RETURN_POINT,
    mav.MAV_CMD_NAV_FENCE_POLYGON_VERTEX_INCLUSION,
    mav.MAV_CMD_NAV_FENCE_POLYGON_VERTEX_EXCLUSION,
    mav.MAV_CMD_NAV_FENCE_CIRCLE_INCLUSION,
    mav.MAV_CMD_NAV_FENCE_CIRCLE_EXCLUSION,
}
# Parameters that must come back as sent; the others of these commands ArduCopter does not keep.
KEPT: dict[int, tuple[int, ...]] = {
    mav.MAV_CMD_NAV_WAYPOINT: (1,),
    mav.MAV_CMD_NAV_SPLINE_WAYPOINT: (1,),
    mav.MAV_CMD_NAV_LOITER_UNLIM: (),
    mav.MAV_CMD_NAV_LOITER_TIME: (1,),
    mav.MAV_CMD_NAV_LOITER_TURNS: (1,),
    mav.MAV_CMD_NAV_TAKEOFF: (),
    mav.MAV_CMD_NAV_LAND: (),
    mav.MAV_CMD_NAV_RETURN_TO_LAUNCH: (),
    mav.MAV_CMD_NAV_DELAY: (1, 2, 3, 4),
    mav.MAV_CMD_CONDITION_YAW: (1, 2, 3, 4),
    mav.MAV_CMD_DO_JUMP: (1, 2),
    mav.MAV_CMD_DO_CHANGE_SPEED: (1, 2),
    mav.MAV_CMD_DO_SET_CAM_TRIGG_DIST: (1,),
    mav.MAV_CMD_DO_MOUNT_CONTROL: (1, 2, 3),
    mav.MAV_CMD_DO_FENCE_ENABLE: (1,),
    **{fence: (1,) for fence in FENCES if fence != mav.MAV_CMD_NAV_FENCE_RETURN_POINT},
}


@dataclass(frozen=True)
class Comparison:
    """differs: one line for each difference that matters. dropped: fields of ours that the vehicle does not keep."""

    differs: tuple[str, ...]
    dropped: tuple[str, ...]


def compare(
    sent: Sequence[MissionItem], held: Sequence[MissionItem], kind: MissionType, home_first: bool
) -> Comparison:
    """Both lists as on the line. home_first: seq 0 is home, which is the vehicle's to decide."""
    if len(sent) != len(held):
        return Comparison((f"count: {len(sent)} != {len(held)}",), ())
    differs: list[str] = []
    dropped: list[str] = []
    skip = 1 if home_first and kind is MissionType.MISSION else 0
    for ours, theirs in list(zip(sent, held, strict=True))[skip:]:
        differs += [f"seq {ours.seq} {line}" for line in _place(ours, theirs)]
        wrong, lost = _parameters(ours, theirs)
        differs += [f"seq {ours.seq} {line}" for line in wrong]
        dropped += [f"seq {ours.seq} {line}" for line in lost]
    return Comparison(tuple(differs), tuple(dropped))


def _place(ours: MissionItem, theirs: MissionItem) -> list[str]:
    if ours.command != theirs.command:
        return [f"command: {ours.command} != {theirs.command}"]
    if ours.command not in PLACED | FENCES:
        return _unplaced(ours, theirs)
    found = []
    frames = [SAME_FRAME.get(item.frame, item.frame) for item in (ours, theirs)]
    if ours.command in PLACED and frames[0] != frames[1]:
        found.append(f"frame: {ours.frame} != {theirs.frame}")
    for name, a, b in (("lat", ours.x, theirs.x), ("lon", ours.y, theirs.y)):
        if abs(a - b) > 1:
            found.append(f"{name}: {a / 1e7:.7f} != {b / 1e7:.7f}")
    # A fence has no height of its own.
    if ours.command in PLACED and not abs(_number(ours.z) - _number(theirs.z)) <= HEIGHT_TOLERANCE_M:
        found.append(f"height: {ours.z:g} != {theirs.z:g}")
    return found


def _unplaced(ours: MissionItem, theirs: MissionItem) -> list[str]:
    """x, y and z of a command without a place are parameters: they come back, or the vehicle does not keep them."""
    pairs = ((5, ours.x, theirs.x), (6, ours.y, theirs.y), (7, ours.z, theirs.z))
    return [f"p{n}: {a:g} != {b:g}" for n, a, b in pairs if not (_close(a, b) or _number(b) == 0)]


def _parameters(ours: MissionItem, theirs: MissionItem) -> tuple[list[str], list[str]]:
    wrong: list[str] = []
    dropped: list[str] = []
    pairs = ((1, ours.p1, theirs.p1), (2, ours.p2, theirs.p2), (3, ours.p3, theirs.p3), (4, ours.p4, theirs.p4))
    # Of a command that we do not know, the first parameter counts.
    must = KEPT.get(ours.command, (1,))
    for n, a, b in pairs:
        if _close(a, b):
            continue
        line = f"p{n}: {a:g} != {b:g}"
        (wrong if n in must or _number(b) != 0 else dropped).append(line)
    return wrong, dropped


def _close(a: float, b: float) -> bool:
    return abs(_number(a) - _number(b)) <= max(FIELD_TOLERANCE, 1e-6 * abs(_number(a)))


def _number(value: float) -> float:
    """NaN, "not given", is kept as 0. Infinity stays and equals nothing."""
    return 0.0 if math.isnan(value) else value
