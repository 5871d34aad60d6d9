"""Lawnmowers over random areas: nothing outside the fence, everything seen, every flight home with its reserve."""

import msgspec
import numpy as np
import pytest
import shapely
from shapely.geometry import LineString

from bench.drone_plan import measured, random_area, violations
from drone.mission import to_uploads
from drone.mission.aircraft import Aircraft, Pace, Wind
from drone.mission.build import Ground, Settings, figures, plan_area, plan_streets
from drone.mission.camera import CAMERAS, spacing_of
from drone.mission.ends import Strips, ended
from drone.mission.errors import PlanError
from drone.mission.geojson import site_of
from drone.mission.paths import Paths, length_of
from drone.mission.plan import frame_of, points_of
from drone.mission.sweep import cells_of, rows_at
from drone.mission.tour import Costs, best_tour


@pytest.mark.parametrize("seed", range(1000, 1020))
def test_random_areas_are_covered_and_no_leg_leaves_the_fence(seed: int) -> None:
    found = measured(seed, Settings(height_m=100.0), compare=False)
    assert found.violations == 0
    assert found.coverage >= 0.995
    assert found.path_m >= 0.9 * found.bound_m


def test_the_measure_sees_a_leg_through_a_zone() -> None:
    site = site_of(random_area(3))
    flight = to_uploads(plan_area(site, Settings(height_m=100.0)).plan)[0].mission
    zone = LineString(site.frame.of_e7([(i.x, i.y) for i in flight if i.x][4:6])).centroid.buffer(3)
    shut = msgspec.structs.replace(site, no_fly=site.no_fly.union(zone))
    assert violations(flight, site) == 0 and violations(flight, shut) > 0


@pytest.mark.parametrize("wind", [Wind(), Wind(4.0, 70.0)])
def test_every_flight_comes_home_with_its_reserve(wind: Wind) -> None:
    """A battery that does for a third: several flights, each from home to home, none below the reserve."""
    site = site_of(random_area(4))
    settings = Settings(height_m=80.0, aircraft=Aircraft(endurance_s=520.0, reserve=0.3), wind=wind)
    planned, ground = plan_area(site, settings), Ground(site, settings)
    left = [figures(flight, ground) for flight in planned.plan.flights]
    assert len(left) >= 2
    assert all(one.battery_left >= 0.3 for one in left)
    assert all(flight.waypoints[-1].place == flight.home for flight in planned.plan.flights)
    whole = plan_area(site, Settings(height_m=80.0, aircraft=Aircraft(endurance_s=1e5), wind=wind))
    assert sum(one.pictures for one in left) >= sum(figures(f, ground).pictures for f in whole.plan.flights)


def test_a_battery_that_cannot_reach_the_area_says_so() -> None:
    with pytest.raises(PlanError, match="battery is too small"):
        plan_area(site_of(random_area(4)), Settings(aircraft=Aircraft(endurance_s=80.0)))


def test_a_wind_that_nobody_flies_against_says_so() -> None:
    with pytest.raises(PlanError, match="too strong"):
        plan_area(site_of(random_area(4)), Settings(wind=Wind(7.5, 0.0)))


def test_the_wind_triangle_slows_legs_and_never_helps() -> None:
    pace = Pace(Aircraft(speed_mps=10.0, turn_s=0.0), Wind(6.0, 0.0))  # from the north
    assert pace.ground_mps(0.0, 1.0) == pytest.approx(4.0)
    assert pace.ground_mps(0.0, -1.0) == 10.0
    assert pace.ground_mps(1.0, 0.0) == pytest.approx(8.0)
    assert pace.leg_s((0.0, 0.0), (0.0, 100.0)) == pytest.approx(25.0)


def test_spacing_follows_from_the_pinhole() -> None:
    found = spacing_of(CAMERAS["a6000-16"], 80.0, 0.75, 0.5)
    assert found.footprint_across_m == pytest.approx(117.5) and found.footprint_along_m == pytest.approx(78.0)
    assert found.line_m == pytest.approx(58.75) and found.trigger_m == pytest.approx(19.5)


def test_lines_round_a_hole_make_four_cells() -> None:
    """Before it, on either side, behind it: the boustrophedon decomposition of a square with a square hole."""
    area = shapely.box(0, 0, 100, 100).difference(shapely.box(40, 40, 60, 60))
    rows = rows_at(area, area, 10.0, 0.0)
    cells = cells_of(rows, 0.0)
    assert [len(cell) for cell in cells] == [4, 2, 2, 4]
    assert sum(len(row) for row in rows) == 12
    assert {round(lane[0][1] % 10, 6) for row in rows for lane in row} == {5.0}


