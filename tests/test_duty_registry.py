"""Duty in the registry, over its API on a real database: routing told, urging once, handover, call-outs, parties."""

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from duty_town import CELL, CITY, DISTRICT, STANDARD, USUAL, Town, crew, leader, local, plan

from gateway.database import Database, sqlite_url
from gateway.registry import tables
from gateway.registry.duty import audit, sample
from gateway.registry.duty import office as offices
from gateway.registry.duty.plan import Plan, Rules
from gateway.registry.duty.simulate import Week
from gateway.registry.duty.tables import duty_orders
from gateway.registry.migrations import MIGRATIONS

Open = Callable[..., Town]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Open]:
    opened: list[Town] = []

    def start(duty: Plan | None = None, now: str = "2026-11-24T10:00") -> Town:
        opened.append(Town(tmp_path, duty or plan(*USUAL), now))
        return opened[-1]

    yield start
    for one in opened:
        one.database.close()


def crews_of(event: dict[str, Any]) -> list[str]:
    return [order["crew"] for order in event["data"].get("orders", [])]


def test_an_order_goes_to_the_crew_on_duty_and_the_event_says_why(town: Open) -> None:
    here = town()
    case_id = here.report()
    assert here.case(case_id)["crew"] == "early-1"
    (event,) = here.events("dispatched")
    assert event["reason"] == f"to early-1: 巡区 area {CELL.patrol_area}: on duty, may do 04-10, load 0, the only one"
    assert event["data"]["ring"] == "area"
    here.at("2026-11-24T14:00")
    assert here.case(here.report())["crew"] == "late-1"


def test_what_comes_back_goes_to_another_crew(town: Open) -> None:
    here = town(plan(crew("a", "early"), crew("b", "early")))
    case_id = here.report()
    first = here.case(case_id)["crew"]
    here.crew(case_id, "returned", "not ours").raise_for_status()
    assert {first, here.case(case_id)["crew"]} == {"a", "b"}


def test_with_nobody_on_duty_the_centre_is_told_once_and_the_case_waits_for_the_shift(town: Open) -> None:
    here = town(plan(crew("early-1", "early"), leaders=[]), "2026-11-24T03:00")
    case_id = here.report()
    assert here.case(case_id)["state"] == "filed"
    here.at("2026-11-24T04:00")
    here.at("2026-11-24T05:00")
    (told,) = here.events("no_crew")
    assert [notice["crew"] for notice in told["data"]["notices"]] == ["centre"]
    assert here.http.get("/duty/now").json()["waiting"]["uncovered_cases"] == 1
    here.at("2026-11-24T06:00")
    assert here.case(case_id)["crew"] == "early-1"
    assert here.http.get("/duty/now").json()["waiting"]["uncovered_cases"] == 0


def test_urging_crew_leader_and_centre_each_once_over_restarts(town: Open) -> None:
    here = town()
    case_id = here.report()  # 04-10: two working hours from 10:00
    order_id = f"wo-{case_id}-1"
    told = []
    for minute in range(0, 130, 6):
        here.at(f"2026-11-24T{10 + minute // 60}:{minute % 60:02d}")
        if minute % 18 == 0:
            here.reopen()
            here.rounds.tick()
        told.append((minute, len(here.events("urged"))))
    assert next(minute for minute, many in told if many == 1) == 60
    assert next(minute for minute, many in told if many == 2) == 90
    assert next(minute for minute, many in told if many == 3) == 108
    urged = here.events("urged")
    assert [event["data"]["level"] for event in urged] == ["crew", "leader", "centre"]
    assert urged[0]["data"]["urge"][0]["order_id"] == order_id
    assert [event["data"]["notices"][0]["crew"] for event in urged[1:]] == ["leader-1", "centre"]


def test_an_extension_moves_what_has_not_been_said_and_a_finished_order_urges_nobody(town: Open) -> None:
    here = town()
    first, second = here.report(), here.report()
    here.crew(second, "disposed").raise_for_status()
    here.at("2026-11-24T11:00")
    here.post(f"/cases/{first}/extend", person="Ms Shen", reason="lorry", hours=1).raise_for_status()
    here.at("2026-11-24T11:55")
    assert [event["case_id"] for event in here.events("urged")] == [first]
    here.at("2026-11-24T14:30")  # 12:00 to 14:00 the clock stands still; deadline 15:00, half an hour of two left
    assert [event["data"]["level"] for event in here.events("urged")] == ["crew", "leader"]


