"""One long route cut into flights, each of which comes home before its reserve is touched."""

from collections.abc import Callable
from functools import partial
from math import hypot

from drone.mission.aircraft import Pace
from drone.mission.errors import PlanError
from drone.mission.frame import Point
from drone.mission.paths import Paths
from drone.mission.route import Leg, Route, trigger_for

FLIGHTS_MAX = 100
STEP_MIN_M = 1.0


class Base:
    """Home, and what it costs to go there and back at a height."""

    def __init__(self, home: Point, height_m: float, pace: Pace, paths: Paths, stay_s: float = 0.0) -> None:
        self.home, self.pace, self.paths, self.stay_s = home, pace, paths, stay_s
        self.fixed_s = pace.up_and_down_s(height_m)
        self.usable_s = pace.aircraft.usable_s

    def out_s(self, at: Point) -> float:
        """Seconds from take-off to a place."""
        return self.fixed_s + self.pace.way_s(self.paths.way(self.home, at))

    def back_s(self, at: Point) -> float:
        """Seconds from a place to over home (landing is in `out_s`)."""
        return self.pace.way_s(self.paths.way(at, self.home))


def split(route: Route, base: Base) -> list[Route]:
    """Routes from home and back that fly all of `route` in order. Cuts lie on lines at a whole number of pictures where
    the battery allows it. Raises PlanError when a battery is too small to get anywhere."""
    flights, legs = list[Route](), route.legs
    while legs:
        if len(flights) == FLIGHTS_MAX:
            raise PlanError(f"more than {FLIGHTS_MAX} flights; plan a smaller area or fly higher")
        flight, legs = _one(legs, base)
        flights.append(_with_ways_home(flight, base))
        while legs and legs[0][2] is Leg.WAY:
            legs = legs[1:]
    return flights


Legs = list[tuple[Point, Point, Leg]]


def _one(legs: Legs, base: Base) -> tuple[Legs, Legs]:
    """As many legs as one battery flies, and the rest; a leg may be cut in two."""
    start = legs[0][0]
    spent = base.out_s(start) + base.stay_s
    if spent + base.back_s(start) > base.usable_s:
        raise PlanError(_too_far(base, spent + base.back_s(start)))
    for number, (a, b, kind) in enumerate(legs):
        after = spent + base.pace.leg_s(a, b) + base.stay_s
        if after + base.back_s(b) <= base.usable_s:
            spent = after
            continue
        far = _reach(partial(_fits, a, b, spent, base))
        if kind is Leg.WAY or far * hypot(b[0] - a[0], b[1] - a[1]) < STEP_MIN_M:
            if number == 0:
                raise PlanError(_too_far(base, after + base.back_s(b)))
            return legs[:number], legs[number:]
        cut = (a[0] + (b[0] - a[0]) * far, a[1] + (b[1] - a[1]) * far)
        return [*legs[:number], (a, cut, kind)], [(cut, b, kind), *legs[number + 1 :]]
    return legs, []


def _fits(a: Point, b: Point, spent: float, base: Base, share: float) -> bool:
    cut = (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)
    return spent + base.pace.leg_s(a, cut) + base.stay_s + base.back_s(base.paths.snapped(cut)) <= base.usable_s


def _reach(fits: Callable[[float], bool]) -> float:
    """The largest share in eighths of an eighth that fits, 0 when none does."""
    low, high = 0, 64
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle / 64) else (low, middle)
    return low / 64


def _with_ways_home(legs: Legs, base: Base) -> Route:
    while legs[-1][2] is Leg.WAY and len(legs) > 1:
        legs = legs[:-1]
    out, back = base.paths.way(base.home, legs[0][0]), base.paths.way(legs[-1][1], base.home)
    points = [*out, *[b for _, b, _ in legs], *back[1:]]
    return Route(points, [Leg.WAY] * (len(out) - 1) + [k for _, _, k in legs] + [Leg.WAY] * (len(back) - 1))


def _too_far(base: Base, needs_s: float) -> str:
    return (
        f"the battery is too small: the next picture and the way home take {needs_s:.0f} s, {base.usable_s:.0f} s are "
        "usable before the reserve; start nearer, use a larger battery or a smaller reserve"
    )


def triggers(route: Route, trigger_m: float) -> list[float]:
    """Trigger distance from each point to the next, 0 for none."""
    return [
        0.0 if kind is Leg.WAY else trigger_for(hypot(b[0] - a[0], b[1] - a[1]), trigger_m) for a, b, kind in route.legs
    ]
