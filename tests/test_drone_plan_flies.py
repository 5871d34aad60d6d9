"""What `zhuomu drone plan` writes is what the autopilot room uploads, reads back and flies."""

import json
from pathlib import Path

import pytest
from test_drone_autopilot_flight import Crew, ended
from typer.testing import CliRunner

import zhuomu
from drone.autopilot.planfile import load_plan
from drone.autopilot.types import Kind
from drone.mission.frame import Frame
from drone.sim.line import Weather, World
from drone.sim.vehicle import HOME, Settings, SimCopter

METRE = 1 / 111_200  # degrees of latitude


def area(tmp_path: Path) -> Path:
    """A yard of about 120 x 90 m with a house in it, 20 m north of home."""
    lat, lon = HOME[0] / 1e7, HOME[1] / 1e7

    def ring(west: float, south: float, east: float, north: float) -> list[list[float]]:
        corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
        return [[lon + x * METRE / 0.855, lat + y * METRE] for x, y in corners]

    kinds = {
        "area": {"type": "Polygon", "coordinates": [ring(-60, 20, 60, 110), ring(-10, 50, 15, 75)]},
        "fence": {"type": "Polygon", "coordinates": [ring(-90, -30, 90, 140)]},
        "no_fly": {"type": "Polygon", "coordinates": [ring(-10, 50, 15, 75)]},
        "home": {"type": "Point", "coordinates": [lon, lat]},
    }
    features = [{"type": "Feature", "properties": {"kind": k}, "geometry": g} for k, g in kinds.items()]
    path = tmp_path / "yard.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


@pytest.fixture
def written(tmp_path: Path) -> Path:
    args = ["drone", "plan", str(area(tmp_path)), "--height", "60", "--out", str(tmp_path / "out"), "--json"]
    result = CliRunner().invoke(zhuomu.build(["drone", "plan"]), args)
    assert result.exit_code == 0, result.output
    (file,) = (tmp_path / "out").glob("*.plan")
    return file


def test_a_planned_flight_is_verified_flown_and_comes_home(written: Path) -> None:
    """Every waypoint is reached in order, no leg crosses the house, the fence stands in the vehicle."""
    plan = load_plan(written)
    crew = Crew(plan)
    world = World(crew, SimCopter(Settings()), Weather(delay=(0.01, 0.05)), seed=3)
    assert ended(crew, world, 1500) is True
    reached = [int(e.detail) for e in crew.events if e.kind is Kind.WAYPOINT]
    places = [item.seq + 1 for item in plan.items if item.command == 16]  # seq 0 of the vehicle is home
    assert reached == sorted(reached) and set(places) <= set(reached)
    assert len(plan.fence) == 8 and Kind.FENCE_BREACH not in crew.kinds
    inside = [(e, n) for e, n, _ in world.copter.flown if -10 < e < 15 and 50 < n < 75]
    assert inside == []
    assert world.copter.pictures > 10


def test_the_plan_stands_where_the_area_is(written: Path) -> None:
    frame = Frame(HOME[0] / 1e7, HOME[1] / 1e7)
    east, north = zip(*frame.of_e7([(i.x, i.y) for i in load_plan(written).items if i.command == 16]), strict=True)
    assert min(east) >= -90 and max(east) <= 90 and min(north) >= -30 and max(north) <= 140
