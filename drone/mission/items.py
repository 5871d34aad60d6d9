"""A plan as MAVLink mission items (plain data, what the autopilot room uploads) and back to the same plan.

Source: MAVLink common.xml (MISSION_ITEM_INT, MAV_CMD, MAV_FRAME) and the mission protocol. Commands between two places
are carried out when the first is reached. ArduPilot keeps home as item 0; PX4 has none (`home_first=False`).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import msgspec

from drone.mission.errors import PlanError
from drone.mission.frame import GeoE7
from drone.mission.plan import Fence, Flight, Plan, Ring, Waypoint

DIGITS = 3  # of heights, speeds, distances: MAVLink carries them as float32


class Command(IntEnum):
    """MAV_CMD values that a plan uses."""

    NAV_WAYPOINT = 16
    NAV_RETURN_TO_LAUNCH = 20
    NAV_TAKEOFF = 22
    DO_CHANGE_SPEED = 178
    DO_SET_ROI_LOCATION = 195
    DO_SET_ROI_NONE = 197
    DO_MOUNT_CONTROL = 205
    DO_SET_CAM_TRIGG_DIST = 206
    IMAGE_START_CAPTURE = 2000
    NAV_FENCE_POLYGON_VERTEX_INCLUSION = 5001
    NAV_FENCE_POLYGON_VERTEX_EXCLUSION = 5002


class MavFrame(IntEnum):
    """MAV_FRAME values that a plan uses: altitude above sea level, no place, above home, above terrain."""

    GLOBAL = 0
    MISSION = 2
    GLOBAL_RELATIVE_ALT = 3
    GLOBAL_TERRAIN_ALT = 10


class MissionType(IntEnum):
    """MAV_MISSION_TYPE values that a plan uses."""

    MISSION = 0
    FENCE = 1


class MissionItem(msgspec.Struct, frozen=True):
    """MISSION_ITEM_INT without the addresses. x, y: latitude, longitude in 1e-7 degrees, 0 where there is no place;
    z: altitude in metres of `frame`, or parameter 7."""

    seq: int
    frame: int
    command: int
    param1: float = 0.0
    param2: float = 0.0
    param3: float = 0.0
    param4: float = 0.0
    x: int = 0
    y: int = 0
    z: float = 0.0
    current: int = 0
    autocontinue: int = 1
    mission_type: int = 0


class Upload(msgspec.Struct, frozen=True):
    """All that a vehicle gets for one flight."""

    mission: tuple[MissionItem, ...]
    fence: tuple[MissionItem, ...]


MAV_MOUNT_MODE_MAVLINK_TARGETING = 2.0
GROUND_SPEED = 1.0


def to_uploads(plan: Plan, home_first: bool = True) -> tuple[Upload, ...]:
    """One upload per flight, the same fence in each."""
    fence = fence_items(plan.fence)
    return tuple(Upload(mission_items(flight, home_first), fence) for flight in plan.flights)


def from_uploads(uploads: Iterable[Upload]) -> Plan:
    """The plan that was uploaded. Raises PlanError for items that no plan of ours has."""
    uploads = tuple(uploads)
    if not uploads:
        raise PlanError("no flight in it")
    fences = {fence_from(upload.fence) for upload in uploads}
    if len(fences) != 1:
        raise PlanError("the flights have different fences; they are not of one plan")
    return Plan(fences.pop(), tuple(flight_from(upload.mission) for upload in uploads))


def mission_items(flight: Flight, home_first: bool = True) -> tuple[MissionItem, ...]:
    """A flight's items in order, numbered from 0."""
    items = [_at(Command.NAV_WAYPOINT, flight.home, 0.0, MavFrame.GLOBAL)] if home_first else []
    items.append(_at(Command.NAV_TAKEOFF, flight.home, flight.height_m))
    items.append(_do(Command.DO_CHANGE_SPEED, GROUND_SPEED, flight.speed_mps, -1.0))
    items.append(_pitch(flight))
    where = MavFrame.GLOBAL_TERRAIN_ALT if flight.above == "ground" else MavFrame.GLOBAL_RELATIVE_ALT
    on, aim = False, None
    for waypoint in flight.waypoints:
        if waypoint.look_at != aim:
            items += _aimed(waypoint.look_at, flight)
            aim = waypoint.look_at
        items.append(_at(Command.NAV_WAYPOINT, waypoint.place, waypoint.height_m, where, waypoint.hold_s))
        if waypoint.shot:
            items.append(_do(Command.IMAGE_START_CAPTURE, 0.0, 0.0, 1.0))
        if on or waypoint.trigger_m > 0:
            on = waypoint.trigger_m > 0
            items.append(_do(Command.DO_SET_CAM_TRIGG_DIST, waypoint.trigger_m, 0.0, float(on)))
    if on:
        items.append(_do(Command.DO_SET_CAM_TRIGG_DIST, 0.0))
    items.append(_do(Command.NAV_RETURN_TO_LAUNCH))
    return tuple(msgspec.structs.replace(item, seq=n, current=int(n == 0)) for n, item in enumerate(items))


