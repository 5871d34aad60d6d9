"""A second look in the middle of a flight: from where, how far, do fence, reserve and bounds allow it. Pure."""

from __future__ import annotations

from math import cos, hypot, pi, radians, sin, tan

import msgspec
import numpy as np
from shapely.geometry import LineString
from shapely.geometry import Point as ShapelyPoint

from drone.mission.aircraft import Pace
from drone.mission.frame import Frame, Point
from drone.mission.items import Command, mission_items
from drone.mission.paths import Paths
from drone.mission.plan import Fence, Flight, region_of

BEARINGS = 16
SHARES = (1.0, 0.8, 0.6, 1.3)  # of the distance that the pitch asks for, best first


class Bounds(msgspec.Struct, frozen=True):
    """count_max looks and metres_max of way for them in one flight; pitch_deg, hold_s: of the look; margin_m: kept from
    fence and zones; pass_share: of the height: what the mission itself will pass so near is left to it."""

    count_max: int = 3
    metres_max: float = 200.0
    pitch_deg: float = -45.0
    hold_s: float = 4.0
    margin_m: float = 2.0
    pass_share: float = 0.3


class Detour(msgspec.Struct, frozen=True):
    """view: from where (metres of the frame); metres: there and back."""

    view: Point
    metres: float


class SecondLooks:
    """The budget of one flight. battery_left and reserve are shares of the aircraft's endurance."""

    def __init__(self, flight: Flight, fence: Fence, pace: Pace, bounds: Bounds) -> None:
        lat, lon = flight.home
        self.frame = Frame(lat / 1e7, lon / 1e7)
        self.bounds, self.flight, self._pace = bounds, flight, pace
        region = region_of(fence, self.frame)
        self._paths = Paths(region.buffer(-bounds.margin_m, join_style="mitre", mitre_limit=2.0))
        self._seqs = [item.seq for item in mission_items(flight) if item.command == Command.NAV_WAYPOINT][1:]
        self._points = self.frame.of_e7([w.place for w in flight.waypoints])
        self.count, self.metres = 0, 0.0

    def detour(self, target: Point, here: Point, battery_left: float, seq: int) -> Detour | str:
        """The nearest viewpoint that is seen straight from here inside the fence, or in words why there is none.

        seq: the mission item that is flown to (home is 0)."""
        if self.count >= self.bounds.count_max:
            return f"{self.count} second looks were flown, no more in one flight"
        if self._passes(target, seq):
            return "the mission itself will pass over it"
        found = self._viewpoint(target, here)
        if found is None:
            return "no viewpoint inside the fence that can be reached straight"
        metres = 2 * hypot(found[0] - here[0], found[1] - here[1])
        if self.metres + metres > self.bounds.metres_max:
            return f"{metres:.0f} m more would pass the {self.bounds.metres_max:g} m for second looks"
        aircraft = self._pace.aircraft
        needs_s = self._pace.way_s([here, found, here]) + self.bounds.hold_s + self.rest_s(here, seq)
        left_s = battery_left * aircraft.endurance_s - aircraft.reserve * aircraft.endurance_s
        if needs_s > left_s:
            return f"look and way home take {needs_s:.0f} s, {max(left_s, 0):.0f} s are left before the reserve"
        return Detour(found, metres)

    def spend(self, detour: Detour) -> None:
        """It is being flown."""
        self.count += 1
        self.metres += detour.metres

    def rest_s(self, here: Point, seq: int) -> float:
        """Seconds from here through what is left of the mission to the ground at home."""
        left = [(p, w) for s, p, w in zip(self._seqs, self._points, self.flight.waypoints, strict=True) if s >= seq]
        way = [here, *(p for p, _ in left), (0.0, 0.0)]
        down_s = self.flight.height_m / self._pace.aircraft.descent_mps
        return self._pace.way_s(way) + sum(w.hold_s for _, w in left) + down_s

    def _passes(self, target: Point, seq: int) -> bool:
        """Whether a leg that is still to come, after the one that is being flown, runs near the place."""
        left = [p for s, p in zip(self._seqs, self._points, strict=True) if s >= seq]
        near = self.bounds.pass_share * self.flight.height_m
        return len(left) > 1 and LineString(left).distance(ShapelyPoint(target)) <= near

    def _viewpoint(self, target: Point, here: Point) -> Point | None:
        off = self.flight.height_m / tan(radians(-self.bounds.pitch_deg))
        for share in SHARES:
            ring = [
                (target[0] + off * share * sin(b), target[1] + off * share * cos(b))
                for b in (2 * pi * k / BEARINGS for k in range(BEARINGS))
            ]
            seen = [p for p in ring if self._straight(here, p)]
            if seen:
                return min(seen, key=lambda p: hypot(p[0] - here[0], p[1] - here[1]))
        return None

    def _straight(self, here: Point, there: Point) -> bool:
        return bool(self._paths.contains(there) and self._paths.sees(np.array([here]), np.array([there]))[0])