def test_a_suspended_order_urges_nobody_until_it_is_taken_up_again(town: Open) -> None:
    here = town()
    case_id = here.report()
    here.post(f"/cases/{case_id}/suspend", person="Ms Shen", reason="road works").raise_for_status()
    here.at("2026-11-24T11:50")
    assert here.events("urged") == []
    here.post(f"/cases/{case_id}/resume", person="Ms Shen", reason="over").raise_for_status()
    here.at("2026-11-24T15:00")  # two hours again: 11:50, 12:00 | 14:00, so one hour and ten minutes have run
    assert [event["data"]["level"] for event in here.events("urged")] == ["crew"]


def test_what_is_overdue_after_a_long_stop_is_told_at_once_each_level_once(town: Open) -> None:
    here = town()
    here.report()
    here.at("2026-11-25T10:00")
    here.at("2026-11-25T10:05")
    assert [event["data"]["level"] for event in here.events("urged")] == ["crew", "leader", "centre"]


def test_at_a_shifts_end_what_is_open_passes_on_and_both_sides_sign(town: Open) -> None:
    here = town(now="2026-11-24T13:50")
    open_case, done = here.report(), here.report()
    here.crew(done, "disposed").raise_for_status()
    here.at("2026-11-24T13:59")
    assert here.events("handover") == []
    here.at("2026-11-24T14:00")
    assert here.case(open_case)["crew"] == "late-1"
    (event,) = here.events("reassigned")
    assert (event["data"]["from"], event["data"]["to"]) == ("early-1", "late-1")
    assert crews_of(event) == ["late-1"]
    assert event["data"]["orders"][0]["work"]["version"] == 2
    (row,) = here.http.get("/duty/handovers", params={"open": True}).json()["handovers"]
    assert (row["giver"], row["taker"], row["cases"], row["signed"]) == ("early-1", "late-1", [open_case], False)
    path = f"/duty/handovers/{row['handover_id']}/signatures"
    assert here.post(path, crew="early-1", person="Mr Wu").json()["given_by"] == "Mr Wu"
    assert here.post(path, crew="late-1", person="Ms Li").json()["taken_by"] == "Ms Li"
    assert here.post(path, crew="late-1", person="Ms Li").status_code == 200  # the same again changes nothing
    assert here.post(path, crew="late-1", person="Mr Wu").status_code == 409
    assert here.post(path, crew="police-1", person="Mr Wu").status_code == 409
    assert here.http.get("/duty/handovers", params={"open": True}).json()["handovers"] == []
    assert len(here.events("handover_signed")) == 2
    here.at("2026-11-24T14:01")
    assert len(here.events("handover")) == 1


def test_the_old_crews_step_is_refused_after_a_handover_and_the_new_ones_is_taken(town: Open) -> None:
    here = town(now="2026-11-24T13:50")
    case_id = here.report()
    here.at("2026-11-24T14:00")
    assert here.crew(case_id, "disposed", version=1).status_code == 409
    here.crew(case_id, "disposed").raise_for_status()


def test_a_handover_that_nobody_took_is_told_to_the_leader_once_and_stays_listed(town: Open) -> None:
    here = town(now="2026-11-24T13:50")
    here.report()
    here.at("2026-11-24T14:00")
    here.at("2026-11-24T14:14")
    assert here.events("handover_unsigned") == []
    here.at("2026-11-24T14:15")
    here.reopen()
    here.at("2026-11-24T15:00")
    (event,) = here.events("handover_unsigned")
    assert event["data"]["to"] == "leader-1"
    assert len(here.http.get("/duty/handovers", params={"open": True}).json()["handovers"]) == 1


def test_over_midnight_the_leader_holds_what_nobody_can_take_and_gives_it_to_the_first_crew(town: Open) -> None:
    here = town(now="2026-11-24T21:50")
    case_id = here.report()
    here.at("2026-11-24T22:00")
    assert here.case(case_id)["crew"] == "leader-1"
    here.at("2026-11-25T00:00")
    assert here.case(case_id)["crew"] == "leader-1"
    here.at("2026-11-25T06:00")
    assert here.case(case_id)["crew"] == "early-1"
    assert len(here.events("handover")) == 2


