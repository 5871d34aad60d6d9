"""The case loop: what it allows, what it never allows, and what a repeated request changes (nothing)."""

import contextlib
import itertools
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.database import Database, sqlite_url
from gateway.registry import api, standard, tables
from gateway.registry.cases import (
    Answer,
    Case,
    Command,
    CrewStep,
    Decide,
    Dispatch,
    Due,
    File,
    Refused,
    Reject,
    Rules,
    State,
)
from gateway.registry.loop import step
from gateway.registry.migrations import MIGRATIONS
from gateway.registry.store import Registry

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
RULES = Rules(crews=("handset-1", "handset-2"), recheck_limit=2)
REPORT = {
    "incident_id": "inc-1",
    "case_class": "stall",
    "class_code": "04-06",
    "label": "stall",
    "lat": 34.0,
    "lon": 117.0,
}


def reported() -> Case:
    return Case(
        case_id="20261122-000001",
        incident_id="inc-1",
        case_class="stall",
        class_code="04-06",
        label="stall",
        lat=34.0,
        lon=117.0,
        reported_at=NOW,
        limit_hours=2.0,
    )


def command_for(case: Case, choice: int) -> Command:
    """A command that often fits: for the case's present order and check, now and then for older ones."""
    order, version, check = case.order_id, case.order_version, case.check_id
    return (
        File("Ms Li"),
        Reject("Ms Li", "an allowed stall"),
        Dispatch(choice),
        CrewStep("accepted", order, version, case.crew or "x"),
        CrewStep("arrived", order, version, case.crew or "x"),
        CrewStep("disposed", order, version, case.crew or "x"),
        CrewStep("returned", order, version, case.crew or "x", "not ours"),
        CrewStep("disposed", order, version - 1, case.crew or "x"),
        Answer(check, "still_there", "kiosk-1/cam-1"),
        Answer(check, "cannot_see", "kiosk-1/cam-1"),
        Answer(check, "cleared", "kiosk-1/cam-1"),
        Answer("chk-older", "cleared", "kiosk-1/cam-1"),
        Due(),
        Decide("Mr Wu", "again", "go back"),
        Decide("Mr Wu", "check", "look again"),
        Decide("Mr Wu", "close", "seen by myself"),
    )[choice % 16]


@given(st.lists(st.integers(0, 15), max_size=60))
@settings(max_examples=400, deadline=None)
def test_no_sequence_closes_a_case_without_a_cleared_verdict_or_a_person(choices: list[int]) -> None:
    case, now, seen = reported(), NOW, []
    for choice in choices:
        now += timedelta(minutes=10)
        before = case.state
        try:
            case, events = step(case, command_for(case, choice), now, RULES)
        except Refused:
            continue
        seen += events
        if case.state is State.CLOSED and before is not State.CLOSED:
            kinds = [event.kind for event in events]
            cleared = "verdict" in kinds and events[0].data["verdict"] == "cleared"
            assert cleared or events[-1].actor == "Mr Wu"
            assert "filed" in [event.kind for event in seen]
        assert events or case.state is before or choice == 12, "a state changed without an event"
        assert before not in (State.CLOSED, State.REJECTED) or case.state is before


@given(st.lists(st.integers(0, 15), max_size=60))
@settings(max_examples=200, deadline=None)
def test_an_order_version_only_grows_and_a_crew_has_at_most_one_live_order(choices: list[int]) -> None:
    case, now, live = reported(), NOW, {}
    for choice in choices:
        now += timedelta(minutes=10)
        try:
            case, events = step(case, command_for(case, choice), now, RULES)
        except Refused:
            continue
        for event in events:
            for order in event.data.get("orders", []):
                work = order["work"]
                assert work["version"] > live.get(work["order_id"], ("", 0))[1]
                live[work["order_id"]] = (work["state"], work["version"])
        assert sum(state in ("dispatched", "rework") for state, _ in live.values()) <= 1


def walk(*commands: Command, case: Case | None = None) -> Case:
    """Run commands one minute apart."""
    case = case or reported()
    for number, command in enumerate(commands):
        case, _ = step(case, command, NOW + timedelta(minutes=number), RULES)
    return case


def disposed() -> Case:
    case = walk(File("Ms Li"), Dispatch(0))
    return walk(
        CrewStep("accepted", case.order_id, 1, "handset-1"),
        CrewStep("disposed", case.order_id, 1, "handset-1"),
        case=case,
    )


