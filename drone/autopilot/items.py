"""Mission items to messages and back, and what ArduPilot makes of a list: home at seq 0."""

import math
from collections.abc import Sequence
from dataclasses import replace

from drone.autopilot.types import Address, MissionItem, MissionType
from drone.autopilot.wire import Message, mav

DO_JUMP = mav.MAV_CMD_DO_JUMP
ITEMS_MAX = 1000  # ArduPilot's own limit is 724 on most boards; a longer list is refused before it is sent


def to_message(item: MissionItem, to: Address, kind: MissionType) -> Message:
    """A MISSION_ITEM_INT for a vehicle."""
    return mav.MAVLink_mission_item_int_message(
        to.system,
        to.component,
        item.seq,
        item.frame,
        item.command,
        item.current,
        item.autocontinue,
        item.p1,
        item.p2,
        item.p3,
        item.p4,
        item.x,
        item.y,
        item.z,
        int(kind),
    )


def from_message(m: Message) -> MissionItem:
    """A MISSION_ITEM_INT as plain data."""
    return MissionItem(
        m.seq,
        m.frame,
        m.command,
        m.current,
        m.autocontinue,
        m.param1,
        m.param2,
        m.param3,
        m.param4,
        m.x,
        m.y,
        m.z,
    )


def with_home(items: Sequence[MissionItem], home: tuple[int, int, float]) -> list[MissionItem]:
    """A list without home (seq 0 is the first command) as ArduPilot wants it: home at seq 0, all else one further.

    home: latitude and longitude * 1e7, metres above mean sea level. ArduPilot puts its own home there when it arms.
    Jumps name a seq, so they move too.
    """
    first = MissionItem(0, mav.MAV_FRAME_GLOBAL, mav.MAV_CMD_NAV_WAYPOINT, 0, 1, x=home[0], y=home[1], z=home[2])
    moved = [replace(item, seq=at + 1) for at, item in enumerate(items)]
    return [first, *(replace(m, p1=m.p1 + 1) if m.command == DO_JUMP else m for m in moved)]


def without_home(items: Sequence[MissionItem]) -> list[MissionItem]:
    """The reverse of `with_home`, for a list that was read from an ArduPilot."""
    moved = [replace(item, seq=at) for at, item in enumerate(items[1:])]
    return [replace(m, p1=m.p1 - 1) if m.command == DO_JUMP else m for m in moved]


def numbered(items: Sequence[MissionItem]) -> list[MissionItem]:
    """The same items with seq 0, 1, 2 ... as the protocol wants."""
    return [replace(item, seq=at) for at, item in enumerate(items)]


def takeoff_height_m(items: Sequence[MissionItem]) -> float | None:
    """Metres above home of the first take-off item, None without one or when its height is not relative to home."""
    for item in items:
        if item.command == mav.MAV_CMD_NAV_TAKEOFF:
            relative = item.frame in (mav.MAV_FRAME_GLOBAL_RELATIVE_ALT, mav.MAV_FRAME_GLOBAL_RELATIVE_ALT_INT)
            return item.z if relative and math.isfinite(item.z) and item.z > 0 else None
    return None


def last_seq(items: Sequence[MissionItem]) -> int | None:
    """The list's last navigation item as the vehicle counts it (home is 0); None when a jump comes after it, so that
    reaching it may not be the end."""
    navigation = [at for at, item in enumerate(items) if item.command < mav.MAV_CMD_NAV_LAST]
    if not navigation or any(item.command == DO_JUMP for item in items[navigation[-1] :]):
        return None
    return navigation[-1] + 1


def comes_home(items: Sequence[MissionItem]) -> bool:
    """Whether the list ends on the ground: its last navigation command is a return or a landing."""
    navigation = [item.command for item in items if item.command < mav.MAV_CMD_NAV_LAST]
    return bool(navigation) and navigation[-1] in (mav.MAV_CMD_NAV_RETURN_TO_LAUNCH, mav.MAV_CMD_NAV_LAND)
