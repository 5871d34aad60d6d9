"""First-reporter rewards: who was first, what bars a reward, the paired ledger, the month, tampering."""

import csv
import io
import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gateway.database import Database, sqlite_url
from gateway.registry import api, citizen_tables, city, standard, tables
from gateway.registry.cases import Rules
from gateway.registry.citizens import Citizens, Wish
from gateway.registry.commands import Cancel, File, Reject
from gateway.registry.contractors import Contract
from gateway.registry.migrations import MIGRATIONS
from gateway.registry.opened import DATABASE
from gateway.registry.reward import ledger as books
from gateway.registry.reward import lists, month, payees
from gateway.registry.reward.cli import CITIZENS, app
from gateway.registry.reward.ledger import NotPaired
from gateway.registry.reward.order import Claim, first, proven
from gateway.registry.reward.policy import RewardPolicy
from gateway.registry.reward.run import NoPolicy, Rewards
from gateway.registry.reward.verify import verify
from gateway.registry.store import Registry
from gateway.registry.tables import claims, ledger
from gateway.times import to_text

NOON = datetime(2026, 11, 10, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
HERE = (34.2009, 117.1011)  # patrol area P01 of the synthetic city, in its first cell
POLICY = RewardPolicy(person_interval_min=10, daily_max=1000, monthly_max=1500)
ANN, BOB = {"phone": "+86 138-0000-0001", "last_name": "安"}, {"account_id": "bob", "first_name": "=Bob"}


class Town:
    """A registry with its citizens' door and the clock in the test's hand; no web server."""

    def __init__(
        self, folder: Path, policy: RewardPolicy | None = POLICY, contracts: list[Contract] | None = None
    ) -> None:
        self.now, self.folder, self.n = NOON, folder, 0
        synthetic = city.synthetic()
        fields = {name: getattr(synthetic, name) for name in synthetic.__struct_fields__}
        fields |= {"reward": policy, "contracts": synthetic.contracts if contracts is None else contracts}
        self.city = city.City(**fields)
        self.database = Database(sqlite_url(folder / DATABASE), tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
        known = citizen_tables
        self.own = Database(sqlite_url(folder / CITIZENS), known.metadata, known.SCHEMA_VERSION, known.MIGRATIONS)
        clock = lambda: self.now  # noqa: E731
        self.registry = Registry(self.database, standard.read(), Rules(crews=("a",)), frozenset(), clock, self.city)
        self.citizens = Citizens(self.own, self.registry, clock)

    def citizen(
        self, contact: dict[str, str], lat: float = HERE[0], code: str = "01-10", later_min: float = 1.0
    ) -> str:
        """A citizen's report; its case."""
        self.now += timedelta(minutes=later_min)
        return str(
            self.citizens.file(
                Wish("app", None, code, standard.read().by_code[code].case_class, "x", lat, HERE[1], contact=contact)
            )["case_id"]
        )

    def machine(self, lat: float = HERE[0], code: str = "01-10", **more: Any) -> str:
        """A camera's or a handset's report; its case."""
        self.n += 1
        body = {"incident_id": f"inc-{self.n}", "case_class": "litter", "class_code": code, "label": "x", "lat": lat}
        body |= {"lon": HERE[1], "device": "kiosk-1", "camera": "cam-1"}
        return str(self.registry.report(f"k{self.n}", body | more)["case_id"])

    def file(self, *case_ids: str) -> None:
        for case_id in case_ids:
            self.registry.command(case_id, File("acceptor"))

    def reject(self, case_id: str, cause: Any) -> None:
        self.registry.command(case_id, Reject("acceptor", "looked at it", cause))

    def run(self, later_h: float = 25.0) -> dict[str, int]:
        self.now += timedelta(hours=later_h)
        return dict(Rewards(self.database, self.own, self.city).run(self.now))

    def why(self, case_id: str) -> tuple[str, str]:
        with self.database.read() as tx:
            row = tx.execute(sa.select(claims).where(claims.c.case_id == case_id)).one()
        return row.outcome, row.why

    def rows(self) -> list[Any]:
        with self.database.read() as tx:
            return list(tx.execute(sa.select(ledger).order_by(ledger.c.n)))

    def close(self) -> None:
        self.database.close()
        self.own.close()


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    town = Town(tmp_path)
    yield town
    town.close()


def claim(case_id: str, stream: str, seq: int, at: int) -> Claim:
    return Claim(case_id, stream, seq, to_text(NOON + timedelta(minutes=at)), "litter", "01-10", *HERE)


def test_a_message_is_proven_by_what_its_stream_numbered_after_it() -> None:
    """The handset's number 5 came in last, but its number 7 had come in before the citizen's report."""
    five, seven = claim("five", "handset-1/e", 5, at=90), claim("seven", "handset-1/e", 7, at=10)
    citizen = claim("citizen", "citizen", 1, at=30)
    since = proven([five, seven, citizen])
    assert since["five"] == since["seven"] == seven.received_at
    assert first([citizen, five], since).case_id == "five"
    other_epoch = claim("five", "handset-1/f", 5, at=90)
    assert first([citizen, other_epoch], proven([other_epoch, seven, citizen])).case_id == "citizen"


def test_the_devices_own_clock_is_not_looked_at(town: Town) -> None:
    """A handset that says 'seen yesterday' and came in after the citizen was not first."""
    mine = town.citizen(ANN)
    town.now += timedelta(minutes=5)
    late = town.machine(source="handset", reporter="wang", epoch="e", seq=1, first_seen="2020-01-01T00:00:00Z")
    town.file(mine, late)
    town.run()
    assert town.why(mine) == ("rewarded", "first")
    assert town.why(late)[1] in ("not_first", "rewarded_already")


def test_an_offline_handset_that_comes_in_before_the_decision_can_still_be_first(town: Town) -> None:
    proof = town.machine(lat=HERE[0] + 0.01, source="handset", reporter="wang", epoch="e", seq=7)
    mine = town.citizen(ANN, later_min=20)
    town.now += timedelta(hours=3)
    late = town.machine(source="handset", reporter="wang", epoch="e", seq=5)
    town.file(proof, mine, late)
    town.run()
    assert town.why(late)[0] == "rewarded" and town.why(mine) == ("refused", "rewarded_already")


def test_a_first_report_that_is_confirmed_is_paid_by_the_contractor_that_missed_it(town: Town) -> None:
    case_id = town.citizen(ANN)
    assert town.run(0) == {"taken_back": 0}
    town.file(case_id)
    assert town.run(23)["taken_back"] == 0 and town.why(case_id) == ("", "")
    town.run(2)
    reward, deduction = town.rows()
    assert (reward.kind, reward.amount, deduction.kind, deduction.account, deduction.amount) == (
        "reward", 500, "deduction", "c-clean-1", -500,
    )  # fmt: skip
    assert reward.account.startswith("p-") and "138" not in str(town.rows())
    assert town.run() == {"taken_back": 0}, "decided once"


@pytest.mark.parametrize(("code", "debtor"), [("01-10", "c-clean-1"), ("04-10", "c-collect-1")])
def test_the_class_says_whose_miss_it_was(town: Town, code: str, debtor: str) -> None:
    town.file(town.citizen(ANN, code=code))
    town.run()
    assert town.rows()[1].account == debtor


def test_where_nobody_serves_the_city_pays(tmp_path: Path) -> None:
    town = Town(tmp_path, contracts=[])
    town.file(town.citizen(ANN))
    town.run()
    assert town.rows()[1].account == "c-city"
    town.close()


def test_whoever_comes_second_gets_nothing_whatever_order_they_are_filed_in(town: Town) -> None:
    one, two = town.citizen(ANN), town.citizen(BOB)
    town.file(two)
    town.run()
    assert town.why(two) == ("", ""), "the earlier report may still be confirmed: it is waited for"
    town.reject(one, "other")  # a duplicate of the second, as the acceptor saw it
    town.run()
    assert town.why(one) == ("rewarded", "first") and town.why(two)[0] == "refused"
    assert [row.kind for row in town.rows()] == ["reward", "deduction"]


def test_a_false_alarm_was_first_of_nothing(town: Town) -> None:
    one, two = town.citizen(ANN), town.citizen(BOB)
    town.reject(one, "false_alarm")
    town.file(two)
    town.run()
    assert town.why(one) == ("refused", "not_confirmed") and town.why(two) == ("rewarded", "first")


def test_what_a_camera_saw_before_is_no_discovery(town: Town) -> None:
    seen = town.machine()
    mine = town.citizen(ANN)
    town.file(seen, mine)
    town.run()
    assert town.why(mine) == ("refused", "not_first") and town.rows() == []


def test_another_class_another_place_and_another_day_are_other_incidents(town: Town) -> None:
    ids = [
        town.citizen(ANN),
        town.citizen(BOB, code="04-10", later_min=20),
        town.citizen(BOB, HERE[0] + 0.001, later_min=20),
    ]
    town.file(*ids)
    town.run()
    outcomes = [town.why(case_id) for case_id in ids]
    assert outcomes == [("rewarded", "first")] * 3
    town.file(again := town.citizen({"phone": "13900000000"}))
    town.run()
    assert town.why(again) == ("rewarded", "first"), "a day later there is something new in the place"


def test_nobody_known_and_contractors_people_get_nothing_and_nobody_else_does_for_it(town: Town) -> None:
    with town.own.write() as tx:
        payees.name_insiders(tx, [("phone:13800000001", "clean-1")])
    nobody, insider = town.citizen({"first_name": "X"}), town.citizen(ANN, HERE[0] + 0.005)
    second = town.citizen(BOB)
    town.file(nobody, insider, second)
    town.run()
    assert town.why(nobody)[1] == "anonymous" and town.why(insider)[1] == "insider"
    assert town.why(second) == ("refused", "not_first") and town.rows() == []


def test_a_contractors_handset_gets_nothing(tmp_path: Path) -> None:
    firm = Contract(code="collect-9", name="x", kind="collection", patrol_areas=["P01"], devices=["handset-9"])
    town = Town(tmp_path, contracts=[firm])
    case_id = town.machine(source="handset", device="handset-9", reporter="li", epoch="e", seq=1)
    town.file(case_id)
    town.run()
    assert town.why(case_id) == ("refused", "insider")
    town.close()


def test_intervals_and_caps_bar_a_reward(town: Town) -> None:
    steps = [0.002 * n for n in range(5)]
    quick = [town.citizen(ANN, HERE[0] + 0.01, later_min=1), town.citizen(ANN, HERE[0] + 0.012, later_min=5)]
    slow = [town.citizen(ANN, HERE[0] + step, later_min=30) for step in steps[:2]]
    town.file(*quick, *slow)
    town.run()
    whys = [town.why(case_id)[1] for case_id in (*quick, *slow)]
    assert whys == ["first", "person_interval", "first", "daily_max"], "10 minutes apart; 10 yuan a day"
    months = [town.citizen(ANN, HERE[0] + 0.003 * n, later_min=60 * 24) for n in (7, 8)]
    town.file(*months)
    town.run()
    assert [town.why(case_id)[1] for case_id in months] == ["first", "monthly_max"], "15 yuan a month"


def test_the_same_place_pays_once_in_its_interval(tmp_path: Path) -> None:
    policy = RewardPolicy(same_within_hours=1, place_interval_hours=24, wait_hours=0)
    town = Town(tmp_path, policy)
    one = town.citizen(ANN)
    town.file(one)
    town.run(1)
    two = town.citizen(BOB, later_min=180)
    town.file(two)
    town.run(1)
    assert town.why(two) == ("refused", "place_interval")
    town.close()


def test_a_cancelled_case_takes_both_entries_back_and_deletes_nothing(town: Town) -> None:
    one = town.citizen(ANN)
    town.file(one)
    town.run()
    town.registry.command(one, Cancel("supervisor", "filed wrongly"))
    assert town.run(0)["taken_back"] == 1
    assert [(row.kind, row.amount) for row in town.rows()] == [
        ("reward", 500), ("deduction", -500), ("reward_reversed", -500), ("deduction_reversed", 500),
    ]  # fmt: skip
    assert town.why(one) == ("reversed", "case_cancelled") and town.run(0)["taken_back"] == 0


def test_when_the_first_is_cancelled_the_next_one_that_was_confirmed_is_first(town: Town) -> None:
    one, two = town.citizen(ANN), town.citizen(BOB)
    town.file(one, two)
    town.run()
    town.registry.command(one, Cancel("supervisor", "no such thing"))
    town.run(0)
    assert town.why(one)[0] == "reversed" and town.why(two) == ("rewarded", "first")
    with town.database.read() as tx:
        assert verify(tx).problems == [] and sum(month.owing(tx).values()) == 500


def incident_of(town: Town, case_id: str) -> str:
    with town.database.read() as tx:
        return str(tx.scalar(sa.select(tables.cases.c.incident_id).where(tables.cases.c.case_id == case_id)))


def decided(town: Town, kind: str, kept: str, other: str, **firsts: Any) -> None:
    """An operator's word on two cases, as the gateway tells it."""
    body = {"decision": 7, "kind": kind, "incident_id": incident_of(town, kept), "other_id": incident_of(town, other)}
    body |= {"person": "Li Wei", "reason": "the pictures show it", "at": to_text(town.now), **firsts}
    http = TestClient(api.build(town.registry))
    for _ in range(2):  # the gateway may say it again
        answer = http.post("/groupings", json=body, headers={"Idempotency-Key": f"grouping:{kind}:{other}"})
        assert answer.status_code == 201, answer.text


def test_reports_merged_after_both_were_rewarded_leave_one_reward_by_new_lines_alone(town: Town) -> None:
    one, two = town.citizen(ANN), town.citizen(BOB, HERE[0] + 0.001)
    town.file(one, two)
    town.run()
    assert town.why(one) == town.why(two) == ("rewarded", "first")
    before = town.rows()
    decided(town, "merge", two, one)
    assert town.run(0)["regrouped"] == 1
    assert town.why(one) == ("rewarded", "first") and town.why(two)[0] == "reversed"
    assert town.rows()[: len(before)] == before and len(town.rows()) == len(before) + 2
    assert "decision 7: Li Wei merge" in town.rows()[-1].reason
    with town.database.read() as tx:
        assert verify(tx).problems == [] and sum(month.owing(tx).values()) == 500
    assert town.run(0) == {"taken_back": 0}, "followed once"


def test_a_merge_that_shows_a_camera_was_first_takes_the_reward_back(town: Town) -> None:
    """What the kiosk numbered before is proven before the citizen's report, though it came in after."""
    mine = town.citizen(ANN, later_min=60)
    town.now += timedelta(hours=2)
    seen = town.machine(lat=HERE[0] + 0.001, source="kiosk", epoch="e", seq=5, received_at=to_text(town.now))
    town.file(mine, seen)
    town.run()
    assert town.why(mine) == ("rewarded", "first")
    order = {"source": "kiosk", "device": "kiosk-1", "epoch": "e", "seq": 5, "received_at": to_text(NOON)}
    decided(town, "merge", seen, mine, first=order)
    town.run(0)
    assert town.why(mine) == ("reversed", "not_first")
    with town.database.read() as tx:
        assert month.owing(tx) == {} and verify(tx).problems == []


def test_what_was_split_off_is_another_thing_with_a_reward_of_its_own(town: Town) -> None:
    one, two = town.citizen(ANN), town.citizen(BOB)
    town.file(one, two)
    town.run()
    assert town.why(two)[0] == "refused"
    before = town.rows()
    decided(town, "split", one, two)
    assert town.run(0)["reopened"] == 1
    assert town.why(one) == town.why(two) == ("rewarded", "first")
    assert town.rows()[: len(before)] == before and len(town.rows()) == len(before) + 2


def test_a_first_report_that_was_merged_and_cancelled_as_a_duplicate_keeps_its_reward(town: Town) -> None:
    one, two = town.citizen(ANN), town.citizen(BOB, HERE[0] + 0.001)
    town.file(one, two)
    town.run()
    decided(town, "merge", two, one)
    town.registry.command(one, Cancel("supervisor", "the same as the other"))
    town.run(0)
    assert town.why(one) == ("rewarded", "first") and town.why(two)[0] == "reversed"
    with town.database.read() as tx:
        assert verify(tx).problems == [] and sum(month.owing(tx).values()) == 500


def test_a_sighting_told_after_the_report_decides_when_it_is_proven_before(town: Town) -> None:
    mine = town.citizen(ANN, later_min=30)
    seen = town.machine(source="kiosk", epoch="e", seq=9, received_at=to_text(town.now + timedelta(hours=1)))
    order = {"source": "kiosk", "device": "kiosk-2", "epoch": "f", "seq": 3, "received_at": to_text(NOON)}
    body = {"incident_id": incident_of(town, seen), **order}
    http = TestClient(api.build(town.registry))
    assert http.post("/sightings", json=body, headers={"Idempotency-Key": "s"}).status_code == 201
    town.file(mine, seen)
    town.run()
    assert town.why(mine) == ("refused", "not_first")


def test_one_person_is_one_whatever_the_telephone_number_looks_like_and_forgotten_when_owed_nothing(town: Town) -> None:
    ids = [town.citizen({"phone": number}, later_min=30, lat=HERE[0] + 0.01 * n) for n, number in enumerate(
        ("13800000001", "+86 138 0000 0001", "0086-13800000001"))]  # fmt: skip
    town.file(*ids)
    town.run()
    with town.own.read() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(citizen_tables.payees)) == 1
    rewards = Rewards(town.database, town.own, town.city)
    assert rewards.forget(town.now + timedelta(days=999)) == 0, "they are owed money"
    with town.database.write() as tx:
        person, amount = next(iter(month.owing(tx).items()))
        books.pay(tx, "2026-11", person, amount, "x", to_text(town.now))
    assert rewards.forget(town.now + timedelta(days=999)) == 1


def test_a_month_is_approved_by_one_settled_by_another_and_paid_once(town: Town) -> None:
    town.file(town.citizen(ANN), town.citizen(BOB, HERE[0] + 0.005))
    town.run()
    http = TestClient(api.build(town.registry))
    url = "/rewards/months/2026-11"
    assert http.post(f"{url}/approve", json={"person": "Ms Li"}).json()["detail"].startswith("2026-11 is not over")
    town.now = datetime(2026, 12, 1, tzinfo=UTC)
    approved = http.post(f"{url}/approve", json={"person": "Ms Li"}).json()
    assert approved["paid"] == approved["deducted"] == approved["rewarded"] == 1000
    for path, person, words in (
        ("approve", "Ms Li", "approved already"),
        ("settle", "Ms Li", "somebody else"),
    ):
        answer = http.post(f"{url}/{path}", json={"person": person})
        assert answer.status_code == 409 and words in answer.json()["detail"]
    assert http.post(f"{url}/settle", json={"person": "Mr Wu"}).json()["settled_by"] == "Mr Wu"
    again = http.post(f"{url}/settle", json={"person": "Mr Wu"})
    assert again.status_code == 409 and "paid once" in again.json()["detail"]
    with town.database.read() as tx:
        assert month.owing(tx) == {} and verify(tx).problems == []
    assert http.get("/rewards/verify").json()["ok"] is True


def test_what_was_cancelled_after_payment_is_kept_against_the_next_month(town: Town) -> None:
    one = town.citizen(ANN)
    town.file(one)
    town.run()
    town.now = datetime(2026, 12, 1, tzinfo=UTC)
    with town.database.write() as tx:
        month.approve(tx, "2026-11", "Ms Li", town.now)
        month.settle(tx, "2026-11", "Mr Wu", town.now)
    town.registry.command(one, Cancel("supervisor", "filed wrongly"))
    town.run(0)
    two = town.citizen(ANN, HERE[0] + 0.01)
    town.file(two)
    town.run()
    with town.database.read() as tx:
        body = month.draw_up(tx, "2026-12")
    assert body["people"] == [] and body["rewarded"] == body["deducted"] == 0, "500 back, 500 new"


def test_the_list_has_names_for_those_who_pay_totals_by_way_and_no_formula(town: Town, tmp_path: Path) -> None:
    town.file(town.citizen(ANN), town.citizen(BOB, HERE[0] + 0.005))
    town.run()
    for name in ("list.csv", "list.xlsx"):
        words = ["month", "2026-11", "--data", str(tmp_path), "--out", str(tmp_path / name)]
        assert CliRunner().invoke(app, words).exit_code == 0
    lines = list(csv.reader(io.StringIO((tmp_path / "list.csv").read_text(encoding="utf-8-sig"))))
    people = {line[1]: line[2:] for line in lines if line and line[0].startswith("p-")}
    assert people["安"] == ["+86 138-0000-0001", "话费 phone_credit", "5.00"] or people["安"][0].endswith("0001")
    assert people["'=Bob"] == ["bob", "红包 red_packet", "5.00"]
    assert [line[4] for line in lines if line and line[0].startswith("合计")] == ["5.00", "5.00", "10.00", "10.00"]
    sheet = openpyxl.load_workbook(tmp_path / "list.xlsx").active
    assert sheet is not None
    cells = {row[1].value: row for row in sheet.iter_rows() if str(row[0].value).startswith("p-")}
    assert cells["=Bob"][1].data_type == "s" and cells["=Bob"][4].value == 5


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE reward_ledger SET amount = 5000 WHERE n = 1", "was changed"),
        ("DELETE FROM reward_ledger WHERE n = 2", "was deleted"),
        ("UPDATE reward_ledger SET account = 'p-me' WHERE n = 3", "was changed"),
        ("UPDATE reward_seals SET approved_by = 'me'", "seal was changed"),
        ("UPDATE reward_seals SET body = CAST(replace(body, '500', '900') AS BLOB)", "seal was changed"),
    ],
)
def test_tampering_is_found(town: Town, tmp_path: Path, sql: str, words: str) -> None:
    town.file(town.citizen(ANN), town.citizen(BOB, HERE[0] + 0.005))
    town.run()
    with town.database.write() as tx:
        month.approve(tx, "2026-11", "Ms Li", datetime(2026, 12, 1, tzinfo=UTC))
    head = town.rows()[-1].hash
    command = ["verify", "--data", str(tmp_path), "--expect", head]
    assert CliRunner().invoke(app, command).exit_code == 0
    town.close()
    with sqlite3.connect(tmp_path / DATABASE) as raw:
        raw.execute(sql)
    raw.close()
    found = CliRunner().invoke(app, command)
    assert found.exit_code == 1 and words in found.stderr


