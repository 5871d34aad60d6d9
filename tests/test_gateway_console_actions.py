"""Roles x actions as data: what each role may do with a case, and that the registry understands each action."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from gateway.console.actions import ACTIONS, Action, allowed
from gateway.database import Database, sqlite_url
from gateway.people.settings import PERMISSIONS, ROLES
from gateway.registry import api, standard, tables
from gateway.registry.cases import Rules, State
from gateway.registry.store import Registry
from gateway.times import utc_now

MAY = {
    "collector": {"there", "not_there"},
    "acceptor": {"file", "reject", "verify"},
    "dispatcher": {"suspend", "resume", "extend"},
    "department": {"feedback", "appeal"},
    "checker": {"close", "again", "check"},
    "supervisor": {"force", "cancel", "grant", "refuse"},
    "admin": set(),
    "viewer": set(),
    "auditor": set(),
}
EXTRA = {"hours": 1.0, "collector": "Mr Qian", "cause": "permitted"}


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    path: Path = tmp_path_factory.mktemp("registry") / "registry.sqlite3"
    database = Database(sqlite_url(path), tables.metadata, tables.SCHEMA_VERSION)
    registry = Registry(database, standard.read(), Rules(), frozenset(), utc_now)
    yield TestClient(api.build(registry))
    database.close()


@pytest.mark.parametrize("role", sorted(MAY))
def test_over_all_states_a_role_is_offered_its_own_actions_and_no_other(role: str) -> None:
    states = [{"state": str(state), "appeal": appeal} for state in State for appeal in ("", "asked")]
    offered = {action.name for case in states for action in allowed(case, frozenset(ROLES[role]))}
    assert offered == MAY[role]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_the_registry_understands_every_action_and_refuses_only_the_unknown_case(
    action: Action, http: TestClient
) -> None:
    body = action.request("Ms Li", "a reason", EXTRA.get(action.extra))
    answer = http.post(f"/cases/none/{action.path}", json=body, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, "none" in answer.json().get("error", "")) == (404, True), answer.text


def test_every_action_is_of_states_and_permissions_that_are_there() -> None:
    assert {state for action in ACTIONS for state in action.states} <= {str(state) for state in State}
    assert {action.permission for action in ACTIONS} <= set(PERMISSIONS)


@pytest.mark.parametrize("state", ["closed", "rejected", "cancelled"])
def test_nothing_is_offered_to_who_may_only_look(state: str) -> None:
    assert allowed({"state": state, "appeal": ""}, frozenset(ROLES["viewer"])) == []


def test_an_appeal_is_offered_once_and_its_review_only_while_it_waits() -> None:
    every = frozenset(PERMISSIONS)
    for appeal, names in (("", {"appeal"}), ("asked", {"grant", "refuse"}), ("granted", set())):
        assert {a.name for a in allowed({"state": "closed", "appeal": appeal}, every)} == names


@pytest.mark.parametrize(("cause", "outcome"), [("duplicate", ""), ("permitted", "wrong"), ("false_alarm", "wrong")])
def test_a_duplicate_says_nothing_against_its_camera(http: TestClient, cause: str, outcome: str) -> None:
    report = {"incident_id": f"inc-{cause}", "case_class": "stall", "class_code": "04-06", "label": "x"}
    report |= {"lat": 34.2, "lon": 117.2, "device": f"kiosk-{cause}", "camera": "cam", "score": 0.9}  # type: ignore[dict-item]
    case = http.post("/reports", json=report, headers={"Idempotency-Key": cause}).json()
    body = {"person": "Ms Li", "file": False, "reason": "r", "cause": cause}
    assert http.post(f"/cases/{case['case_id']}/confirm", json=body).status_code == 200
    row = next(r for r in http.get("/trust").json()["rows"] if r["camera"] == f"kiosk-{cause}/cam")
    assert (row["wrong"], row["right"], row["open"]) == ((1, 0, 0) if outcome else (0, 0, 1))
