"""Duty on the crews' handsets: registry, event feed, crew logs, replicas and back, in one process on real databases."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa
from duty_town import CELL, USUAL, Town, plan

from edge.handset.book import Book
from edge.handset.photos import FileBox
from edge.handset.replica import Replica
from edge.wire import Entry, ErrorCode, Notice, Op, Order, Point, ReasonMissing, Rejection, WireError
from gateway import duty_tables, feed, tables, tracks, work
from gateway.bulk import Bulk
from gateway.counters import Counters
from gateway.database import Database, sqlite_url
from gateway.evidence import EvidenceStore
from gateway.forwarder import Forwarder
from gateway.migrations import MIGRATIONS
from gateway.mirror import Mirror
from gateway.registry.duty.plan import Plan, Rules
from gateway.retention import Retention
from gateway.settings import GatewaySettings
from gateway.sync import news, pages
from gateway.sync.books import SqlBooks, SqlReader
from gateway.sync.desk import Desk
from gateway.sync_tables import handset_ops
from gateway.tables import forwards
from gateway.targets.embedded import EmbeddedRegistry
from gateway.times import to_text


class Line:
    """A town's registry, the gateway's mirror and forwarder over its API, and a handset for each name."""

    def __init__(self, folder: Path, duty: Plan, now: str = "2026-11-24T10:00") -> None:
        self.folder = folder
        self.town = Town(folder, duty, now)
        self.database = Database(sqlite_url(folder / "g.sqlite3"), tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
        counters = Counters()
        self.mirror = Mirror(self.database, self.town.http, counters, self._now, 1.0, Event())
        target = EmbeddedRegistry("registry", self.town.http)
        self.forwarder = Forwarder(self.database, target, forwards.c.path != "", counters, self._now, 1)
        self.phones: dict[str, Replica] = {}

    def _now(self) -> datetime:
        return self.town.now

    def phone(self, device: str, crew: str) -> Replica:
        """A handset of a crew."""
        with self.database.write() as tx:
            bulk = Bulk(tx)
            Desk(SqlBooks(tx, bulk, to_text(self._now())), self._now).enrol(device, crew)
            bulk.flush()
        self.phones[device] = Replica(Book(self.folder / f"{device}.db", device), FileBox(self.folder / device))
        return self.phones[device]

    def settle(self) -> None:
        """Everything that waits on its way: operations up, to the registry, its events back, pages down."""
        for _ in range(3):
            for device in self.phones:
                self._up(device)
            while self.forwarder.round():
                pass
            self.mirror.round()
        for device, phone in self.phones.items():
            self._down(device, phone)

    def log(self, crew: str) -> list[Entry]:
        """A crew's whole log."""
        with self.database.read() as tx:
            return list(SqlReader(tx).entries(crew, 0, 500))

    def do(self, device: str, kind: Any, order_id: str = "", **values: Any) -> None:
        """An operation on the handset, and all that follows."""
        self.phones[device].do(kind, self._now(), str(uuid.uuid4()), order_id, **values)
        self.settle()

    def _up(self, device: str) -> None:
        for op, _, receipted in self.phones[device].pending():
            if receipted:
                continue
            with self.database.write() as tx:
                bulk = Bulk(tx)
                self._apply(tx, bulk, op)
                bulk.flush()

    def _apply(self, tx: Any, bulk: Bulk, op: Op) -> None:
        try:
            work.apply_op(tx, bulk, op, to_text(self._now()))
        except WireError:  # written down all the same: it comes back as a rejection
            return

    def _down(self, device: str, phone: Replica) -> None:
        with self.database.read() as tx:
            delta = pages.page(SqlReader(tx), device, phone.book.epoch, phone.book.cursor, self._now(), 500)
        phone.handle(delta)

    def close(self) -> None:
        self.database.close()
        self.town.database.close()


Open = Callable[..., Line]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Open]:
    opened: list[Line] = []

    def start(duty: Plan | None = None, now: str = "2026-11-24T10:00") -> Line:
        opened.append(Line(tmp_path, duty or plan(*USUAL), now))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def notices(line: Line, device: str) -> list[Notice]:
    return line.phones[device].notices(line.town.now)