def test_without_anybody_to_take_it_an_order_stays_and_is_passed_on_later(town: Open) -> None:
    here = town(plan(crew("early-1", "early"), crew("night-1", "night"), leaders=[]), "2026-11-24T13:50")
    case_id = here.report()
    here.at("2026-11-24T14:00")
    here.at("2026-11-24T21:59")
    assert (here.case(case_id)["crew"], here.events("handover")) == ("early-1", [])
    here.at("2026-11-24T22:00")
    assert here.case(case_id)["crew"] == "night-1"


def test_a_named_person_with_the_right_hands_over_and_never_to_a_crew_that_may_not(town: Open) -> None:
    here = town(plan(*USUAL, crew("posters", "early", classes=["poster"])))
    case_id = here.report()
    word = {"crew": "early-1", "to": "late-1", "reason": "puncture"}
    assert here.post("/duty/handovers", person="Mr Wu", **word).status_code == 403
    assert "posters may not do" in here.post("/duty/handovers", person="Ms Shen", **{**word, "to": "posters"}).text
    assert here.post("/duty/handovers", person="Ms Shen", **{**word, "to": "helpers-1"}).status_code == 409
    assert here.post("/duty/handovers", person="Ms Shen", **{**word, "to": "nobody"}).status_code == 409
    assert here.case(case_id)["crew"] == "early-1"
    here.post("/duty/handovers", person="Ms Shen", **word).raise_for_status()
    assert here.case(case_id)["crew"] == "late-1"


def test_a_call_out_reaches_every_crew_of_the_place_and_takes_the_first_that_answer(town: Open) -> None:
    near = [crew(f"c-{n}", "early" if n else "night") for n in range(4)]
    here = town(plan(*near, crew("far", "early", areas=(CITY.patrol_areas[-1],)), USUAL[2], USUAL[3]))
    word = {"level": "area", "code": CELL.patrol_area, "words": "burst pipe", "wanted": 2}
    assert here.post("/duty/callouts", person="Mr Wu", **word).status_code == 403
    assert here.post("/duty/callouts", person="Ms Shen", **{**word, "wanted": 5}).status_code == 409
    called = here.post("/duty/callouts", person="Ms Shen", **word).json()
    (event,) = here.events("callout")
    assert [n["crew"] for n in event["data"]["notices"]] == ["c-0", "c-1", "c-2", "c-3"]  # on duty or not
    path = f"/duty/callouts/{called['callout_id']}/answers"
    assert here.post(path, crew="far", device="d").status_code == 409
    assert here.post(path, crew="c-3", device="d").json()["answers"] == ["c-3"]
    assert here.post(path, crew="c-3", device="d2").json()["answers"] == ["c-3"]
    assert here.post(path, crew="c-1", device="d").json()["answers"] == ["c-3", "c-1"]
    refused = here.post(path, crew="c-0", device="d")
    assert (refused.status_code, "has its 2 crews: c-3, c-1" in refused.text) == (409, True)
    full = here.events("callout_answered")[-1]["data"]["notices"]
    assert {n["crew"] for n in full} == {"c-0", "c-1", "c-2", "c-3"}
    (row,) = here.http.get("/duty/callouts").json()["callouts"]
    assert row["answers"] == ["c-3", "c-1"]


def test_a_call_out_that_is_over_takes_nobody(town: Open) -> None:
    here = town()
    word = {"level": "district", "code": DISTRICT, "words": "storm", "wanted": 1, "hours": 1}
    name = here.post("/duty/callouts", person="Ms Shen", **word).json()["callout_id"]
    here.at("2026-11-24T11:00")
    assert here.post(f"/duty/callouts/{name}/answers", crew="early-1", device="d").status_code == 409


def _join(here: Town, case_id: str, name: str = "police-1", task: str = "keep order") -> Any:
    return here.post(f"/cases/{case_id}/parties", person="Ms Shen", crew=name, task=task)