def test_lanes_stop_half_a_picture_short_of_a_level_end_and_go_past_a_slanted_one() -> None:
    fly = shapely.box(-50, -50, 200, 150)
    level, slanted = shapely.box(0, 0, 100, 20), shapely.Polygon([(0, 0), (120, 0), (100, 20), (0, 20)])
    ends = []
    for area in (level, slanted):
        rows = rows_at(area, area, 20.0, 0.0)
        [[lane]] = ended(rows, Strips.of(area, fly, 0.0, 20.0, 10.0), spare=0.0)
        ends.append((lane[0][0], lane[-1][0]))
    assert ends[0] == pytest.approx((5.0, 95.0))
    assert ends[1][1] == pytest.approx(115.0, abs=1.0)


def test_lanes_moved_at_their_ends_stay_where_flying_is_allowed() -> None:
    area = shapely.box(0, 0, 100, 60).difference(shapely.box(40, 20, 60, 40))
    fly = area.buffer(-2.0, join_style="mitre")
    rows = rows_at(area, fly, 15.0, 0.3)
    moved = ended(rows, Strips.of(area, fly, 0.3, 15.0, 10.0), spare=0.0)
    assert sum(map(len, moved)) == sum(map(len, rows)) > 0
    assert all(fly.buffer(1e-6).covers(shapely.LineString(lane)) for row in moved for lane in row)


def test_the_shortest_way_goes_round_an_obstacle() -> None:
    paths = Paths(shapely.box(0, 0, 100, 100).difference(shapely.box(40, -1, 60, 80)))
    way = paths.way((10.0, 10.0), (90.0, 10.0))
    assert way[1:-1] == [(40.0, 80.0), (60.0, 80.0)]
    assert paths.matrix([(10.0, 10.0), (90.0, 10.0)])[0, 1] == pytest.approx(length_of(way))


def test_a_way_between_parted_grounds_is_refused() -> None:
    paths = Paths(shapely.box(0, 0, 10, 10).union(shapely.box(20, 0, 30, 10)))
    with pytest.raises(PlanError, match="no way"):
        paths.way((5.0, 5.0), (25.0, 5.0))


@pytest.mark.parametrize("seed", range(5))
def test_the_tour_is_the_best_of_all_for_few_lanes(seed: int) -> None:
    """Four lanes have 4! * 2^4 tours; none is shorter."""
    from itertools import permutations, product

    rng = np.random.default_rng(seed)
    ends = rng.uniform(0, 100, (9, 2))
    matrix = np.hypot(*(ends[:, None] - ends[None]).transpose(2, 0, 1))
    costs = Costs(matrix)
    least = min(
        costs.total(list(zip(order, flips, strict=True)))
        for order in permutations(range(4))
        for flips in product((False, True), repeat=4)
    )
    assert costs.total(best_tour([[0, 1], [2, 3]], matrix)) == pytest.approx(least)


def test_streets_are_followed_with_as_many_lines_as_their_width_needs() -> None:
    street = {"type": "Feature", "properties": {}, "geometry": {"type": "LineString", "coordinates": []}}
    street["geometry"]["coordinates"] = [[117.1795, 34.2601], [117.1805, 34.2602]]
    fence = {"type": "Feature", "properties": {"kind": "fence"}, "geometry": {"type": "Polygon", "coordinates": []}}
    fence["geometry"]["coordinates"] = [
        [[117.179, 34.259], [117.181, 34.259], [117.181, 34.261], [117.179, 34.261], [117.179, 34.259]]
    ]
    site = site_of({"type": "FeatureCollection", "features": [street, fence]})
    narrow, wide = (plan_streets(site, Settings(height_m=30.0, street_m=width)) for width in (10.0, 40.0))
    assert narrow.lines == 1 and wide.lines == 3
    assert narrow.coverage > 0.99 and wide.coverage > 0.99
    (flight,) = narrow.plan.flights
    frame = frame_of(narrow.plan)
    line = LineString(frame.of_e7([(342601000, 1171795000), (342602000, 1171805000)]))
    on = [p for p, w in zip(points_of(flight, frame), flight.waypoints, strict=True) if w.trigger_m]
    assert on and all(line.distance(shapely.Point(p)) < 0.1 for p in on)
