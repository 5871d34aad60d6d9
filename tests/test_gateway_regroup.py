"""Splits and merges by an operator: carried out whole, kept for ever, respected by later matching, and they teach."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from forward_rig import Rig, shown
from gateway_helpers import START, candidate
from hypothesis import given
from hypothesis import strategies as st

from edge.wire import Candidate, Place
from gateway import incidents, reconcile, regroup, regroup_api, tables, teaching
from gateway.lessons import DECISIONS_MIN, Lesson, propose
from gateway.regroup_tables import decisions
from gateway.times import to_text

METRE = 1 / 111_320.0
PERSON = ("Li Wei", "the pictures show it")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


def seen(device: str, name: str, metres: float, day: int = 0, **values: Any) -> Candidate:
    """`name`'s thing as `device` saw it, so many metres north of the corner; place ids follow the device."""
    place = Place(lat=34.2 + metres * METRE, lon=117.2, error_major_m=1.0, error_minor_m=1.0)
    times = {"first_seen": START + timedelta(days=day), "last_seen": START + timedelta(days=day, minutes=5)}
    own = {"device": device, "candidate_id": name, "place_id": f"place-of-{device}", "seq": hash(name) % 2**40 + 1}
    return candidate(1, **(own | times | {"place": place} | values))


def incident_of(rig: Rig, name: str) -> str:
    query = sa.select(tables.witnesses.c.incident_id).where(tables.witnesses.c.candidate_id == name)
    (row,) = rig.rows(query)
    return str(row["incident_id"])


def close_all(rig: Rig) -> None:
    with rig.database.write() as tx:
        for row in tx.execute(sa.select(tables.incidents.c.incident_id)).all():
            incidents.set_state(tx, row.incident_id, "closed", to_text(rig.now))


def merge(rig: Rig, one: str, two: str) -> dict[str, Any]:
    with rig.database.write() as tx:
        return regroup.merge(tx, incident_of(rig, one), incident_of(rig, two), *PERSON, to_text(rig.now))


def split(rig: Rig, device: str, name: str) -> dict[str, Any]:
    with rig.database.write() as tx:
        return regroup.split(tx, incident_of(rig, name), [(device, name)], *PERSON, to_text(rig.now))


def test_a_merge_moves_witnesses_pictures_and_numbers_and_every_candidate_stays_accounted_for(rig: Rig) -> None:
    picture, reference = shown(b"a picture", 7)
    rig.commit(seen("kiosk-1", "a", 0), seen("kiosk-2", "b", 50, evidence=[reference], campaigns=["15950000000"]))
    kept, other = incident_of(rig, "a"), incident_of(rig, "b")
    assert kept != other
    done = merge(rig, "a", "b")
    assert (incident_of(rig, "b"), done["incident_id"], done["cancel_case"]) == (kept, kept, None)
    refs = rig.rows(sa.select(tables.evidence_refs.c.incident_id))
    numbers = rig.rows(sa.select(tables.campaigns.c.campaign).where(tables.campaigns.c.incident_id == kept))
    assert (refs, numbers) == ([{"incident_id": kept}], [{"campaign": "15950000000"}])
    states = {row["incident_id"]: (row["state"], row["open"]) for row in rig.rows(sa.select(tables.incidents))}
    assert states == {kept: ("found", True), other: ("merged", False)}
    with rig.database.read() as tx:
        report = reconcile.reconcile(tx)
    assert report.ok and (report.founded, report.merged) == (1, 1)
    assert picture.sha256 == reference.sha256


def test_what_was_merged_is_never_split_again(rig: Rig) -> None:
    rig.commit(seen("kiosk-1", "a", 0), seen("kiosk-2", "b", 50))
    number = merge(rig, "a", "b")["decision"]
    close_all(rig)
    rig.commit(seen("kiosk-1", "a2", 0, day=30))
    rig.commit(seen("kiosk-2", "b2", 50, day=30))
    assert incident_of(rig, "a2") == incident_of(rig, "b2") != incident_of(rig, "a")
    with rig.database.read() as tx:
        told = regroup.why(tx, incident_of(rig, "b2"))
    assert (
        f"decision {number}" in told["witnesses"][1]["reason"] or f"decision {number}" in told["witnesses"][0]["reason"]
    )


