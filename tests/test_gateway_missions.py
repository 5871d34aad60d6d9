"""Missions at the centre: plan files with preflight's reasons, flown only where a dock's service takes the order."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from drone.dji.control import Control, Order, Resolve, path_of
from drone.mission.frame import Frame
from drone.mission.geojson import read_site
from drone.mission.plan import Fence, Flight, Plan, Waypoint
from drone.mission.preflight import Permission
from edge.link.settings import SettingsError
from gateway import schema, second_looks
from gateway.database import sqlite_url
from gateway.missions import DroneSettings, Missions, NotMission
from gateway.tables import incidents, verifies

AT = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)  # noon in Xuzhou
FRAME = Frame(34.26, 117.19)


def at(east: float, north: float) -> tuple[int, int]:
    lat, lon = FRAME.e7([(east, north)])[0]
    return lat, lon


def plan(height_m: float = 60.0) -> Plan:
    """A square of 200 m, one flight around a part of it."""
    ring = tuple(at(*corner) for corner in ((-100, -100), (100, -100), (100, 100), (-100, 100)))
    corners = ((0, 0), (60, 0), (60, 60), (0, 0))
    ways = tuple(Waypoint(*at(*corner), height_m, trigger_m=10.0) for corner in corners)
    return Plan(Fence((ring,)), (Flight(at(0, 0), height_m, 8.0, -90.0, ways),))


@pytest.fixture
def approved(tmp_path: Path) -> Path:
    path = tmp_path / "approval.json"
    granted = Permission("XZ-1", AT - timedelta(hours=1), AT + timedelta(hours=5))
    path.write_bytes(msgspec.json.encode(granted))
    return path


@pytest.fixture
def docks(tmp_path: Path) -> Iterator[tuple[Path, list[Order]]]:
    """The dock service's own socket, answered as it does."""
    orders: list[Order] = []
    folder = tmp_path / "d"
    folder.mkdir()

    def submit(order: Order, resolve: Resolve) -> None:
        orders.append(order)
        if order.verb == "list":
            resolve({"docks": [{"sn": "DOCK1", "online": True, "bound": True}]})
        else:
            resolve({"flight_id": "f-1"} if order.sn == "DOCK1" else {"error": f"{order.sn}: not in the settings"})

    control = Control(path_of(folder), submit)
    yield folder, orders
    control.close()


def test_a_plan_file_is_kept_and_looked_at_with_every_check(tmp_path: Path) -> None:
    """Without an approval the checks that refuse stand there with their reasons, and it may not be flown."""
    missions = Missions(tmp_path / "m", DroneSettings(), lambda: AT)
    missions.add("east.plan.json", msgspec.json.encode(plan()))
    one = missions.listed()[0]
    assert (one.name, len(one.minutes)) == ("east", 1) and one.minutes[0] > 0.5 and one.pictures > 10
    assert {finding.code for finding in one.findings} == {"height", "zones", "battery", "permission", "remote_id"}
    assert not one.may_fly and all(finding.zh and finding.en for finding in one.findings if not finding.ok)
    with pytest.raises(NotMission):
        missions.fly("east", 0, "DOCK1")
    missions.remove("east")
    assert missions.listed() == []


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("../east.json", msgspec.json.encode(plan()), "a name has"),
        ("east.json", b"{}", "no plan"),
        ("east.json", b"x" * 5_000_001, "over 5000000"),
        ("east.json", msgspec.json.encode(Plan(plan().fence, ())), "no flight"),
    ],
)
def test_what_is_no_plan_is_refused_and_nothing_is_written(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    missions = Missions(tmp_path / "m", DroneSettings(), lambda: AT)
    with pytest.raises(NotMission, match=words):
        missions.add(name, data)
    assert missions.listed() == [] and not (tmp_path / "m").exists()


def test_a_flight_starts_at_a_dock_when_every_check_passes(
    tmp_path: Path, approved: Path, docks: tuple[Path, list[Order]]
) -> None:
    folder, orders = docks
    settings = DroneSettings(docks=str(folder), permission=str(approved), remote_id=True)
    missions = Missions(tmp_path / "m", settings, lambda: AT)
    missions.add("east.json", msgspec.json.encode(plan()))
    missions.add("high.json", msgspec.json.encode(plan(height_m=300.0)))
    assert [dock["sn"] for dock in missions.docks()] == ["DOCK1"]
    assert missions.fly("east", 0, "DOCK1") == "f-1"
    assert (orders[-1].verb, orders[-1].flight, orders[-1].fence) == ("fly", plan().flights[0], plan().fence)
    with pytest.raises(NotMission, match="not in the settings"):
        missions.fly("east", 0, "DOCK2")
    before = len(orders)
    for name, number in (("high", 0), ("east", 1), ("gone", 0)):
        with pytest.raises(NotMission):
            missions.fly(name, number, "DOCK1")
    assert len(orders) == before, "what is refused here is asked of no dock"


def test_a_dock_service_that_is_away_says_so(tmp_path: Path) -> None:
    missions = Missions(tmp_path / "m", DroneSettings(docks=str(tmp_path)), lambda: AT)
    with pytest.raises(NotMission, match="机场服务未应答"):
        missions.docks()
    with pytest.raises(SettingsError, match="permission"):
        Missions(tmp_path / "m", DroneSettings(permission=str(tmp_path / "none.json")), lambda: AT)


def test_places_that_wait_are_read_by_the_planner_as_checks(tmp_path: Path) -> None:
    row = {"verify_id": "v1", "case_id": "C-1", "label": "stall", "lat": 34.2601, "lon": 117.1901}
    told = second_looks.geojson([row])
    ring = [[117.18, 34.25], [117.20, 34.25], [117.20, 34.27], [117.18, 34.27], [117.18, 34.25]]
    fence = {"type": "Polygon", "coordinates": [ring]}
    told["features"] += [{"type": "Feature", "properties": {"kind": "fence"}, "geometry": fence}]
    home = {"type": "Point", "coordinates": [117.19, 34.26]}
    told["features"] += [{"type": "Feature", "properties": {"kind": "home"}, "geometry": home}]
    path = tmp_path / "looks.geojson"
    path.write_bytes(msgspec.json.encode(told))
    assert [check.id for check in read_site(path).checks] == ["v1"]


def test_places_that_wait_are_the_open_checks_alone(tmp_path: Path) -> None:
    """Of two checks, the one that was answered waits no more."""
    database = schema.open_database(sqlite_url(tmp_path / "g.sqlite3"))
    incident = {"case_class": "stall", "class_code": "04-06", "label": "stall", "state": "checking", "open": True}
    incident |= {
        "lat": 34.26,
        "lon": 117.19,
        "error_major_m": 1.0,
        "first_seen": "",
        "last_seen": "2026",
        "revision": 1,
    }
    check = {"device": "drone-1", "camera": "gimbal", "attempts": 0, "next_at": "", "payload": b""}
    with database.write() as tx:
        for number, verdict in ((1, ""), (2, "cleared")):
            named = {"incident_id": f"i{number}", "case_id": f"C-{number}"}
            tx.execute(sa.insert(incidents), incident | named)
            row = check | named | {"verify_id": f"v{number}", "verdict": verdict, "waiting": not verdict}
            tx.execute(sa.insert(verifies), row)
    with database.read() as tx:
        assert [(row["verify_id"], row["case_id"], row["lat"]) for row in second_looks.waiting(tx)] == [
            ("v1", "C-1", 34.26)
        ]
    database.close()