def test_the_police_join_with_an_order_of_their_own_that_holds_only_their_part(town: Open) -> None:
    here = town()
    case_id = here.report("04-06", "stall")
    order_id = _join(here, case_id).json()["order_id"]
    (event,) = here.events("joined")
    assert crews_of(event) == ["police-1"]
    work = event["data"]["orders"][0]["work"]
    assert (work["order_id"], work["note"]) == (order_id, "keep order")
    assert here.case(case_id)["crew"] == "early-1"
    assert _join(here, case_id).status_code == 409
    here.crew(case_id, "arrived", order_id=order_id, version=1).raise_for_status()
    here.crew(case_id, "disposed", order_id=order_id, version=1).raise_for_status()
    assert here.case(case_id)["state"] == "dispatched"  # only the crew's own disposal moves the case
    assert here.crew(case_id, "disposed", order_id=order_id, version=1).status_code == 409
    others = [e for e in here.events() if "police-1" in crews_of(e)]
    assert {e["kind"] for e in others} == {"joined"}


def test_a_second_partys_order_ends_with_its_case(town: Open) -> None:
    here = town()
    case_id = here.report()
    order_id = _join(here, case_id).json()["order_id"]
    here.post(f"/cases/{case_id}/cancel", person="Ms Shen", reason="twice").raise_for_status()
    (event,) = here.events("party_ended")
    work = event["data"]["orders"][0]["work"]
    assert (work["order_id"], work["state"], work["version"]) == (order_id, "closed", 2)
    assert here.crew(case_id, "arrived", order_id=order_id, version=2).status_code == 409


def test_volunteers_take_part_but_never_dispose_return_or_get_an_order_by_themselves(town: Open) -> None:
    here = town(plan(crew("helpers-1", "office", kind="volunteers"), crew("late-1", "late")))
    case_id = here.report()
    assert here.case(case_id)["crew"] == "leader-1"  # the helpers are on duty and alone
    order_id = _join(here, case_id, "helpers-1", "call 139-1234-5678, id 320301199001011234").json()["order_id"]
    (event,) = here.events("joined")
    assert event["data"]["orders"][0]["work"]["note"] == "call ***, id ***"
    here.crew(case_id, "accepted", order_id=order_id, version=1).raise_for_status()
    for kind in ("disposed", "returned"):
        refused = here.crew(case_id, kind, "no", order_id=order_id, version=1)
        assert (refused.status_code, f"may not do '{kind}'" in refused.text) == (409, True)
    rights = here.events("duty_plan")[0]["data"]["rights"]
    (mine,) = [row["may"] for row in rights if row["crew"] == "helpers-1"]
    assert mine == ["accepted", "arrived", "photo", "report"]


def test_a_lead_goes_to_the_police_alone_and_their_receipt_stands_once(town: Open) -> None:
    here = town()
    case_id = here.report()
    word = {"person": "Ms Shen", "case_id": case_id, "offence": "theft", "facts": "a man in a red coat"}
    assert here.post("/duty/leads", **{**word, "crew": "early-1"}).status_code == 409
    assert here.post("/duty/leads", **{**word, "crew": "police-1", "person": "Mr Wu"}).status_code == 403
    lead = here.post("/duty/leads", **{**word, "crew": "police-1"}).json()["lead_id"]
    seen = [e for e in here.events() if "red coat" in str(e)]
    assert [n["crew"] for e in seen for n in e["data"]["notices"]] == ["police-1"]
    assert here.http.get("/duty/leads", params={"waiting": True}).json()["leads"][0]["lead_id"] == lead
    receipt = {"person": "Ms Shen", "number": "A-77", "officer": "Officer He", "at": "2026-11-24T09:59:00+08:00"}
    path = f"/duty/leads/{lead}/receipt"
    assert here.post(path, **receipt).status_code == 409  # before it was handed over
    here.at("2026-11-24T10:30")
    receipt["at"] = "2026-11-24T10:20:00+08:00"
    assert here.post(path, **receipt).json()["officer"] == "Officer He"
    assert here.post(path, **receipt).status_code == 200
    assert here.post(path, **{**receipt, "number": "A-78"}).status_code == 409
    assert here.http.get("/duty/leads", params={"waiting": True}).json()["leads"] == []


APPROVE = Rules(approve=["extend", "suspend"])


def _ask(here: Town, case_id: str, what: str, **values: Any) -> Any:
    return here.post(f"/cases/{case_id}/{what}", person="phone-1", reason="lorry", crew="early-1", **values)


