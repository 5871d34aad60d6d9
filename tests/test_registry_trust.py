"""Measured precision: intervals, what counts against a camera, auto-filing earned and lost, thresholds on replay."""

import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from scipy.stats import binomtest
from typer.testing import CliRunner

from gateway.database import Database, sqlite_url
from gateway.registry import api, standard, tables
from gateway.registry.cases import Rules
from gateway.registry.migrations import MIGRATIONS
from gateway.registry.opened import DATABASE
from gateway.registry.settings import RegistrySettings
from gateway.registry.store import Registry
from gateway.registry.trust.cli import app
from gateway.registry.trust.policy import Policy, judge, sampled
from gateway.registry.trust.propose import Seen, effect, propose
from gateway.registry.trust.wilson import interval

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
POLICY = Policy(sample=0.0)


@pytest.mark.parametrize(("good", "total"), [(0, 1), (1, 1), (35, 35), (34, 35), (900, 1000), (0, 50)])
def test_the_interval_is_wilsons(good: int, total: int) -> None:
    theirs = binomtest(good, total).proportion_ci(0.95, method="wilson")
    assert interval(good, total) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_nothing_measured_says_nothing_and_no_share_is_refused() -> None:
    assert interval(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="3 of 2"):
        interval(3, 2)


class Desk:
    """A registry with one switched-on class, its clock in the test's hand."""

    def __init__(self, folder: Path, policy: Policy | None = POLICY, switched: str = "stall") -> None:
        self.now = NOON
        url = sqlite_url(folder / DATABASE)
        self.database = Database(url, tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
        rules = Rules(crews=("handset-1",))
        switch = frozenset({switched})
        self.registry = Registry(self.database, standard.read(), rules, switch, lambda: self.now, None, policy)
        self.http = TestClient(api.build(self.registry))
        self.n = 0

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.n += 1
        answer = self.http.post(path, json=body, headers={"Idempotency-Key": f"k{self.n}"})
        answer.raise_for_status()
        return dict(answer.json())

    def report(self, camera: str = "cam-1", score: float = 0.8, device: str = "kiosk-1") -> dict[str, Any]:
        body = {"incident_id": f"inc-{self.n}", "case_class": "stall", "class_code": "04-01", "label": "stall"}
        body |= {"lat": 34.26, "lon": 117.19, "device": device, "camera": camera, "score": score}
        return self.post("/reports", body)

    def decide(self, case: dict[str, Any], right: bool) -> None:
        words = {"person": "Ms Li", "file": right, "reason": "looked at it"}
        self.post(f"/cases/{case['case_id']}/confirm", words)

    def confirmed(self, many: int, **report: Any) -> None:
        for _ in range(many):
            case = self.report(**report)
            if case["state"] == "reported":
                self.decide(case, True)

    def remember(self, record: list[Seen]) -> None:
        """A record of cam-1 that is already there."""
        row = {"camera": "kiosk-1/cam-1", "class_code": "04-01", "hour": 12, "rule": "r", "decided_by": "Ms Li"}
        at = "2026-11-23T04:00:00.000000Z"
        rows = [
            {**row, "case_id": f"old-{n:04}", "score": seen.score, "reported_at": at, "decided_at": at}
            | {"outcome": "confirmed" if seen.right else "wrong"}
            for n, seen in enumerate(record)
        ]
        with self.database.write() as tx:
            tx.execute(sa.insert(tables.outcomes), rows)

    def cells(self) -> list[dict[str, Any]]:
        return list(self.http.get("/trust").json()["rows"])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.database.close()


def test_a_camera_earns_the_right_to_file_and_only_in_the_hour_in_which_it_did(desk: Desk) -> None:
    assert desk.report()["state"] == "reported"
    desk.confirmed(34)
    assert desk.report()["state"] == "reported", "34 of 34 leave 0.898 as the lower bound"
    desk.confirmed(1)
    assert desk.report()["state"] == "dispatched"
    assert desk.report(camera="cam-2")["state"] == "reported"
    desk.now += timedelta(hours=1)
    assert desk.report()["state"] == "reported"
    events = desk.http.get("/events", params={"limit": 5000}).json()["events"]
    filed = [e for e in events if e["kind"] == "filed" and e["actor"] == "auto_file"]
    assert [e["reason"] for e in filed] == ["earned: 35 of 35 right, precision 0.901 to 1.000 (95 %), 0.85 needed"]
    assert sum(e["kind"] == "left_to_person" for e in events) == 39


def test_it_is_lost_when_what_it_filed_is_cancelled_and_every_change_is_kept(desk: Desk) -> None:
    desk.confirmed(35)
    filed = [desk.report() for _ in range(4)]
    assert {case["state"] for case in filed} == {"dispatched"}
    for case in filed[:2]:
        desk.post(f"/cases/{case['case_id']}/cancel", {"person": "Ms Li", "reason": "nothing there"})
    assert desk.report()["state"] == "reported", "35 of 37 is below 0.85 at its lower bound"
    (cell,) = desk.cells()
    assert (cell["right"], cell["wrong"], cell["files_by_itself"]) == (35, 2, False)
    changes = desk.http.get("/trust/history").json()["rows"]
    assert [(row["granted"], row["good"], row["total"]) for row in changes] == [(False, 35, 37), (True, 35, 35)]


def test_the_last_few_weigh_more_than_a_long_good_record() -> None:
    long = ["confirmed"] * 2000
    assert judge(long, True, POLICY).granted
    drop = judge(["wrong", "confirmed", "wrong", "confirmed", "wrong", *long], True, POLICY)
    assert not drop.granted
    assert drop.reason.startswith("3 of the last 20 were wrong; 2002 of 2005 right")


def test_between_the_two_bounds_what_was_earned_stays_and_nothing_new_is_earned() -> None:
    record = ["confirmed"] * 10 + ["wrong"] + ["confirmed"] * 45
    middling = ["confirmed"] * 10 + ["wrong"] + ["confirmed"] * 30
    assert judge(record, False, POLICY).granted
    assert judge(middling, True, POLICY).granted
    assert not judge(middling, False, POLICY).granted


def test_a_permitted_one_and_one_cancelled_after_a_person_filed_it_count_against_the_camera(desk: Desk) -> None:
    one, two, three = desk.report(), desk.report(), desk.report()
    desk.post(f"/cases/{one['case_id']}/confirm", {"person": "Li", "file": False, "reason": "m", "cause": "permitted"})
    desk.decide(two, True)
    desk.post(f"/cases/{two['case_id']}/cancel", {"person": "Ms Li", "reason": "filed by mistake"})
    desk.decide(three, True)
    (cell,) = desk.cells()
    assert (cell["right"], cell["wrong"], cell["open"]) == (1, 2, 0)


def test_a_citizens_report_is_no_cameras(desk: Desk) -> None:
    assert desk.report(device="citizen")["state"] == "reported"
    assert desk.report(device="")["state"] == "reported"
    assert desk.cells() == []


def test_outcomes_older_than_the_window_do_not_count(desk: Desk) -> None:
    desk.confirmed(35)
    desk.now += timedelta(days=91)
    desk.confirmed(1)
    assert [row["granted"] for row in desk.http.get("/trust/history").json()["rows"]] == [False, True]
    assert desk.report()["state"] == "reported"


def test_a_share_is_drawn_for_people_even_where_it_was_earned(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Policy(sample=0.25))
    desk.confirmed(35)
    states = [desk.report()["state"] for _ in range(120)]
    expected = sum(sampled(f"inc-{n}", 0.25) for n in range(desk.n - 120, desk.n))
    assert states.count("reported") == expected
    assert 10 < expected < 55
    desk.database.close()


def test_one_camera_can_be_switched_on_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path, None, "04-01@kiosk-1/cam-1")
    assert desk.report(camera="cam-1")["state"] == "dispatched"
    assert desk.report(camera="cam-2")["state"] == "reported"
    desk.database.close()


