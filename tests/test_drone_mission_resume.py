"""A flight broken off anywhere goes on without a gap in its pictures."""

import random
from itertools import pairwise
from math import hypot

import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from bench.drone_plan import random_area, violations
from drone.mission import Plan, PlanError, Waypoint, to_uploads
from drone.mission.build import Settings, plan_area
from drone.mission.frame import Frame, Point
from drone.mission.geojson import Site, site_of
from drone.mission.paths import length_of
from drone.mission.plan import frame_of, picture_points, points_of
from drone.mission.resume import resumed

SITE = site_of(random_area(5))
SETTINGS = Settings(height_m=90.0)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_area(SITE, SETTINGS).plan


def pictured(way: list[tuple[Waypoint, Point]], gap_m: float) -> BaseGeometry:
    """The stretch of ground along the track that a flight's pictures stand for: gap_m / 2 before and after each."""
    shots = [
        shapely.Point(p) for (w, a), (_, b) in pairwise(way) for p in picture_points(a, b, w.trigger_m) if w.trigger_m
    ]
    return shapely.union_all([shot.buffer(gap_m / 2 + 0.1) for shot in shots])


def track(plan: Plan, frame: Frame) -> list[tuple[Waypoint, Point]]:
    return list(zip(plan.flights[0].waypoints, points_of(plan.flights[0], frame), strict=True))


@pytest.mark.parametrize("seed", range(12))
def test_what_is_flown_before_and_after_a_break_pictures_all_lines(plan: Plan, seed: int) -> None:
    """Broken off at a random place on a random leg; the rest stays inside and is not longer than the whole."""
    rng, frame = random.Random(seed), frame_of(plan)
    whole = track(plan, frame)
    reached, share = rng.randrange(len(whole) - 1), rng.random()
    (_, a), (_, b) = whole[reached : reached + 2]
    stop = (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)
    if not any(w.trigger_m for w, _ in whole[reached:]):
        pytest.fail("the flight ends with a line, so a picture is always owed")
    rest = resumed(plan, 0, reached, frame.e7([stop])[0])
    flown = [*whole[: reached + 1], (Waypoint(0, 0, 0.0), stop)]
    gap = max(w.trigger_m for w, _ in whole)
    lines = [
        shapely.LineString([p, q])
        for (w, p), (_, q) in pairwise(whole)
        if w.trigger_m and hypot(p[0] - q[0], p[1] - q[1]) > 1
    ]
    seen = pictured(flown, gap).union(pictured(track(rest, frame), gap))
    assert shapely.union_all(lines).difference(seen).length < 0.5
    assert violations(to_uploads(rest)[0].mission, SITE) == 0
    home = frame.of_e7([plan.flights[0].home])
    lengths = [length_of([*home, *points_of(p.flights[0], frame)]) for p in (rest, plan)]
    assert lengths[0] <= lengths[1] + 0.5


def test_nothing_done_is_the_same_plan_and_all_done_is_refused(plan: Plan) -> None:
    assert resumed(plan, 0, -1) == plan
    with pytest.raises(PlanError, match="nothing to resume"):
        resumed(plan, 0, len(plan.flights[0].waypoints) - 1)


@pytest.mark.parametrize(("number", "reached"), [(9, 0), (-1, 0), (0, 999), (0, -2)])
def test_a_flight_or_waypoint_that_is_not_in_the_plan_is_named(plan: Plan, number: int, reached: int) -> None:
    with pytest.raises(PlanError, match=r"the (plan|flight) has"):
        resumed(plan, number, reached)


def test_other_flights_stay_as_they_were(plan: Plan) -> None:
    two = Plan(plan.fence, (*plan.flights, *plan.flights))
    assert resumed(two, 1, 3).flights[0] == two.flights[0]


def test_the_site_has_an_obstacle_or_these_claims_are_empty() -> None:
    assert isinstance(SITE, Site) and len(SITE.area.interiors) > 0