def test_a_handsets_extension_waits_for_a_named_person_and_is_granted_or_refused_in_sight(town: Open) -> None:
    here = town(plan(*USUAL, rules=APPROVE))
    case_id = here.report()
    before = here.case(case_id)["deadline"]
    asked = _ask(here, case_id, "extend", hours=1).json()
    assert here.case(case_id)["deadline"] == before
    assert _ask(here, case_id, "suspend").status_code == 409  # one at a time
    path = f"/duty/asks/{asked['ask_id']}/decide"
    assert here.post(path, person="Mr Wu", grant=True).status_code == 403
    assert here.post(path, person="Ms Shen", grant=False).status_code == 409  # a refusal needs a reason
    here.post(path, person="Ms Shen", grant=False, words="not today").raise_for_status()
    assert here.case(case_id)["deadline"] == before
    (event,) = here.events("ask_refused")
    assert event["data"]["answers"][0] | {"order_id": ""} == {
        "order_id": "", "kind": "extend", "answer": "refused", "words": "not today"
    }  # fmt: skip
    again = _ask(here, case_id, "extend", hours=1).json()["ask_id"]
    here.post(f"/duty/asks/{again}/decide", person="Ms Shen", grant=True).raise_for_status()
    assert here.case(case_id)["deadline"] > before
    (extended,) = here.events("extended")
    assert extended["actor"] == "Ms Shen"
    assert here.http.get("/duty/asks").json()["asks"] == []


def test_a_suspension_waits_too_and_what_the_rules_forbid_is_refused_at_once(town: Open) -> None:
    here = town(plan(*USUAL, rules=APPROVE))
    case_id = here.report()
    assert _ask(here, case_id, "extend", hours=99).status_code == 409
    assert here.post(f"/cases/{case_id}/suspend", person="p", reason="r", crew="late-1").status_code == 409
    ask_id = _ask(here, case_id, "suspend").json()["ask_id"]
    assert here.case(case_id)["state"] == "dispatched"
    here.post(f"/duty/asks/{ask_id}/decide", person="Ms Shen", grant=True, words="yes").raise_for_status()
    assert here.case(case_id)["state"] == "suspended"
    (row,) = here.http.get("/duty/asks", params={"waiting": False}).json()["asks"]
    assert (row["state"], row["person"]) == ("granted", "Ms Shen")


def test_what_a_crew_asked_is_void_when_its_order_passes_on(town: Open) -> None:
    here = town(plan(*USUAL, rules=APPROVE), "2026-11-24T13:50")
    case_id = here.report()
    ask_id = _ask(here, case_id, "suspend").json()["ask_id"]
    here.at("2026-11-24T14:00")
    assert here.case(case_id)["crew"] == "late-1"
    assert here.post(f"/duty/asks/{ask_id}/decide", person="Ms Shen", grant=True).status_code == 409
    assert here.http.get("/duty/asks").json()["asks"] == []


def test_without_the_setting_a_handsets_wish_is_done_at_once_as_before(town: Open) -> None:
    here = town()
    case_id = here.report()
    _ask(here, case_id, "suspend").raise_for_status()
    assert here.case(case_id)["state"] == "suspended"


def test_what_the_street_reports_waits_for_a_person_even_where_the_class_files_itself(town: Open) -> None:
    here = town()
    body = {
        "case_class": "stall",
        "lat": CELL.south + 1e-4,
        "lon": CELL.west + 1e-4,
        "device": "p",
        "crew": "helpers-1",
    }
    case_id = here.post("/duty/reports", incident_id="report-1", **body).json()["case_id"]
    assert here.case(case_id)["state"] == "reported"
    assert here.report("04-01", "stall") != case_id
    assert here.events("dispatched")  # a camera's stall files itself in this town


def test_a_registry_that_starts_with_a_plan_takes_over_what_is_open(town: Open) -> None:
    here = town()
    case_id = here.report()
    with here.database.write() as tx:
        tx.execute(sa.delete(duty_orders))
    here.reopen()
    here.at("2026-11-24T11:00")
    assert [event["case_id"] for event in here.events("urged")] == [case_id]
    here.at("2026-11-24T14:00")
    assert here.case(case_id)["crew"] == "late-1"