def record(seed: int, many: int, noisy: bool) -> list[Seen]:
    rng = random.Random(seed)
    rows = []
    for _ in range(many):
        right = rng.random() < 0.7
        score = rng.uniform(0.55, 0.95) if right else rng.uniform(0.35, 0.95 if noisy else 0.6)
        rows.append(Seen(round(score, 3), right))
    return rows


def test_a_threshold_is_fitted_on_the_older_part_and_holds_on_the_newer() -> None:
    found = propose("k/c", "04-01", record(1, 200, noisy=False))
    assert found is not None
    assert found.holds
    assert 0.5 < found.threshold < 0.65
    assert found.replayed.lower > found.before.lower
    assert found.replayed.lost <= 0.1 * found.before.right
    assert found.fitted == effect(record(1, 200, noisy=False)[:120], found.threshold)


def test_a_threshold_that_does_not_hold_later_may_not_be_applied() -> None:
    early, late = record(2, 120, noisy=False), [Seen(0.4, True)] * 60 + [Seen(0.9, False)] * 20
    found = propose("k/c", "04-01", early + late)
    assert found is not None
    assert not found.holds
    assert "right ones lost on the later candidates" in found.words


def test_short_records_and_good_cameras_get_no_proposal() -> None:
    assert propose("k/c", "04-01", record(3, 29, noisy=False)) is None
    assert propose("k/c", "04-01", [Seen(0.5, True)] * 100) is None
    assert propose("k/c", "04-01", [Seen(0.5, i % 2 == 0) for i in range(100)]) is None, "scores tell nothing"


