"""How fast and how long an aircraft flies, with wind: times are held on the safe side."""

from itertools import pairwise
from math import atan2, cos, hypot, pi, radians, sin, sqrt

import msgspec

from drone.mission.errors import PlanError
from drone.mission.frame import Point

GROUND_SPEED_MIN_MPS = 1.0


class Aircraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A multirotor. endurance_s: hovering or cruising until empty; reserve: share of it that is left on landing.

    turn_s: what slowing down and turning at a waypoint costs. speed_mps: asked over ground and flown through the air,
    so a head wind makes a leg slower; a tail wind is not counted on.
    """

    speed_mps: float = 8.0
    endurance_s: float = 1500.0
    reserve: float = 0.25
    climb_mps: float = 3.0
    descent_mps: float = 1.5
    turn_s: float = 2.0

    def __post_init__(self) -> None:
        if min(self.speed_mps, self.endurance_s, self.climb_mps, self.descent_mps) <= 0 or self.turn_s < 0:
            raise ValueError("an aircraft's speeds and endurance must be above 0")
        if not 0 <= self.reserve < 1:
            raise ValueError(f"reserve {self.reserve:g}: give a share of the battery, as 0.25")

    @property
    def usable_s(self) -> float:
        """Flying time before the reserve is touched."""
        return self.endurance_s * (1 - self.reserve)


class Wind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """speed_mps, and the direction that it comes from in degrees from north, as forecasts give it."""

    speed_mps: float = 0.0
    from_deg: float = 0.0


class Pace:
    """Times of legs of an aircraft in a wind. Raises PlanError when it could not fly against it."""

    def __init__(self, aircraft: Aircraft, wind: Wind, speed_mps: float | None = None) -> None:
        self.aircraft, self.wind = aircraft, wind
        self.speed_mps = speed_mps or aircraft.speed_mps
        if wind.speed_mps < 0 or self.speed_mps - wind.speed_mps < GROUND_SPEED_MIN_MPS:
            raise PlanError(
                f"wind {wind.speed_mps:g} m/s against {self.speed_mps:g} m/s of flight: too strong to come home; "
                "wait for less wind or give a higher --speed"
            )

    def ground_mps(self, east: float, north: float) -> float:
        """Ground speed on a heading: the wind triangle, at most the speed asked for."""
        angle = atan2(east, north) - radians(self.wind.from_deg) - pi
        along, across = self.wind.speed_mps * cos(angle), self.wind.speed_mps * sin(angle)
        return min(self.speed_mps, along + sqrt(self.speed_mps**2 - across**2))

    def leg_s(self, a: Point, b: Point) -> float:
        """Seconds from a to b, with the turn at b."""
        east, north = b[0] - a[0], b[1] - a[1]
        length = hypot(east, north)
        return length / self.ground_mps(east, north) + self.aircraft.turn_s if length > 1e-9 else 0.0

    def way_s(self, way: list[Point]) -> float:
        """Seconds along a polyline."""
        return sum(self.leg_s(a, b) for a, b in pairwise(way))

    def up_and_down_s(self, height_m: float) -> float:
        """Seconds of take-off and landing."""
        return height_m / self.aircraft.climb_mps + height_m / self.aircraft.descent_mps