def test_still_there_means_rework_by_the_same_crew_with_the_next_version_and_attempt() -> None:
    case = disposed()
    again = walk(Answer(case.check_id, "still_there", "kiosk-1/cam-1"), case=case)
    assert (again.state, again.crew, again.order_id) == (State.REWORK, case.crew, case.order_id)
    assert (again.order_version, again.attempt) == (2, 2)


def test_cannot_see_is_asked_again_up_to_the_limit_and_then_waits_for_a_person() -> None:
    case, now = disposed(), NOW
    for number in (1, 2, 3):
        assert case.check_id.endswith(f"-{number}")
        case, _ = step(case, Answer(case.check_id, "cannot_see", "kiosk-1/cam-1"), now, RULES)
        now += timedelta(hours=1)
        if case.state is State.CHECKING:
            case, _ = step(case, Due(), now, RULES)
    assert case.state is State.NEEDS_PERSON


def test_a_return_goes_to_another_crew_and_recalls_the_first_order() -> None:
    case = walk(File("Ms Li"), Dispatch(0))
    back, events = step(case, CrewStep("returned", case.order_id, 1, "handset-1", "not ours"), NOW, RULES)
    assert [o["work"]["state"] for o in events[0].data["orders"]] == ["recalled"]
    sent = walk(Dispatch(0), case=back)
    assert (sent.state, sent.crew != case.crew, sent.order_id != case.order_id) == (State.DISPATCHED, True, True)


def test_a_return_without_a_reason_is_refused() -> None:
    case = walk(File("Ms Li"), Dispatch(0))
    with pytest.raises(Refused, match="needs a reason"):
        walk(CrewStep("returned", case.order_id, 1, "handset-1", " "), case=case)