def test_people_apply_a_threshold_and_what_lies_below_is_left_to_a_person(desk: Desk, tmp_path: Path) -> None:
    desk.remember(record(1, 200, noisy=False))
    (number,) = desk.http.post("/trust/thresholds").json()["numbers"]
    words = {"person": "Mr Chen", "reason": "tested", "apply": True}
    settled = desk.http.post(f"/trust/thresholds/{number}", json=words).json()
    assert settled["state"] == "applied"
    assert desk.http.post(f"/trust/thresholds/{number}", json=words).status_code == 409
    desk.confirmed(60, score=0.99)
    assert desk.report(score=0.99)["state"] == "dispatched"
    assert desk.report(score=settled["threshold"] - 0.01)["state"] == "reported"
    last = desk.http.get("/events", params={"limit": 5000}).json()["events"][-1]
    assert "the threshold in force for this camera" in last["reason"]
    desk.database.close()
    shown = CliRunner().invoke(app, ["show", "--data", str(tmp_path), "--days", "3660"])
    assert "kiosk-1/cam-1" in shown.output
    assert "files 自动立案" in shown.output
    again = CliRunner().invoke(app, ["apply", "99", "--data", str(tmp_path), "--person", "x", "--reason", "y"])
    assert (again.exit_code, "no proposal 99" in again.output) == (2, True)


def test_a_policy_that_contradicts_itself_is_named() -> None:
    assert "lost at once" in Policy(earned_at=0.8, lost_at=0.9).problem()
    assert "never be reached" in Policy(recent=2, recent_wrong=3).problem()
    assert RegistrySettings().auto_file_policy.problem() == ""


def test_an_older_database_brings_its_outcomes_along(tmp_path: Path) -> None:
    """Schema 1: closed after rework, under way, rejected as permitted, waiting."""
    old = sqlite3.connect(tmp_path / DATABASE)
    old.executescript((Path(__file__).parent / "data" / "registry-schema-1.sql").read_text())
    old.close()
    desk = Desk(tmp_path)
    with desk.database.read() as tx:
        found = {row.case_id[-1]: row.outcome for row in tx.execute(sa.select(tables.outcomes))}
    assert (found["3"], found["4"]) == ("wrong", "")
    assert found["1"] == "confirmed"
    desk.database.close()