def test_a_ledger_written_anew_is_found_by_a_hash_from_an_older_list(town: Town) -> None:
    with town.database.write() as tx:
        books.reward(tx, "c1", "p-a", "c-b", 500, "first", to_text(NOON))
        tx.execute(sa.delete(ledger))
        books.reward(tx, "c1", "p-a", "c-b", 100, "first", to_text(NOON))
        assert verify(tx).problems == [] and "nowhere" in verify(tx, "ab" * 32).problems[0]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["reward", "reverse", "pay"]), st.integers(0, 4), st.integers(0, 2), st.integers(-5, 900)
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_rewards_and_deductions_are_equal_and_an_incident_has_one_at_most(
    steps: list[tuple[str, int, int, int]],
) -> None:
    """Any order of rewards, reversals and payments, the refused ones among them, against a model of five incidents."""
    database = Database("sqlite://", tables.metadata, tables.SCHEMA_VERSION)
    model: dict[str, tuple[str, int]] = {}
    balance: Counter[str] = Counter()
    with database.write() as tx:
        for n, (kind, case, who, amount) in enumerate(steps):
            case_id, person = f"case-{case}", f"p-{who}"
            allowed = {"reward": case_id not in model and amount > 0, "reverse": case_id in model, "pay": amount > 0}
            at = to_text(NOON + timedelta(minutes=-n))  # a clock that goes backwards
            try:
                if kind == "reward":
                    books.reward(tx, case_id, person, f"c-{who}", amount, "first", at)
                    model[case_id] = (person, amount)
                    balance[person] += amount
                elif kind == "reverse":
                    books.reverse(tx, case_id, "cancelled", at)
                    person, amount = model.pop(case_id)
                    balance[person] -= amount
                else:
                    books.pay(tx, f"m{n}", person, amount, "list", at)
                    balance[person] -= amount
                assert allowed[kind]
            except NotPaired:
                assert not allowed[kind]
        rows = tx.execute(sa.select(ledger)).all()
        sums = Counter[str]()
        for row in rows:
            sums[row.kind.partition("_")[0]] += row.amount
        assert sums["reward"] == -sums["deduction"] == sum(amount for _, amount in model.values())
        assert month.owing(tx) == {person: amount for person, amount in balance.items() if amount}
        assert {case: books.live(tx, case) is not None for case in map("case-{}".format, range(5))} == {
            case: case in model for case in map("case-{}".format, range(5))
        }
        assert [p for p in verify(tx).problems if "list says" not in p] == []
    database.close()


