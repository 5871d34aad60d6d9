"""The rest of a flight that was broken off anywhere, with every picture that is still owed."""

from __future__ import annotations

from math import hypot

import msgspec

from drone.mission.errors import PlanError
from drone.mission.frame import GeoE7, Point
from drone.mission.paths import Paths
from drone.mission.plan import Flight, Plan, Waypoint, frame_of, region_of
from drone.mission.route import trigger_for

ROUNDING_M = 0.05


def resumed(plan: Plan, number: int, reached: int, at: GeoE7 | None = None, margin_m: float = 2.0) -> Plan:
    """The plan with flight `number` (from 0) replaced by its rest; later flights stay.

    reached: index of the last waypoint that was reached, -1 for none. at: how far the aircraft came on the leg after
    it; a little is flown again so that no picture is missed. None: the leg is flown again whole. The rest is never
    longer than the whole flight was, so it keeps the same reserve on a full battery. Raises PlanError.
    """
    if not 0 <= number < len(plan.flights):
        raise PlanError(f"flight {number + 1}: the plan has {len(plan.flights)}")
    flight = plan.flights[number]
    if not -1 <= reached < len(flight.waypoints):
        raise PlanError(f"waypoint {reached + 1}: the flight has {len(flight.waypoints)}")
    if reached == -1:
        return plan
    rest = _rest(flight, reached, at, plan)
    if not any(w.shot or w.trigger_m for w in rest):
        raise PlanError(f"flight {number + 1}: no picture is left after waypoint {reached + 1}; nothing to resume")
    while not (rest[0].shot or rest[0].trigger_m):
        rest = rest[1:]
    frame = frame_of(plan)
    paths = Paths(region_of(plan.fence, frame).buffer(ROUNDING_M - margin_m, join_style="mitre", mitre_limit=2.0))
    home, start = frame.of_e7([flight.home, rest[0].place])
    way = paths.way(paths.snapped(home), paths.snapped(start))
    out = [Waypoint(lat, lon, rest[0].height_m) for lat, lon in frame.e7(way[1:-1])]
    flights = list(plan.flights)
    flights[number] = msgspec.structs.replace(flight, waypoints=(*out, *rest))
    return msgspec.structs.replace(plan, flights=tuple(flights))


def _rest(flight: Flight, reached: int, at: GeoE7 | None, plan: Plan) -> list[Waypoint]:
    """Waypoints still to fly, the first of them where pictures start again."""
    here, after = flight.waypoints[reached], list(flight.waypoints[reached + 1 :])
    if not here.trigger_m or at is None or not after:
        return [msgspec.structs.replace(here, shot=False, hold_s=0.0, look_at=None), *after]
    frame = frame_of(plan)
    a, b, p = frame.of_e7([here.place, after[0].place, at])
    start = _back(a, b, p, here.trigger_m)
    ((lat, lon),) = frame.e7([start])
    gap = trigger_for(hypot(b[0] - start[0], b[1] - start[1]), here.trigger_m)
    return [msgspec.structs.replace(here, lat_e7=lat, lon_e7=lon, trigger_m=gap), *after]


def _back(a: Point, b: Point, p: Point, trigger_m: float) -> Point:
    """The place on the leg a-b one trigger distance before p's foot, not before a."""
    east, north = b[0] - a[0], b[1] - a[1]
    length = max(hypot(east, north), 1e-9)
    along = ((p[0] - a[0]) * east + (p[1] - a[1]) * north) / length
    share = min(max(along - trigger_m, 0.0), length) / length
    return a[0] + east * share, a[1] + north * share