def flight_from(items: Iterable[MissionItem]) -> Flight:
    """The flight that items describe. Raises PlanError with the item's number."""
    reader = _Reader()
    for item in items:
        reader.take(item)
    return reader.flight()


def fence_items(fence: Fence) -> tuple[MissionItem, ...]:
    """The fence as items of their own mission type."""
    kinds = (Command.NAV_FENCE_POLYGON_VERTEX_INCLUSION, Command.NAV_FENCE_POLYGON_VERTEX_EXCLUSION)
    corners = [
        (kind, float(len(ring)), place)
        for kind, rings in zip(kinds, (fence.inside, fence.outside), strict=True)
        for ring in rings
        for place in ring
    ]
    return tuple(
        MissionItem(n, MavFrame.GLOBAL, kind, count, x=lat, y=lon, mission_type=MissionType.FENCE)
        for n, (kind, count, (lat, lon)) in enumerate(corners)
    )


def fence_from(items: Iterable[MissionItem]) -> Fence:
    """The way back from `fence_items`."""
    left, rings = list(items), dict[int, list[Ring]]()
    while left:
        kind, count = left[0].command, round(left[0].param1)
        ring, left = left[:count], left[count:]
        whole = len(ring) == count >= 3 and all(i.command == kind and round(i.param1) == count for i in ring)
        if not whole or kind not in (5001, 5002):
            raise PlanError(f"fence item {ring[0].seq if ring else 0}: not a whole polygon; download it again")
        rings.setdefault(kind, []).append(tuple((i.x, i.y) for i in ring))
    return Fence(tuple(rings.get(5001, [])), tuple(rings.get(5002, [])))


def _at(
    command: Command, place: GeoE7, z: float, frame: MavFrame = MavFrame.GLOBAL_RELATIVE_ALT, param1: float = 0.0
) -> MissionItem:
    return MissionItem(0, frame, command, param1, x=place[0], y=place[1], z=z)


def _do(command: Command, p1: float = 0.0, p2: float = 0.0, p3: float = 0.0, z: float = 0.0) -> MissionItem:
    return MissionItem(0, MavFrame.MISSION, command, p1, p2, p3, z=z)


def _pitch(flight: Flight) -> MissionItem:
    return _do(Command.DO_MOUNT_CONTROL, flight.pitch_deg, z=MAV_MOUNT_MODE_MAVLINK_TARGETING)


def _aimed(look_at: GeoE7 | None, flight: Flight) -> list[MissionItem]:
    if look_at is None:
        return [_do(Command.DO_SET_ROI_NONE), _pitch(flight)]
    return [_at(Command.DO_SET_ROI_LOCATION, look_at, 0.0)]


class _Reader:
    """Items in, one flight out."""

    def __init__(self) -> None:
        self.home: GeoE7 | None = None
        self.height_m = self.speed_mps = 0.0
        self.pitch_deg: float | None = None
        self.above_ground = False
        self.aim: GeoE7 | None = None
        self.waypoints: list[Waypoint] = []

    def take(self, item: MissionItem) -> None:
        match item.command:
            case Command.NAV_WAYPOINT if self.home is None and item.seq == 0:
                return  # ArduPilot's home; the take-off item says it too
            case Command.NAV_WAYPOINT:
                self._waypoint(item)
            case Command.NAV_TAKEOFF:
                self.home, self.height_m = (item.x, item.y), round(item.z, DIGITS)
            case Command.DO_CHANGE_SPEED:
                self.speed_mps = round(item.param2, DIGITS)
            case Command.DO_MOUNT_CONTROL:
                self.pitch_deg = round(item.param1, DIGITS)
            case Command.DO_SET_ROI_LOCATION:
                self.aim = (item.x, item.y)
            case Command.DO_SET_ROI_NONE:
                self.aim = None
            case Command.IMAGE_START_CAPTURE if self.waypoints:
                self._mend(shot=True)
            case Command.DO_SET_CAM_TRIGG_DIST if self.waypoints:
                self._mend(trigger_m=round(item.param1, DIGITS))
            case Command.NAV_RETURN_TO_LAUNCH:
                return
            case _:
                raise PlanError(f"item {item.seq}: command {item.command} is in no plan of ours; plan it again")

    def _waypoint(self, item: MissionItem) -> None:
        self.above_ground = item.frame == MavFrame.GLOBAL_TERRAIN_ALT
        height, hold = round(item.z, DIGITS), round(item.param1, DIGITS)
        self.waypoints.append(Waypoint(item.x, item.y, height, hold_s=hold, look_at=self.aim))

    def _mend(self, **changes: float | bool) -> None:
        self.waypoints[-1] = msgspec.structs.replace(self.waypoints[-1], **changes)

    def flight(self) -> Flight:
        if self.home is None or self.pitch_deg is None or not self.waypoints:
            raise PlanError("no take-off, camera angle or waypoint in it; it is no flight of ours")
        above = "ground" if self.above_ground else "home"
        return Flight(self.home, self.height_m, self.speed_mps, self.pitch_deg, tuple(self.waypoints), above)  # type: ignore[arg-type]
