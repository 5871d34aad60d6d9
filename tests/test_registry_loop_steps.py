"""What people do to a case, over HTTP and on a real database: clocks that stop and go, appeals, numbers, old files."""

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from gateway.database import Database, sqlite_url
from gateway.registry import api, city, standard, tables
from gateway.registry.cases import File, Rules
from gateway.registry.clocks import BEIJING
from gateway.registry.migrations import MIGRATIONS
from gateway.registry.store import Registry

FRIDAY_1700 = datetime(2026, 11, 20, 17, 0, tzinfo=BEIJING)
BIKE = {"incident_id": "inc-1", "case_class": "bike", "class_code": "04-10", "label": "bike"}
PLACE = city.synthetic().cells[100]
BIKE |= {"lat": PLACE.south + 1e-4, "lon": PLACE.west + 1e-4}
WORD = {"person": "Mr Wu", "reason": "road works"}


class Desk:
    """A registry with a city, its API, and a clock that is set by hand."""

    def __init__(self, folder: Path, **rules: Any) -> None:
        self.now = FRIDAY_1700.astimezone(UTC)
        self.database = Database(sqlite_url(folder / "r.sqlite3"), tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
        numbers = Rules(**{"crews": ("crew-1", "crew-2"), **rules})
        self.registry = Registry(
            self.database, standard.read(), numbers, frozenset(), lambda: self.now, city.synthetic()
        )
        self.http = TestClient(api.build(self.registry))
        self.number = 0

    def at(self, text: str) -> None:
        self.now = datetime.fromisoformat(text).replace(tzinfo=BEIJING).astimezone(UTC)

    def post(self, path: str, **body: Any) -> httpx.Response:
        self.number += 1
        return self.http.post(path, json=body, headers={"Idempotency-Key": f"desk-{self.number}"})

    def filed(self, incident: str = "inc-1") -> str:
        case_id = self.post("/reports", **{**BIKE, "incident_id": incident}).json()["case_id"]
        self.post(f"/cases/{case_id}/confirm", person="Ms Li").raise_for_status()
        return str(case_id)

    def word(self, case_id: str, what: str, **values: Any) -> httpx.Response:
        return self.post(f"/cases/{case_id}/{what}", **{**WORD, **values})

    def crew(self, case_id: str, kind: str, note: str = "") -> httpx.Response:
        case = self.case(case_id)
        order = f"wo-{case_id}-{case['order_no']}"
        body = {"op_id": f"{kind}{self.number}", "order_id": order, "kind": kind, "note": note}
        return self.post(f"/cases/{case_id}/ops", **body, base_version=case["order_version"], actor=case["crew"])

    def cleared(self, case_id: str) -> httpx.Response:
        check = f"chk-{case_id}-{self.case(case_id)['check_no']}"
        return self.post(f"/cases/{case_id}/verdicts", check_id=check, verdict="cleared", actor="kiosk-1/cam-1")

    def case(self, case_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/cases/{case_id}").json()
        return found

    def deadline(self, case_id: str) -> datetime:
        return datetime.fromisoformat(self.case(case_id)["deadline"])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.database.close()


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


def test_a_working_hours_deadline_waits_for_monday_and_the_case_knows_its_place(desk: Desk) -> None:
    case_id = desk.filed()
    case = desk.case(case_id)
    assert desk.deadline(case_id) == local("2026-11-23T09:00")
    assert (case["cell"], case["patrol_area"]) == (PLACE.code, PLACE.patrol_area)
    assert (case["department"], case["standard"]) == ("traffic", "demo-2")


def test_a_suspended_case_stops_its_clock_and_goes_on_with_what_was_left(desk: Desk) -> None:
    """30 of 120 minutes have run on Friday; taken up again on Tuesday at 11:30 the 90 left end at 15:00, over lunch."""
    case_id = desk.filed()
    desk.at("2026-11-20T17:30")
    assert desk.word(case_id, "suspend").json()["state"] == "suspended"
    assert desk.case(case_id)["deadline"] is None
    desk.at("2026-11-24T11:30")
    assert desk.word(case_id, "resume").json()["state"] == "dispatched"
    assert desk.deadline(case_id) == local("2026-11-24T15:00")


def test_suspending_an_overdue_case_does_not_make_it_punctual(desk: Desk) -> None:
    case_id = desk.filed()
    before = desk.deadline(case_id)
    desk.at("2026-11-23T10:00")
    desk.word(case_id, "suspend").raise_for_status()
    desk.at("2026-11-24T10:00")
    desk.word(case_id, "resume").raise_for_status()
    assert desk.deadline(case_id) == before


def test_an_extension_moves_the_deadline_on_the_cases_own_clock_once_and_before_it(desk: Desk) -> None:
    case_id = desk.filed()
    assert desk.word(case_id, "extend", hours=2.0).is_success
    assert desk.deadline(case_id) == local("2026-11-23T11:00")
    again = desk.word(case_id, "extend", hours=1.0)
    assert (again.status_code, "was extended 1 times" in again.json()["error"]) == (409, True)


def test_an_extension_of_an_overdue_case_is_refused(desk: Desk) -> None:
    case_id = desk.filed()
    desk.at("2026-11-23T09:00")
    assert "extend before the deadline" in desk.word(case_id, "extend", hours=1.0).json()["error"]


def test_a_returned_case_is_closed_neither_by_a_person_nor_by_order(tmp_path: Path) -> None:
    """The only crew hands it back, so it waits for a person; closing is refused until it was sent out again."""
    desk = Desk(tmp_path, crews=("crew-1",))
    case_id = desk.filed()
    assert desk.crew(case_id, "returned", "not ours").json()["state"] == "needs_person"
    refused = [
        desk.post(f"/cases/{case_id}/decide", **WORD, decision="close"),
        desk.word(case_id, "force-close"),
    ]
    assert [answer.status_code for answer in refused] == [409, 409]
    assert all("may not go straight to closing" in answer.json()["error"] for answer in refused)
    assert desk.post(f"/cases/{case_id}/decide", **WORD, decision="again").json()["state"] == "dispatched"
    assert desk.word(case_id, "force-close").json()["state"] == "force_closed"
    desk.database.close()


def test_every_word_of_a_person_needs_a_reason_and_leaves_actor_reason_and_time(desk: Desk) -> None:
    case_id = desk.filed()
    for what in ("suspend", "resume", "force-close", "cancel", "appeal", "feedback"):
        assert desk.word(case_id, what, reason="").status_code == 422
        assert desk.word(case_id, what, reason="  ").status_code == 409 or what == "feedback"
    desk.word(case_id, "cancel").raise_for_status()
    last = desk.case(case_id)["events"][-1]
    assert (last["kind"], last["actor"], last["reason"]) == ("cancelled", "Mr Wu", "road works")
    assert last["data"]["orders"][0]["work"]["state"] == "closed"


def test_a_collector_is_sent_before_filing_and_what_is_not_there_is_filed_only_with_a_reason(desk: Desk) -> None:
    case_id = desk.post("/reports", **BIKE).json()["case_id"]
    asked = desk.post(f"/cases/{case_id}/verify", person="Ms Li", collector="collector-7")
    assert asked.json()["state"] == "verifying"
    assert desk.post(f"/cases/{case_id}/confirm", person="Ms Li").status_code == 409
    silent = desk.post(f"/cases/{case_id}/verified", collector="collector-7", found="not_there")
    assert silent.status_code == 409
    found = {"collector": "collector-7", "found": "not_there", "reason": "the bicycle is gone"}
    assert desk.post(f"/cases/{case_id}/verified", **found).json()["state"] == "to_file"
    assert desk.post(f"/cases/{case_id}/confirm", person="Ms Li").status_code == 409
    rejected = {"person": "Ms Li", "file": False, "reason": "gone", "cause": "other"}
    assert desk.post(f"/cases/{case_id}/confirm", **rejected).json()["state"] == "rejected"


def test_a_city_may_ask_for_the_departments_word_before_the_check(tmp_path: Path) -> None:
    desk = Desk(tmp_path, feed_back_by_person=True)
    case_id = desk.filed()
    assert desk.crew(case_id, "disposed").json()["state"] == "disposed"
    assert desk.word(case_id, "feedback").json()["state"] == "checking"
    assert [e["kind"] for e in desk.case(case_id)["events"]][-3:] == ["disposed", "fed_back", "check_requested"]
    desk.database.close()


def closed_late(desk: Desk, incident: str = "inc-1") -> str:
    case_id = desk.filed(incident)
    desk.at("2026-11-23T15:00")
    desk.crew(case_id, "disposed").raise_for_status()
    desk.cleared(case_id).raise_for_status()
    return case_id


def test_an_appeal_takes_two_other_people_and_exempts_the_statistic_but_not_the_fact(desk: Desk) -> None:
    case_id = closed_late(desk)
    assert desk.word(case_id, "appeal", person="Dept").is_success
    told = [desk.word(case_id, "review", person=who, grant=True) for who in ("Dept", "Ms A", "Ms A", "Ms B")]
    assert [answer.status_code for answer in told] == [409, 200, 409, 200]
    figures = desk.http.get("/evaluation", params={"month": "2026-11"}).json()
    (whole,) = (row for row in figures["rows"] if row["level"] == "city")
    assert whole["indicators"]["disposal_in_time"] == {"numerator": 1, "denominator": 1, "rate": "1.000000"}
    case = desk.case(case_id)
    assert case["appeal"] == "granted" and case["times"]["disposed"] > case["times"]["dispose_due"]


def test_one_refusal_ends_an_appeal(desk: Desk) -> None:
    case_id = closed_late(desk)
    desk.word(case_id, "appeal", person="Dept").raise_for_status()
    desk.word(case_id, "review", person="Ms A", grant=False).raise_for_status()
    assert desk.word(case_id, "review", person="Ms B", grant=True).status_code == 409
    assert "the appeal is refused" in desk.word(case_id, "appeal", person="Dept").json()["error"]


def test_an_appeal_comes_after_closing_against_a_delay_and_within_five_working_days(desk: Desk) -> None:
    case_id = desk.filed()
    assert "cannot appeal" in desk.word(case_id, "appeal").json()["error"]
    desk.crew(case_id, "disposed")
    desk.cleared(case_id)
    assert "was not overdue" in desk.word(case_id, "appeal").json()["error"]
    desk.at("2026-11-20T17:00")
    late = closed_late(desk, "inc-2")
    desk.at("2026-11-30T15:00")
    desk.now += timedelta(seconds=1)
    assert "could be appealed until 2026-11-30T07:00" in desk.word(late, "appeal").json()["error"]


def test_case_numbers_do_not_race_between_processes_that_share_a_file(tmp_path: Path) -> None:
    """Two database objects know nothing of each other's lock, like two processes."""
    desks = [Desk(tmp_path), Desk(tmp_path)]
    ids: list[str] = []

    def report(desk: Desk, first: int) -> None:
        for n in range(first, first + 15):
            ids.append(desk.registry.report(f"r{n}", {**BIKE, "incident_id": f"r{n}"})["case_id"])

    threads = [threading.Thread(target=report, args=(desk, 100 * n)) for n, desk in enumerate(desks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for desk in desks:
        desk.database.close()
    assert sorted(ids) == [f"20261120-{n:06d}" for n in range(1, 31)]


def test_a_batch_that_fails_leaves_nothing_behind(desk: Desk) -> None:
    with pytest.raises(LookupError), desk.registry.batch() as work:
        work.report(BIKE)
        work.command("no such case", File("Ms Li"))
    assert desk.http.get("/summary").json()["cases"] == 0
    assert desk.filed() == "20261120-000001"


def _shape(inspected: sa.Inspector, table: str) -> tuple[object, ...]:
    columns = [(c["name"], str(c["type"]), c["nullable"]) for c in inspected.get_columns(table)]
    indexes = sorted((str(i["name"]), tuple(i["column_names"])) for i in inspected.get_indexes(table))
    return columns, inspected.get_pk_constraint(table)["constrained_columns"], indexes


def test_a_database_of_schema_version_1_opens_with_its_cases_goes_on_and_is_evaluated(tmp_path: Path) -> None:
    """The file was written by the last version without clocks: one case closed after rework and a return, one under
    way, one rejected as permitted, one waiting."""
    old = sqlite3.connect(tmp_path / "r.sqlite3")
    old.executescript((Path(__file__).parent / "data" / "registry-schema-1.sql").read_text())
    old.close()
    desk = Desk(tmp_path)
    fresh = Database(sqlite_url(tmp_path / "fresh.sqlite3"), tables.metadata, tables.SCHEMA_VERSION)
    with desk.database.read() as one, fresh.read() as two:
        mine, theirs = sa.inspect(one), sa.inspect(two)
        names = theirs.get_table_names()
        assert {n: _shape(mine, n) for n in names} == {n: _shape(theirs, n) for n in names}
    fresh.close()
    desk.post("/cases/20261120-000004/confirm", person="Ms Li").raise_for_status()
    assert desk.case("20261120-000004")["standard"] == "demo-2"
    desk.crew("20261120-000002", "disposed").raise_for_status()
    rows = desk.http.get("/evaluation", params={"month": "2026-11"}).json()["rows"]
    (whole,) = (row["indicators"] for row in rows if row["level"] == "city")
    assert (whole["valid_report"]["numerator"], whole["valid_report"]["denominator"]) == (4, 4)
    assert (whole["rework"]["numerator"], whole["closing"]["numerator"]) == (1, 1)
    assert whole["filing"] == {"numerator": 3, "denominator": 4, "rate": "0.750000"}
    desk.database.close()