def test_an_urging_and_a_leaders_notice_arrive_once_whatever_is_restarted(line: Open) -> None:
    here = line()
    crew, leader = here.phone("phone-1", "early-1"), here.phone("phone-9", "leader-1")
    here.town.report()
    here.settle()
    (order,) = crew.orders()
    assert (order.urgent, order.reminders) == (False, 0)
    for clock in ("11:00", "11:10", "11:30", "11:35"):
        here.town.at(f"2026-11-24T{clock}")
        here.town.reopen()
        here.settle()
    (order,) = crew.orders()
    assert (order.urgent, order.reminders) == (True, 1)
    assert "50% of the limit is over" in order.reminder
    assert [n.title for n in notices(here, "phone-9")] == ["催办 urging"]
    assert leader.orders() == []
    assert notices(here, "phone-1") == []


def test_a_handover_moves_the_order_between_logs_and_is_signed_on_both_handsets(line: Open) -> None:
    here = line(now="2026-11-24T13:50")
    old, new = here.phone("phone-1", "early-1"), here.phone("phone-2", "late-1")
    here.town.report()
    here.settle()
    (order,) = old.orders()
    here.town.at("2026-11-24T14:00")
    here.settle()
    assert old.orders() == []
    assert old.order(order.order_id).state == "recalled"
    assert [o.order_id for o in new.orders()] == [order.order_id]
    (given,), (taken,) = notices(here, "phone-1"), notices(here, "phone-2")
    assert given.notice_id == taken.notice_id
    assert "交 未签 unsigned, 接 未签 unsigned" in taken.text
    here.do("phone-1", "sign", note="Mr Wu", notice_id=given.notice_id)
    here.do("phone-2", "sign", note="Ms Li", notice_id=given.notice_id)
    assert "交 Mr Wu, 接 Ms Li" in notices(here, "phone-1")[0].text
    (row,) = here.town.http.get("/duty/handovers").json()["handovers"]
    assert (row["given_by"], row["taken_by"], row["signed"]) == ("Mr Wu", "Ms Li", True)
    here.do("phone-2", "disposed", order.order_id)
    assert here.town.case(order.case_id)["state"] == "checking"


def test_work_that_the_old_crew_did_offline_over_a_handover_is_looked_at_by_people(line: Open) -> None:
    here = line(now="2026-11-24T13:50")
    old = here.phone("phone-1", "early-1")
    here.town.report()
    here.settle()
    (order,) = old.orders()
    old.do("disposed", here.town.now, str(uuid.uuid4()), order.order_id)  # offline
    here.town.at("2026-11-24T14:00")
    here.mirror.round()
    here.settle()
    (rejection,) = [e for e in here.log("early-1") if isinstance(e, Rejection)]
    assert (rejection.code, rejection.review) == (int(ErrorCode.FORBIDDEN_STATE), True)
    assert len(old.shelf()) == 1


def test_a_signature_without_a_name_is_refused_on_the_handset_and_a_strangers_by_the_registry(line: Open) -> None:
    here = line(now="2026-11-24T13:50")
    here.phone("phone-1", "early-1")
    stranger = here.phone("phone-7", "police-1")
    here.town.report()
    here.town.at("2026-11-24T14:00")
    here.settle()
    name = notices(here, "phone-1")[0].notice_id
    with pytest.raises(ReasonMissing, match="name of the person who signs"):
        here.do("phone-1", "sign", notice_id=name)
    here.do("phone-7", "sign", note="Officer He", notice_id=name)
    here.settle()
    (shelved,) = stranger.shelf()
    assert "not police-1" in shelved[2]