def test_a_verdict_on_an_older_check_is_written_down_and_moves_nothing() -> None:
    case = disposed()
    after, events = step(case, Answer("chk-older", "cleared", "kiosk-1/cam-1"), NOW, RULES)
    assert after == case
    assert [event.kind for event in events] == ["verdict_late"]


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Rig:
    """A registry on a file, its API without a network."""

    def __init__(self, url: str, auto_file: frozenset[str] = frozenset({"stall"})) -> None:
        self.clock = Clock()
        self.url = url
        self.auto_file = auto_file
        self.open()

    def open(self) -> None:
        self.database = Database(self.url, tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
        self.registry = Registry(self.database, standard.read(), RULES, self.auto_file, self.clock)
        self.http = TestClient(api.build(self.registry))

    def post(self, path: str, body: dict[str, Any], key: str = "k") -> httpx.Response:
        return self.http.post(path, json=body, headers={"Idempotency-Key": key})

    def case(self, case_id: str) -> Case:
        with self.database.read() as tx:
            body = tx.scalar(sa.select(tables.cases.c.body).where(tables.cases.c.case_id == case_id))
        return msgspec.json.decode(body or b"", type=Case)

    def kinds(self) -> list[str]:
        return [event["kind"] for event in self.http.get("/events").json()["events"]]


@pytest.fixture
def rig(database_url: str) -> Iterator[Rig]:
    rig = Rig(database_url)
    yield rig
    rig.database.close()


def op(rig: Rig, case_id: str, kind: str, **values: Any) -> httpx.Response:
    case = rig.http.get(f"/cases/{case_id}").json()
    order = f"wo-{case_id}-{case['order_no']}"
    body = {"op_id": f"{kind}-{order}", "order_id": order, "kind": kind, "base_version": case["order_version"]}
    return rig.post(f"/cases/{case_id}/ops", {**body, "actor": "handset-1", **values}, f"{kind}-{order}")


def test_a_class_that_the_city_switched_on_is_filed_and_dispatched_at_once(rig: Rig) -> None:
    answer = rig.post("/reports", REPORT)
    assert (answer.status_code, answer.json()["state"]) == (201, "dispatched")
    assert rig.kinds() == ["reported", "filed", "dispatched"]


def test_without_the_switch_a_case_waits_for_a_named_person(tmp_path: Path) -> None:
    rig = Rig(sqlite_url(tmp_path / "r.sqlite3"), frozenset())
    case_id = rig.post("/reports", REPORT).json()["case_id"]
    assert rig.kinds() == ["reported"]
    assert rig.post(f"/cases/{case_id}/confirm", {"person": ""}, "c0").status_code == 422
    rig.post(f"/cases/{case_id}/confirm", {"person": "Ms Li"}, "c1").raise_for_status()
    events = rig.http.get("/events").json()["events"]
    assert [(e["kind"], e["actor"]) for e in events[1:]] == [("filed", "Ms Li"), ("dispatched", "registry")]


def test_a_class_code_outside_the_standard_is_never_filed_without_a_person(rig: Rig) -> None:
    assert rig.post("/reports", {**REPORT, "class_code": "99-99"}).json()["state"] == "reported"


def test_a_request_that_comes_twice_gets_the_same_answer_and_happens_once(rig: Rig) -> None:
    first, second = rig.post("/reports", REPORT), rig.post("/reports", REPORT)
    assert first.json() == second.json()
    assert len(rig.kinds()) == 3


def test_an_idempotency_key_used_for_another_request_is_refused(rig: Rig) -> None:
    rig.post("/reports", REPORT)
    assert rig.post("/reports", {**REPORT, "incident_id": "inc-2"}).status_code == 422


def test_an_incident_that_is_reported_under_two_keys_is_one_case(rig: Rig) -> None:
    assert rig.post("/reports", REPORT, "a").json() == rig.post("/reports", REPORT, "b").json()


def test_the_whole_loop_leaves_every_step_in_the_log_with_its_actor(rig: Rig) -> None:
    case_id = rig.post("/reports", REPORT).json()["case_id"]
    for kind in ("accepted", "arrived", "disposed"):
        op(rig, case_id, kind).raise_for_status()
    body = {"check_id": f"chk-{case_id}-1", "verdict": "cleared", "actor": "kiosk-1/cam-1"}
    assert rig.post(f"/cases/{case_id}/verdicts", body, "v").json()["state"] == "closed"
    log = rig.http.get(f"/cases/{case_id}").json()["events"]
    steps = [
        "reported",
        "filed",
        "dispatched",
        "accepted",
        "arrived",
        "disposed",
        "check_requested",
        "verdict",
        "closed",
    ]
    assert [event["kind"] for event in log] == steps
    assert all(event["actor"] and event["at"] for event in log)


def test_a_step_that_the_state_forbids_is_a_409_and_leaves_no_event(rig: Rig) -> None:
    case_id = rig.post("/reports", REPORT).json()["case_id"]
    op(rig, case_id, "disposed").raise_for_status()
    before = rig.kinds()
    assert op(rig, case_id, "accepted").status_code == 409
    assert rig.kinds() == before


def test_crews_take_turns_across_a_restart(rig: Rig) -> None:
    crews = []
    for number in range(4):
        case_id = rig.post("/reports", {**REPORT, "incident_id": f"inc-{number}"}, f"k{number}").json()["case_id"]
        crews.append(rig.http.get(f"/cases/{case_id}").json()["crew"])
        rig.database.close()
        rig.open()
    assert crews == ["handset-1", "handset-2", "handset-1", "handset-2"]


def test_a_check_without_an_answer_is_asked_again_after_a_restart(rig: Rig) -> None:
    case_id = rig.post("/reports", REPORT).json()["case_id"]
    op(rig, case_id, "disposed").raise_for_status()
    rig.database.close()
    rig.open()
    rig.clock.now += timedelta(seconds=RULES.check_timeout_s + 1)
    rig.registry.tick()
    rig.registry.tick()
    assert rig.kinds()[-2:] == ["check_unanswered", "check_requested"]


@given(st.lists(st.integers(0, 15), min_size=5, max_size=40))
@settings(max_examples=15, deadline=None)
def test_no_event_is_lost_and_the_case_is_where_its_last_event_left_it(choices: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(sqlite_url(Path(folder) / "r.sqlite3"))
        case_id = rig.registry.report("r", REPORT)["case_id"]
        for choice in choices:
            rig.clock.now += timedelta(minutes=10)
            with contextlib.suppress(Refused):
                rig.registry.command(case_id, command_for(rig.case(case_id), choice))
            rig.registry.tick()
        found = rig.http.get(f"/cases/{case_id}").json()
        numbers = [event["n"] for event in found["events"]]
        assert numbers == list(range(1, len(numbers) + 1))
        moves = [
            key for key, _ in itertools.groupby((e["at"], e["state_before"], e["state_after"]) for e in found["events"])
        ]
        assert all(before[2] == after[1] for before, after in itertools.pairwise(moves))
        assert found["state"] == found["events"][-1]["state_after"]
        rig.database.close()