def test_a_registry_of_the_first_schema_opens_and_has_the_tables_of_a_fresh_one(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    old = sqlite3.connect(path)
    old.executescript((Path(__file__).parent / "data" / "registry-schema-1.sql").read_text())
    old.close()
    brought_up = Database(sqlite_url(path), tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
    fresh = Database(sqlite_url(tmp_path / "fresh.sqlite3"), tables.metadata, tables.SCHEMA_VERSION)
    shapes = [_shapes(database) for database in (brought_up, fresh)]
    brought_up.close()
    fresh.close()
    assert shapes[0] == shapes[1]
    assert "duty_orders" in shapes[0]


def _shapes(database: Database) -> dict[str, Any]:
    with database.read() as tx:
        seen = sa.inspect(tx)
        names = [name for name in seen.get_table_names() if name.startswith("duty_")]
        columns = {n: [(c["name"], str(c["type"]), c["nullable"]) for c in seen.get_columns(n)] for n in names}
        return {n: (columns[n], sorted(str(i["name"]) for i in seen.get_indexes(n))) for n in names}


def test_rights_are_told_once_for_each_plan(town: Open) -> None:
    here = town()
    here.reopen()
    assert len(here.events("duty_plan")) == 1
    here.reopen(plan(*USUAL, crew("new", "early")))
    assert len(here.events("duty_plan")) == 2


def test_without_a_plan_duty_has_no_routes_and_orders_go_in_turn(tmp_path: Path) -> None:
    here = Town(tmp_path, plan(*USUAL))
    here.registry.office = None
    assert here.http.get("/duty/now").status_code == 404
    assert here.post("/duty/callouts", person="x", level="area", code="P01", words="x", wanted=1).status_code == 404
    here.database.close()


def test_a_crowd_of_random_days_never_breaks_a_rule(town: Open) -> None:
    """Random steps over two days on a plan with everything; afterwards the events are audited against the plan."""
    duty = plan(
        *USUAL, crew("night-1", "night", classes=["bike"]), crew("office-1", "office", classes=["04-10", "stall"])
    )
    here, dice = town(duty, "2026-11-24T04:00"), random.Random(7)
    cases: list[str] = []
    for step in range(96):
        here.at(f"2026-11-{24 + (step + 8) // 48}T{(4 + step // 2) % 24:02d}:{step % 2 * 30:02d}")
        if dice.random() < 0.5:
            cases.append(here.report(*dice.choice([("04-10", "bike"), ("04-06", "stall"), ("01-10", "litter")])))
        if cases and dice.random() < 0.4:
            case_id = dice.choice(cases)
            kind, note = dice.choice([("returned", "not ours"), ("disposed", "")])
            here.crew(case_id, kind, note)
    with here.database.read() as tx:
        told = audit.outcome(tx, here.rounds.office)
    assert told["violations"] == 0, told["first_violations"]
    assert told["handovers"] > 3
    urged = Counter((e["case_id"], e["data"]["level"]) for e in here.events("urged"))
    assert set(urged.values()) == {1}


def test_the_audit_finds_an_order_that_went_where_it_may_not(town: Open) -> None:
    here = town()
    here.report()
    stricter = plan(crew("early-1", "late", classes=["poster"]))
    with here.database.read() as tx:
        told = audit.outcome(tx, offices.build(stricter, CITY, STANDARD.work_time))
    words = "\n".join(told["first_violations"])
    assert told["violations"] == 2
    assert "off duty" in words
    assert "may not do 04-10" in words


@pytest.mark.slow
def test_a_simulated_day_of_the_synthetic_city_breaks_no_rule(tmp_path: Path) -> None:
    office = offices.build(sample.plan(CITY), CITY, STANDARD.work_time)
    database = Database(sqlite_url(tmp_path / "r.sqlite3"), tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
    for _now in Week(database, STANDARD, CITY, office, 3).run(local("2026-09-30T12:00").date(), 1, 150):
        pass
    with database.read() as tx:
        told = audit.outcome(tx, office)
    database.close()
    assert (told["cases"], told["violations"], told["no_crew"]) == (150, 0, 0)
    assert told["handovers"] > 0


def test_leaders_of_no_crew_are_never_on_an_order_while_a_crew_is_there(town: Open) -> None:
    here = town(plan(*USUAL, leaders=[leader("l-1"), leader("l-2")]))
    for _ in range(5):
        here.report()
    assert {crew for event in here.events("dispatched") for crew in crews_of(event)} == {"early-1"}