def test_the_polices_log_holds_its_own_order_and_leads_and_nothing_of_the_crews(line: Open) -> None:
    here = line()
    crew, police = here.phone("phone-1", "early-1"), here.phone("phone-7", "police-1")
    case_id = here.town.report("04-06", "stall")
    here.town.report()
    here.settle()
    assert here.log("police-1") == []
    here.town.post(f"/cases/{case_id}/parties", person="Ms Shen", crew="police-1", task="two men fight")
    lead = {"crew": "police-1", "case_id": case_id, "offence": "theft", "facts": "a man in a red coat"}
    here.town.post("/duty/leads", person="Ms Shen", **lead).raise_for_status()
    here.settle()
    mine = next(o for o in crew.orders() if o.case_id == case_id)
    here.do("phone-1", "arrived", mine.order_id)
    (theirs,) = police.orders()
    assert (theirs.case_id, theirs.note, theirs.step) == (case_id, "two men fight", "")
    assert {type(e) for e in here.log("police-1")} == {Order, Notice}
    assert "red coat" not in str(here.log("early-1"))
    assert "two men fight" not in str(here.log("early-1"))
    with here.database.read() as tx:
        assert "red coat" not in str(feed.after(tx, 0, 1000))  # the console's feed is for everybody
    here.do("phone-7", "disposed", theirs.order_id)
    here.settle()
    assert crew.order(mine.order_id).step == "arrived"
    assert here.town.case(case_id)["state"] == "handling"
    here.do("phone-1", "disposed", mine.order_id)
    assert here.town.case(case_id)["state"] == "checking"


def _op(here: Line, device: str, kind: Any, order: Order | None = None, **values: Any) -> Op:
    epoch, seq = here.phones[device].book.epoch, int(here.phones[device].book.get("next_seq"))
    row: dict[str, Any] = {"device": device, "epoch": epoch, "seq": seq, "op_id": str(uuid.uuid4()), "kind": kind}
    row |= {"at": here.town.now, "order_id": order.order_id if order else "", "note": "why", "hours": 1.0}
    return Op(**(row | {"base_version": order.version if order else 0} | values))


def _refused(here: Line, op: Op) -> int:
    """The code with which the centre refuses a forged operation; 0 when it takes it."""
    with here.database.write() as tx:
        bulk = Bulk(tx)
        try:
            work.apply_op(tx, bulk, op, to_text(here.town.now))
        except WireError as error:
            return int(error.code)
        finally:
            bulk.flush()
    return 0


@pytest.mark.parametrize("kind", ["disposed", "returned", "extend", "suspend"])
def test_volunteers_may_not_close_return_extend_or_suspend_whatever_their_handset_sends(line: Open, kind: str) -> None:
    here = line()
    phone = here.phone("phone-8", "helpers-1")
    case_id = here.town.report()
    here.town.post(f"/cases/{case_id}/parties", person="Ms Shen", crew="helpers-1", task="take photos")
    here.settle()
    (order,) = phone.orders()
    assert _refused(here, _op(here, "phone-8", kind, order)) == int(ErrorCode.NO_RIGHT)
    assert here.town.case(case_id)["state"] == "dispatched"


def test_volunteers_accept_photograph_and_report_and_a_person_looks_at_the_report(line: Open) -> None:
    here = line()
    phone = here.phone("phone-8", "helpers-1")
    case_id = here.town.report()
    here.town.post(f"/cases/{case_id}/parties", person="Ms Shen", crew="helpers-1", task="take photos")
    here.settle()
    (order,) = phone.orders()
    here.do("phone-8", "accepted", order.order_id)
    here.do("phone-8", "photo", order.order_id, photos=[(b"\xff\xd8\xff" + b"1" * 99, "before")])
    here.settle()
    assert phone.shelf() == []
    (party,) = here.town.http.get(f"/cases/{case_id}/parties").json()["parties"]
    assert party["step"] == "accepted"
    there = [Point(at=here.town.now, lat=CELL.south + 2e-4, lon=CELL.west + 2e-4)]
    here.do("phone-8", "report", case_class="stall", points=there, note="goods on the road")
    (case,) = here.town.http.get("/cases", params={"state": "reported"}).json()["cases"]
    assert (case["case_class"], case["cell"]) == ("stall", CELL.code)
    # the crew that disposes sees neither their photos nor their step, and they see nothing of its own
    (crew_order,) = [e for e in here.log("early-1") if isinstance(e, Order)]
    assert (crew_order.step, crew_order.photos) == ("", [])