def test_what_was_split_is_never_merged_again_and_both_go_to_the_registry(rig: Rig) -> None:
    rig.commit(seen("kiosk-1", "a", 0), seen("kiosk-2", "b", 1))
    assert incident_of(rig, "a") == incident_of(rig, "b")
    other = split(rig, "kiosk-2", "b")["other_id"]
    assert incident_of(rig, "b") == other != incident_of(rig, "a")
    assert {row["incident_id"] for row in rig.forwards()} == {incident_of(rig, "a"), other}
    rig.commit(seen("kiosk-2", "b2", 1), seen("kiosk-1", "a2", 0))
    assert incident_of(rig, "b2") == other and incident_of(rig, "a2") == incident_of(rig, "a")
    close_all(rig)
    rig.commit(seen("kiosk-1", "a3", 0, day=9))
    rig.commit(seen("kiosk-2", "b3", 1, day=9))
    rig.commit(seen("kiosk-3", "c3", 0.2, day=9))
    assert incident_of(rig, "a3") != incident_of(rig, "b3")
    assert incident_of(rig, "c3") == incident_of(rig, "a3")
    with rig.database.read() as tx:
        assert reconcile.reconcile(tx).ok


def test_the_newest_decision_on_two_places_holds_and_the_older_one_stays_written(rig: Rig) -> None:
    rig.commit(seen("kiosk-1", "a", 0), seen("kiosk-2", "b", 1))
    split(rig, "kiosk-2", "b")
    merge(rig, "a", "b")
    assert incident_of(rig, "a") == incident_of(rig, "b")
    close_all(rig)
    rig.commit(seen("kiosk-1", "a2", 0, day=9), seen("kiosk-2", "b2", 1, day=9))
    assert incident_of(rig, "a2") == incident_of(rig, "b2")
    kinds = [row["kind"] for row in rig.rows(sa.select(decisions).order_by(decisions.c.n))]
    assert kinds == ["split", "merge"]


def test_what_cannot_be_done_is_said_and_changes_nothing(rig: Rig) -> None:
    rig.commit(seen("kiosk-1", "a", 0), seen("kiosk-2", "b", 50), seen("kiosk-3", "c", 90, case_class="litter"))
    one, other = incident_of(rig, "a"), incident_of(rig, "c")
    for pair, words in (((one, one), "itself"), ((one, "inc-no"), "no incident"), ((one, other), "not one thing")):
        with pytest.raises(regroup.NotRegrouped, match=words), rig.database.write() as tx:
            regroup.merge(tx, *pair, *PERSON, to_text(rig.now))
    for moved, words in (([("kiosk-1", "a")], "at least one"), ([("kiosk-9", "x")], "no witness")):
        with pytest.raises(regroup.NotRegrouped, match=words), rig.database.write() as tx:
            regroup.split(tx, one, moved, *PERSON, to_text(rig.now))
    assert rig.rows(sa.select(decisions)) == []


def lessons(same: list[float], other: list[float]) -> list[Lesson]:
    return [Lesson(n, value, n < len(same)) for n, value in enumerate([*same, *other])]


def test_a_threshold_is_proposed_when_it_judges_unseen_decisions_better() -> None:
    made = propose("stall", "ground", lessons([2.4, 2.5, 2.6, 2.7, 2.8, 2.9], [3.4, 3.5, 3.6, 3.7]))
    assert made.holds and 2.9 <= made.proposed <= 3.4
    assert (made.errors_now, made.errors_proposed, made.errors_held_out) == (6, 0, 1) or made.errors_held_out == 0