REPORTS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from("fxco ")), min_size=1, max_size=7)


@settings(max_examples=15, deadline=None)
@given(reports=REPORTS)
def test_however_cases_end_an_incident_is_rewarded_once_and_the_books_agree(
    reports: list[tuple[int, int, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Citizens report at three places in any order; cases are filed, cancelled, turned down or left."""
    town = Town(tmp_path_factory.mktemp("town"), RewardPolicy(place_interval_hours=0, person_interval_min=0))
    where: dict[str, int] = {}
    for who, place, end in reports:
        contact = {"phone": f"1380000000{who}"} if who else {}
        case_id = town.citizen(contact, HERE[0] + 0.002 * place)
        where[case_id] = place
        if end in "fc":
            town.file(case_id)
        if end in "xo":
            town.reject(case_id, "false_alarm" if end == "x" else "other")
    town.run()
    for case_id, (_who, _place, end) in zip(where, reports, strict=True):
        if end == "c":
            town.registry.command(case_id, Cancel("supervisor", "filed wrongly"))
    town.run()
    with town.database.read() as tx:
        rewarded = [case_id for case_id in where if books.live(tx, case_id)]
        assert verify(tx).problems == []
    assert max(Counter(where[case_id] for case_id in rewarded).values(), default=0) <= 1
    assert sum(row.amount for row in town.rows()) == 0
    town.close()


def test_an_older_database_gets_the_same_tables(tmp_path: Path) -> None:
    """What the migrations make and what a new database has are one: columns, keys and indexes."""
    names = ("claims", "reward_ledger", "reward_seals", "evaluations")
    with sqlite3.connect(tmp_path / "old.sqlite3") as raw:
        raw.executescript((Path(__file__).parent / "data" / "registry-schema-1.sql").read_text())
    raw.close()
    shapes = []
    for name in ("old.sqlite3", "new.sqlite3"):
        database = Database(sqlite_url(tmp_path / name), tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
        look = sa.inspect(database.engine)
        columns = {n: [(c["name"], str(c["type"]), c["nullable"]) for c in look.get_columns(n)] for n in names}
        indexes = {n: sorted((i["name"] or "", i["column_names"]) for i in look.get_indexes(n)) for n in names}
        shapes.append((columns, indexes, {n: look.get_pk_constraint(n)["constrained_columns"] for n in names}))
        database.close()
    assert shapes[0] == shapes[1]


def test_a_city_without_a_policy_is_told(town: Town) -> None:
    fields = {name: getattr(town.city, name) for name in town.city.__struct_fields__} | {"reward": None}
    with pytest.raises(NoPolicy, match="has no `reward`"):
        Rewards(town.database, town.own, city.City(**fields))


def test_the_commands_say_what_was_decided(town: Town, tmp_path: Path) -> None:
    town.now = datetime.now(UTC) - timedelta(days=3)
    town.file(town.citizen(ANN))
    data = ["--data", str(tmp_path)]
    ran = CliRunner().invoke(app, ["run", *data])
    assert ran.exit_code == 0 and ran.stdout.split() == ["first", "1"]
    shown = CliRunner().invoke(app, ["list", *data])
    assert "rewarded" in shown.stdout and "first" in shown.stdout and "5.00" in shown.stdout
    for words, message in (
        (["list", *data, "--outcome", "paid"], "write open"),
        (["month", "2026-13", *data], "no month"),
        (["settle", "2026-10", *data, "--person", "x"], "is not approved"),
        (["insiders", str(tmp_path / "none.csv"), *data], "cannot be read"),
    ):
        refused = CliRunner().invoke(app, words)
        assert refused.exit_code == 2 and message in refused.stderr
    (tmp_path / "staff.csv").write_text("phone:138 0000 0001,clean-1\nemail:X@Y.example,clean-2\n")
    named = CliRunner().invoke(app, ["insiders", str(tmp_path / "staff.csv"), *data])
    assert named.exit_code == 0 and named.stdout.startswith("2 people")
    assert lists.yuan(-1234) == "-12.34"