def test_a_report_without_class_or_place_is_refused_with_words(line: Open) -> None:
    here = line()
    here.phone("phone-8", "helpers-1")
    assert _refused(here, _op(here, "phone-8", "report")) == int(ErrorCode.REASON_MISSING)


@pytest.mark.parametrize("name", ["", "a/../b"])
def test_a_signature_that_names_no_notice_is_refused(line: Open, name: str) -> None:
    here = line()
    here.phone("phone-1", "early-1")
    assert _refused(here, _op(here, "phone-1", "sign", notice_id=name)) == int(ErrorCode.UNKNOWN_REFERENCE)


def test_the_first_crews_that_answer_a_call_out_go_and_the_next_finds_it_on_its_shelf(line: Open) -> None:
    here = line()
    here.phone("phone-1", "early-1")
    second = here.phone("phone-2", "late-1")
    word = {"level": "area", "code": CELL.patrol_area, "words": "burst pipe", "wanted": 1}
    name = here.town.post("/duty/callouts", person="Ms Shen", **word).json()["callout_id"]
    here.settle()
    assert [n.notice_id for n in notices(here, "phone-2")] == [name]
    here.do("phone-1", "answer", notice_id=name)
    here.do("phone-2", "answer", notice_id=name)
    here.settle()
    assert "has its 1 crews: early-1" in second.shelf()[0][2]
    assert "已满 full: early-1" in notices(here, "phone-2")[0].text


APPROVE = Rules(approve=["extend", "suspend"])


def test_asked_granted_and_refused_are_seen_on_the_handset(line: Open) -> None:
    here = line(plan(*USUAL, rules=APPROVE))
    phone = here.phone("phone-1", "early-1")
    case_id = here.town.report()
    here.settle()
    (order,) = phone.orders()
    here.do("phone-1", "extend", order.order_id, note="lorry", hours=1.0)
    assert (phone.order(order.order_id).asked, phone.order(order.order_id).answer) == ("extend", "")
    (waiting,) = here.town.http.get("/duty/asks").json()["asks"]
    path = f"/duty/asks/{waiting['ask_id']}/decide"
    here.town.post(path, person="Ms Shen", grant=False, words="no lorry today").raise_for_status()
    here.settle()
    now = phone.order(order.order_id)
    assert (now.asked, now.answer, now.answer_words) == ("", "refused", "no lorry today")
    assert now.deadline == order.deadline
    here.do("phone-1", "extend", order.order_id, note="lorry tomorrow", hours=1.0)
    assert (phone.order(order.order_id).asked, phone.order(order.order_id).answer) == ("extend", "")
    (waiting,) = here.town.http.get("/duty/asks").json()["asks"]
    here.town.post(f"/duty/asks/{waiting['ask_id']}/decide", person="Ms Shen", grant=True).raise_for_status()
    here.settle()
    now = phone.order(order.order_id)
    assert (now.asked, now.answer) == ("", "granted")
    assert now.deadline > order.deadline
    assert here.town.case(case_id)["extensions"] == 1


def test_a_granted_suspension_recalls_the_order_and_says_granted(line: Open) -> None:
    here = line(plan(*USUAL, rules=APPROVE))
    phone = here.phone("phone-1", "early-1")
    here.town.report()
    here.settle()
    (order,) = phone.orders()
    here.do("phone-1", "suspend", order.order_id, note="road works")
    assert phone.order(order.order_id).state == "dispatched"
    (waiting,) = here.town.http.get("/duty/asks").json()["asks"]
    here.town.post(f"/duty/asks/{waiting['ask_id']}/decide", person="Ms Shen", grant=True).raise_for_status()
    here.settle()
    now = phone.order(order.order_id)
    assert (now.state, now.asked, now.answer) == ("recalled", "", "granted")


def test_a_new_plans_rights_take_the_place_of_the_old_ones(line: Open) -> None:
    here = line()
    here.settle()
    with here.database.read() as tx:
        books = SqlReader(tx)
        assert books.crew_of("nobody") == "nobody"
    assert _rights(here, "helpers-1") == {"accepted", "arrived", "photo", "report"}
    assert _rights(here, "crew-of-no-plan") is None
    here.town.reopen(plan(*USUAL[:3]))
    here.settle()
    assert _rights(here, "helpers-1") is None


