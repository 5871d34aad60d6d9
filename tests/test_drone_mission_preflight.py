"""May it fly? Every refusal has its reason in both languages; and bad input is one clear line."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

import zhuomu
from bench.drone_plan import random_area
from drone.mission import Plan, PlanError
from drone.mission.aircraft import Aircraft, Wind
from drone.mission.build import Settings, plan_area
from drone.mission.geojson import read_site, site_of
from drone.mission.law import Law
from drone.mission.preflight import Conditions, Permission, preflight
from drone.mission.revisit import plan_revisits

NINE = datetime(2026, 5, 1, 1, 0, tzinfo=UTC)
PERMIT = Permission("徐城管 2026-17", NINE - timedelta(hours=1), NINE + timedelta(hours=3))
READY = Conditions(NINE, permission=PERMIT, remote_id=True)
SQUARE = [[117.18, 34.26], [117.184, 34.26], [117.184, 34.263], [117.18, 34.263], [117.18, 34.26]]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_area(site_of(random_area(6)), Settings(height_m=100.0)).plan


def refused(plan: Plan, **changes: Any) -> dict[str, str]:
    found = preflight(plan, msgspec.structs.replace(READY, **changes))
    assert all((f.zh.startswith("拒绝") and f.en.startswith("refused")) != f.ok for f in found)
    return {f.code: f.en for f in found if not f.ok}


def test_a_plan_that_meets_all_may_fly(plan: Plan) -> None:
    assert refused(plan) == {}


@pytest.mark.parametrize(
    ("changes", "code", "reason"),
    [
        ({"law": Law(height_max_m=80.0)}, "height", "art. 19"),
        ({"aircraft": Aircraft(endurance_s=200.0)}, "battery", "reserve of 25%"),
        ({"wind": Wind(7.6, 0.0)}, "battery", "too strong"),
        ({"permission": None}, "permission", "by 12:00 of the day before"),
        ({"start": NINE + timedelta(hours=3)}, "permission", "the plan takes 2026-05-01 12:00"),
        ({"permission": msgspec.structs.replace(PERMIT, height_max_m=60.0)}, "permission", "allows 60 m"),
        ({"permission": msgspec.structs.replace(PERMIT, end=datetime(2026, 5, 1, 9))}, "permission", "time zone"),
        ({"permission": msgspec.structs.replace(PERMIT, over=((0, 0), (0, 9), (9, 9)))}, "permission", "leaves"),
        ({"remote_id": False}, "remote_id", "identification"),
    ],
)
def test_each_refusal_names_its_reason(plan: Plan, changes: dict[str, Any], code: str, reason: str) -> None:
    found = refused(plan, **changes)
    assert list(found) == [code] and reason in found[code]


def test_a_waypoint_outside_the_fence_is_refused(plan: Plan) -> None:
    flight = plan.flights[0]
    far = msgspec.structs.replace(flight.waypoints[2], lat_e7=flight.waypoints[2].lat_e7 + 100_000)
    moved = msgspec.structs.replace(flight, waypoints=(*flight.waypoints[:2], far, *flight.waypoints[3:]))
    assert list(refused(Plan(plan.fence, (moved,)))) == ["zones"]


def test_a_city_without_need_of_approval_says_so(plan: Plan) -> None:
    assert refused(plan, permission=None, law=Law(permission_needed=False)) == {}


def area(coordinates: Any, kind: str = "area", shape: str = "Polygon", **more: Any) -> dict[str, Any]:
    geometry = {"type": shape, "coordinates": coordinates}
    return {"type": "Feature", "properties": {"kind": kind, **more}, "geometry": geometry}


def together(*features: dict[str, Any]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


BOW = [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3], SQUARE[0]]
SWAPPED = [[lat, lon] for lon, lat in SQUARE]
DOT = [[117.18, 34.26], [117.180001, 34.26], [117.180001, 34.260001], [117.18, 34.26]]
AROUND = [[117.17, 34.25], [117.19, 34.25], [117.19, 34.27], [117.17, 34.27], [117.17, 34.25]]
BAD = {
    "no JSON": ("{", "not GeoJSON"),
    "another JSON": ('{"a": 1}', "not GeoJSON"),
    "nothing in it": (together(), "nothing to plan"),
    "self-crossing": (area([BOW]), "outline is not simple"),
    "empty area": (area([DOT]), "empty area"),
    "swapped": (area([SWAPPED]), "swapped"),
    "metres": (area([[[x * 1000, y * 1000] for x, y in SQUARE]]), "projection"),
    "two corners": (area([SQUARE[:2]]), "three corners"),
    "no numbers": (area([[["a", "b"]] * 4]), "is no"),
    "no-fly covers all": (together(area([SQUARE]), area([AROUND], "no_fly")), "nothing may be flown"),
    "unknown kind": (area([SQUARE], "park"), "kind 'park'"),
    "street without fence": (area(SQUARE[:2], "street", "LineString"), "stay inside"),
    "home outside": (together(area([SQUARE]), area([117.19, 34.26], "home", "Point")), "home lies outside"),
    "no area asked for": (area([SQUARE], "fence"), "no places to look at"),
}


def run(*arguments: str) -> Any:
    return CliRunner().invoke(zhuomu.build(["drone", arguments[0]]), ["drone", *arguments])


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gives_one_clear_line_and_a_status(name: str, tmp_path: Path) -> None:
    content, reason = BAD[name]
    file = tmp_path / "area.geojson"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    result = run("plan", str(file))
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1 and reason in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--height", "121"], "120 m"),
        (["--height", "nan"], "height"),
        (["--side", "1"], "side overlap"),
        (["--reserve", "2"], "reserve"),
        (["--camera", "nikon"], "mavic3e"),
        (["--start", "tomorrow"], "2026-05-01T09:00"),
        (["--what", "streets"], "no streets"),
        (["--wind", "9"], "too strong"),
    ],
)
def test_bad_options_give_one_clear_line_and_a_status(options: list[str], reason: str, tmp_path: Path) -> None:
    file = tmp_path / "area.geojson"
    file.write_text(json.dumps(area([SQUARE])))
    result = run("plan", str(file), *options)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1 and reason in result.stderr


def test_the_command_writes_every_dialect_and_prints_what_it_knows(tmp_path: Path) -> None:
    file, out = tmp_path / "area.geojson", tmp_path / "out"
    file.write_text(json.dumps(area([SQUARE])))
    result = run("plan", str(file), "--height", "100", "--json", "--out", str(out), "--preflight")
    report = json.loads(result.stdout)
    assert result.exit_code == 1 and not report["ready"]  # nobody gave an approval
    assert report["coverage"] >= 0.995 and len(report["mavlink"]) == len(report["flights"]) == 1
    names = {"plan.json", "plan.svg", "flight-1.plan", "flight-1.kmz", "flight-1.mavlink.json"}
    assert {path.name for path in out.iterdir()} == names
    assert "<svg" in (out / "plan.svg").read_text() and "起降点" in (out / "plan.svg").read_text()
    rest = run("resume", str(out / "plan.json"), "--flight", "1", "--waypoint", "3", "--out", str(tmp_path / "rest"))
    assert rest.exit_code == 0 and (tmp_path / "rest" / "flight-1.plan").exists()


def test_revisits_look_at_every_place_once_from_inside(tmp_path: Path) -> None:
    checks = [area([117.181 + k / 1500, 34.2612], "check", "Point", id=f"case-{k}") for k in range(4)]
    zone = [[117.1818, 34.2608], [117.1822, 34.2608], [117.1822, 34.2616], [117.1818, 34.2616], [117.1818, 34.2608]]
    file = tmp_path / "checks.geojson"
    file.write_text(json.dumps(together(area([SQUARE], "fence"), area([zone], "no_fly"), *checks)))
    planned = plan_revisits(read_site(file), Settings(height_m=40.0))
    looks = [w.look_at for f in planned.plan.flights for w in f.waypoints if w.shot]
    assert sorted(lon for _, lon in looks if lon) == [round((117.181 + k / 1500) * 1e7) for k in range(4)]
    assert refused(planned.plan) == {}


def test_a_place_that_cannot_be_seen_from_inside_is_named() -> None:
    far = area([117.2, 34.26], "check", "Point", id="case-9")
    with pytest.raises(PlanError, match="case-9"):
        plan_revisits(site_of(together(area([SQUARE], "fence"), far)), Settings())