def test_few_decisions_or_contradicting_ones_teach_nothing() -> None:
    few = propose("stall", "ground", lessons([2.5, 2.6], []))
    assert not few.holds and str(DECISIONS_MIN) in few.why
    mixed = propose("stall", "ground", lessons([1.0, 2.2, 1.4, 2.6, 1.8], [1.1, 2.3, 1.5, 2.7, 1.9]))
    assert not mixed.holds


@given(st.lists(st.tuples(st.floats(0, 6), st.booleans()), min_size=1, max_size=30))
def test_a_proposal_is_never_worse_on_the_decisions_that_it_was_made_of(values: list[tuple[float, bool]]) -> None:
    made = propose("bike", "ground", [Lesson(n, value, same) for n, (value, same) in enumerate(values)])
    assert made.errors_proposed <= made.errors_now
    assert made.errors_held_out >= made.errors_proposed or not made.holds or made.errors_held_out < made.errors_now


def test_an_applied_threshold_changes_what_is_merged_and_only_for_its_class(rig: Rig) -> None:
    for n in range(DECISIONS_MIN + 2):
        rig.commit(seen(f"kiosk-{2 * n}", f"a{n}", 1000.0 * n), seen(f"kiosk-{2 * n + 1}", f"b{n}", 1000.0 * n + 3.8))
        merge(rig, f"a{n}", f"b{n}")
    with rig.database.write() as tx:
        (proposal,) = [made for made in teaching.proposals(tx) if made.way == "ground"]
        assert proposal.holds and 2.68 < proposal.proposed < 2.9
        teaching.apply(tx, "stall", "ground", *PERSON, to_text(rig.now))
    rig.commit(seen("kiosk-90", "new-a", 90_000.0), seen("kiosk-91", "new-b", 90_003.7))
    assert incident_of(rig, "new-a") == incident_of(rig, "new-b")
    rig.commit(*(seen(f"kiosk-9{5 + n}", f"l{n}", 91_000 + 3.7 * n, case_class="litter") for n in (0, 1)))
    assert incident_of(rig, "l0") != incident_of(rig, "l1")
    with pytest.raises(regroup.NotRegrouped, match="not applied"), rig.database.write() as tx:
        teaching.apply(tx, "litter", "ground", *PERSON, to_text(rig.now))


def test_the_api_merges_splits_explains_and_says_what_cannot_be_done(rig: Rig) -> None:
    app = FastAPI()
    regroup_api.add_regroup(app, rig.database, lambda: rig.now, lambda _request, given: given)
    http = TestClient(app)
    rig.commit(seen("kiosk-1", "a", 0), seen("kiosk-2", "b", 50))
    who = {"person": PERSON[0], "reason": PERSON[1]}
    one, other = incident_of(rig, "a"), incident_of(rig, "b")
    assert http.post(f"/api/incidents/{one}/merge", json={"other_id": other, **who}).status_code == 200
    again = http.post(f"/api/incidents/{one}/merge", json={"other_id": other, **who})
    assert (again.status_code, "merged before" in again.json()["error"]) == (409, True)
    moved = [{"device": "kiosk-2", "candidate_id": "b"}]
    assert http.post(f"/api/incidents/{one}/split", json={"witnesses": moved, **who}).status_code == 200
    assert (
        http.post(f"/api/incidents/{one}/merge", json={"other_id": other, "person": "", "reason": ""}).status_code
        == 422
    )
    told = http.get(f"/api/incidents/{one}/why").json()
    assert ([w["candidate_id"] for w in told["witnesses"]], len(told["decisions"])) == (["a"], 2)
    assert [d["kind"] for d in http.get("/api/decisions").json()] == ["split", "merge"]
    assert http.get("/api/matching").json()["proposals"][0]["case_class"] == "stall"
    refused = http.post("/api/matching", json={"case_class": "stall", "way": "ground", **who})
    assert (refused.status_code, refused.json()["error"].startswith("not applied: ")) == (409, True)