def _rights(here: Line, crew: str) -> frozenset[str] | None:
    with here.database.write() as tx:
        return SqlBooks(tx, Bulk(tx), to_text(here.town.now)).rights(crew)


def test_a_track_is_kept_apart_every_look_is_written_down_and_it_ends_with_age(line: Open) -> None:
    here = line()
    phone = here.phone("phone-1", "early-1")
    for minute in range(3):
        at = here.town.now + timedelta(minutes=minute)
        lat, lon = (34.2, 34.21, 34.22)[minute], (117.1, 117.11)[minute % 2]
        assert phone.locate(Point(at=at, lat=lat, lon=lon), "x") is None
    assert phone.send_track(here.town.now, str(uuid.uuid4())) is not None
    here.settle()
    span = (to_text(here.town.now - timedelta(hours=1)), to_text(here.town.now + timedelta(hours=1)))
    with here.database.write() as tx:
        found = tracks.look(tx, "phone-1", span, "Ms Shen", "a complaint", to_text(here.town.now))
        assert found["geometry"]["coordinates"] == [[117.1, 34.2], [117.11, 34.21], [117.1, 34.22]]
        assert found["properties"]["crews"] == ["early-1"]
        (view,) = tracks.views(tx, 10)
        assert (view["person"], view["reason"], view["points"]) == ("Ms Shen", "a complaint", 3)
        assert b"34.2" not in b"".join(tx.scalars(sa.select(handset_ops.c.payload)))
    settings = GatewaySettings(keep_tracks_days=30)
    store = EvidenceStore(here.folder / "evidence", 10**6)
    later = here.town.now + timedelta(days=31)
    assert Retention(settings, here.database, store, Counters(), lambda: here.town.now).sweep().tracks == 0
    assert Retention(settings, here.database, store, Counters(), lambda: later).sweep().tracks == 3
    with here.database.write() as tx:
        assert tracks.look(tx, "phone-1", span, "Ms Shen", "again", to_text(later))["geometry"] is None
        assert len(tracks.views(tx, 10)) == 2


def test_what_is_for_one_log_alone_is_kept_out_of_the_feed() -> None:
    data = {"lead_id": "x", "notices": [{"text": "facts"}], "rights": [1], "orders": []}
    assert news.public(data) == {"lead_id": "x", "orders": []}


def test_times_of_notices_are_the_centres(line: Open) -> None:
    here = line(now="2026-11-24T13:50")
    here.phone("phone-1", "early-1")
    here.town.report()
    here.town.at("2026-11-24T14:00")
    here.settle()
    (told,) = notices(here, "phone-1")
    assert told.at == here.town.now
    assert told.expires > datetime(2026, 11, 24, 14, tzinfo=UTC)


def test_a_handset_keeps_its_newest_points_and_another_one_loses_none(line: Open) -> None:
    here = line()
    start = here.town.now
    for device, many in (("phone-1", 7), ("phone-2", 3)):
        points = [Point(at=start + timedelta(minutes=n), lat=34.2, lon=117.1) for n in range(many)]
        op = Op(device=device, epoch="0" * 16, seq=1, op_id=str(uuid.uuid4()), kind="track", at=start, points=points)
        with here.database.write() as tx:
            tracks.keep(tx, op, "early-1")
    counters = Counters()
    settings = GatewaySettings(track_points_max=4, retention_rows_max=2)
    store = EvidenceStore(here.folder / "evidence", 10**6)
    retention = Retention(settings, here.database, store, counters, lambda: here.town.now)
    swept = [retention.sweep() for _ in range(3)]
    assert [one.tracks_over for one in swept] == [2, 1, 0] and swept[0].full(2)
    with here.database.read() as tx:
        kept = tx.execute(sa.select(duty_tables.tracks.c.device, duty_tables.tracks.c.at)).all()
    first = to_text(start + timedelta(minutes=3))
    assert len(kept) == 7 and min(row.at for row in kept if row.device == "phone-1") == first
    assert counters.snapshot()["retention_tracks_over"] == 3
