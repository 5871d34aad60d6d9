"""The small parts of the handset protocol: what each claims, alone."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from edge.handset.book import Book
from edge.handset.doing import TRACK_POINTS
from edge.handset.photos import FileBox
from edge.handset.play import played
from edge.handset.replica import Replica
from edge.handset.track import thinned
from edge.wire import Delta, EmptyPhoto, Op, Order, Point, ReasonMissing, TooLarge, Wipe
from gateway.sync import cursor
from gateway.sync.held import Held
from gateway.sync.rules import judge
from gateway.sync.valve import Valve

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
EPOCH = "0123456789abcdef"


def an_order(**values: object) -> Order:
    row: dict[str, object] = {"order_id": "wo-1", "version": 1, "state": "dispatched", "case_id": "c", "rev": 1}
    row |= {"incident_id": "i", "case_class": "bike", "class_code": "04-10", "lat": 34.0, "lon": 117.0}
    return Order(**(row | {"deadline": NOW} | values))  # type: ignore[arg-type]


def an_op(kind: str, **values: object) -> Op:
    row: dict[str, object] = {"device": "h-1", "epoch": EPOCH, "seq": 1, "kind": kind, "at": NOW, "order_id": "wo-1"}
    row |= {"op_id": "00000000-0000-0000-0000-000000000001", "base_version": 1, "note": "why", "hours": 1.0}
    return Op(**(row | values))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("order", "attempt_version", "kind", "outcome", "code", "review"),
    [
        ({}, 1, "disposed", "applied", 0, False),
        ({"step": "disposed"}, 1, "disposed", "merged", 0, False),
        ({"step": "disposed"}, 1, "accepted", "late", 0, False),
        ({"step": "disposed"}, 1, "returned", "rejected", 107, True),
        ({"step": "returned"}, 1, "disposed", "rejected", 107, True),
        ({"version": 2}, 1, "disposed", "applied", 0, False),
        ({"version": 2, "state": "rework", "attempt": 2}, 2, "disposed", "rejected", 120, True),
        ({"version": 2, "state": "rework", "attempt": 2}, 2, "arrived", "late", 0, False),
        ({"version": 2, "state": "recalled"}, 1, "disposed", "rejected", 107, True),
        ({"version": 2, "state": "recalled"}, 1, "extend", "rejected", 107, False),
        ({"asked": "extend"}, 1, "suspend", "rejected", 107, False),
    ],
)
def test_conflicts_are_settled_as_the_table_in_the_documents_says(
    order: dict[str, object], attempt_version: int, kind: str, outcome: str, code: int, review: bool
) -> None:
    judged = judge(Held(crew="a", order=an_order(**order), attempt_version=attempt_version), an_op(kind), "a")
    assert (judged.outcome, judged.code, judged.review) == (outcome, code, review)


def test_a_cursor_is_worth_nothing_to_another_crew_or_when_it_was_tampered_with() -> None:
    text = cursor.write("crew-a", 812)
    assert cursor.read(text, "crew-a") == 812 and cursor.read("", "crew-a") == 0
    assert cursor.read(text, "crew-b") is None
    assert [cursor.read(bad, "crew-a") for bad in ("x", "%%%", text[:-3], "MS4tNS5jcmV3LWE")] == [None] * 4


def test_a_shift_that_comes_at_once_is_told_times_one_behind_another() -> None:
    valve = Valve(rate=10.0, burst=5.0)
    waits = [valve.wait_s(0.0) for _ in range(20)]
    away = [wait for wait in waits if wait]
    assert 5 <= waits.count(0.0) <= 6 and away == sorted(away)
    assert away[-1] - away[0] == pytest.approx((len(away) - 1) / 10.0)
    assert valve.wait_s(60.0) == 0.0


def test_a_straight_way_is_two_points_and_a_corner_stays() -> None:
    def at(i: int, lat: float, lon: float) -> Point:
        return Point(at=NOW + timedelta(seconds=i), lat=lat, lon=lon, accuracy_m=5.0)

    straight = [at(i, 34.0, 117.0 + i * 1e-4) for i in range(50)]
    assert thinned(straight) == [straight[0], straight[-1]]
    corner = [*straight, *(at(50 + i, 34.0 + i * 1e-4, straight[-1].lon) for i in range(1, 50))]
    assert thinned(corner) == [corner[0], corner[49], corner[-1]]
    slow = [Point(at=p.at + timedelta(minutes=i), lat=p.lat, lon=p.lon) for i, p in enumerate(straight)]
    kept = thinned(slow)
    assert all(b.at - a.at <= timedelta(minutes=6) for a, b in pairwise(kept))


def _replica(folder: Path) -> Replica:
    replica = Replica(Book(folder / "h.db", "h-1"), FileBox(folder / "photos"))
    replica.handle(Delta(crew="a", after="", next="c1", entries=[an_order()]))
    return replica


def test_a_photo_of_nothing_or_too_much_and_a_return_without_reason_never_become_operations(tmp_path: Path) -> None:
    replica = _replica(tmp_path)
    for data, error in ((b"", EmptyPhoto), (b"\xff\xd8\xff" + bytes(40 * 1024 * 1024), TooLarge)):
        with pytest.raises(error):
            replica.do("disposed", NOW, an_op("disposed").op_id, "wo-1", photos=[(data, "after")])
    with pytest.raises(ReasonMissing):
        replica.do("returned", NOW, an_op("returned").op_id, "wo-1")
    assert replica.pending() == [] and replica.order("wo-1").step == ""


def test_a_step_survives_a_restart_and_goes_only_with_the_checkpoint(tmp_path: Path) -> None:
    replica = _replica(tmp_path)
    op = replica.do("disposed", NOW, an_op("disposed").op_id, "wo-1")
    replica.book.close()
    again = Replica(Book(tmp_path / "h.db", "h-1"), FileBox(tmp_path / "photos"))
    assert again.order("wo-1").step == "disposed" and again.orders() == []
    page = {"crew": "a", "epoch": again.book.epoch, "after": "c1", "next": "c1"}
    again.handle(Delta(**page, more=True, through=1))  # type: ignore[arg-type]
    assert [mine.op_id for mine, _, _ in again.pending()] == [op.op_id]
    again.handle(Delta(**page, through=1))  # type: ignore[arg-type]
    assert again.pending() == []


def test_what_the_centre_did_meanwhile_is_shown_over_work_that_is_over() -> None:
    mine = [(an_op("disposed"), 1)]
    assert played(an_order(), mine).step == "disposed"
    assert played(an_order(state="recalled", version=2), mine).state == "recalled"
    assert played(an_order(state="rework", version=2, attempt=2), mine).step == ""


def test_a_track_goes_up_thinned_when_there_is_enough_of_it(tmp_path: Path) -> None:
    replica = _replica(tmp_path)
    made = [
        replica.locate(Point(at=NOW + timedelta(seconds=i), lat=34.0, lon=117.0 + i * 1e-5), an_op("track").op_id)
        for i in range(TRACK_POINTS)
    ]
    assert made[:-1] == [None] * (TRACK_POINTS - 1) and made[-1] is not None
    assert len(made[-1].points) == 2 and replica.book.number("select count(*) from points") == 0


def test_a_wiped_handset_holds_nothing_and_takes_nothing(tmp_path: Path) -> None:
    replica = _replica(tmp_path)
    replica.do("disposed", NOW, an_op("disposed").op_id, "wo-1", photos=[(b"\xff\xd8\xff1", "after")])
    replica.handle(Wipe(wipe_id="w-1", reason="lost"))
    replica.handle(Delta(crew="a", after="", next="c9", entries=[an_order()]))
    assert replica.wiped and replica.orders() == [] and list((tmp_path / "photos").iterdir()) == []
    assert b"wo-1" in replica.book.get("wiped").encode()  # what was unsent is told to the centre
