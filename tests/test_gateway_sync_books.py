"""The SQL books and the books in memory, by which ten thousand histories are judged, behave alike."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.histories.memory import MemoryBooks
from edge.wire import EvidenceRef, Notice, NotParsed, Op, Work
from gateway import sync_tables, tables
from gateway.bulk import Bulk
from gateway.sync import pages
from gateway.sync.ahead import AheadReader
from gateway.sync.books import SqlBooks
from gateway.sync.desk import Desk
from gateway.sync.ports import Books, Reader
from gateway.sync.rules import Judged
from gateway.times import to_text

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
CREWS = ("crew-a", "crew-b")
DEVICES = ("h-1", "h-2")
ORDERS = ("wo-1", "wo-2", "wo-3")
EPOCHS = ("0123456789abcdef", "fedcba9876543210")
KINDS = ("accepted", "arrived", "disposed", "returned", "extend", "suspend", "photo", "shift_on", "read")
crews, devices, orders = st.sampled_from(CREWS), st.sampled_from(DEVICES), st.sampled_from(ORDERS)
epochs, seqs = st.sampled_from(EPOCHS), st.integers(1, 6)


@st.composite
def ops(draw: st.DrawFn) -> Op:
    """Any operation; few names, so that repeats, early ones and conflicts are common."""
    kind, device = draw(st.sampled_from(KINDS)), draw(devices)
    photo = EvidenceRef(sha256="a" * 64, media_type="image/jpeg", size_bytes=9, kind="after", redacted=False)
    return Op(
        device=device,
        epoch=draw(epochs),
        seq=draw(seqs),
        op_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{draw(st.integers(1, 12))}")),
        kind=kind,  # type: ignore[arg-type]
        at=NOW,
        order_id="" if kind in ("shift_on", "read") else draw(orders),
        base_version=draw(st.integers(0, 3)),
        note="why",
        hours=1.0 if kind == "extend" else None,
        notice_id=draw(st.sampled_from(("n-1", "n-2"))) if kind == "read" else "",
        evidence=[photo] if kind in ("photo", "disposed") and draw(st.booleans()) else [],
    )


@st.composite
def works(draw: st.DrawFn) -> Work:
    """The registry's word on an order."""
    return Work(
        order_id=draw(orders),
        version=draw(st.integers(1, 4)),
        state=draw(st.sampled_from(("dispatched", "rework", "recalled", "closed"))),
        case_id="c-1",
        incident_id="inc-1",
        case_class="stall",
        class_code="04-06",
        lat=34.0,
        lon=117.0,
        deadline=NOW + timedelta(hours=draw(st.integers(1, 5))),
        attempt=draw(st.integers(1, 2)),
    )


calls = st.one_of(
    st.tuples(st.just("take"), ops()),
    st.tuples(st.just("order"), works(), crews),
    st.tuples(st.just("enrol"), devices, crews),
    st.tuples(st.just("skip"), devices, epochs, seqs, st.just(NotParsed("no JSON"))),
    st.tuples(st.just("remind"), orders, st.just("at once")),
    st.tuples(st.just("extended"), orders, st.just(NOW + timedelta(days=1))),
    st.tuples(
        st.just("notice"),
        crews,
        st.sampled_from(("n-1", "n-2")).map(
            lambda name: Notice(notice_id=name, title="words", at=NOW, expires=NOW + timedelta(hours=1))
        ),
    ),
    st.tuples(st.just("refused_later"), ops(), crews, st.just(Judged("rejected", code=107, reason="too late"))),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(calls, max_size=25))
def test_the_same_sequence_of_calls_leaves_the_same_in_both(sequence: list[tuple[Any, ...]]) -> None:
    with _sql() as (tx, sql):
        memory = MemoryBooks()
        for name, *arguments in sequence:
            told = [getattr(Desk(books, lambda: NOW), name)(*arguments) for books in (sql, memory)]
            assert told[0] == told[1], (name, arguments)
        assert _all(sql) == _all(memory)
        for device in DEVICES:
            ahead = AheadReader(tx, {device: ""})
            assert _page(ahead, device) == _page(sql, device) == _page(memory, device)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(devices, epochs, seqs), min_size=1, max_size=8, unique=True))
def test_what_waits_for_its_turn_waits_in_both(parked: list[tuple[str, str, int]]) -> None:
    with _sql() as (_, sql):
        memory = MemoryBooks()
        for books in (sql, memory):
            desk = Desk(books, lambda: NOW)
            for device, epoch, seq in parked:
                desk.skip(device, epoch, seq + 1, NotParsed("early"))
        assert _all(sql) == _all(memory)


@contextmanager
def _sql() -> Iterator[tuple[sa.Connection, SqlBooks]]:
    """Books in a transaction that is taken back."""
    with _engine().connect() as tx:
        yield tx, SqlBooks(tx, Bulk(tx), to_text(NOW))
        tx.rollback()


@cache
def _engine() -> sa.Engine:
    engine = sa.create_engine("sqlite://")
    assert sync_tables.TABLES  # part of the gateway's schema
    tables.metadata.create_all(engine)
    return engine


def _all(books: Books) -> dict[str, Any]:
    """Everything that can be read."""
    names = (*CREWS, *DEVICES)
    seen: dict[str, Any] = {crew: (books.head(crew), list(books.entries(crew, 0, 1000))) for crew in names}
    seen["after"] = {crew: list(books.entries(crew, 2, 3)) for crew in names}
    seen["urgent"] = {crew: list(books.urgent(crew, 2)) for crew in names}
    seen["crews"] = [books.crew_of(device) for device in DEVICES]
    seen["through"] = {(d, e): books.through(d, e) for d in DEVICES for e in EPOCHS}
    seen["waiting"] = [books.waiting(device) for device in DEVICES]
    seen["parked"] = {(d, e, n): books.parked(d, e, n) for d in DEVICES for e in EPOCHS for n in range(8)}
    seen["orders"] = [books.order(order) for order in ORDERS]
    seen["notices"] = [books.entry(crew, f"notice/{name}") for crew in names for name in ("n-1", "n-2")]
    seen["rejections"] = {(crew, d): list(books.rejections(crew, d)) for crew in names for d in DEVICES}
    known = [str(uuid.uuid5(uuid.NAMESPACE_OID, f"{n}")) for n in range(13)]
    seen["known"] = [(d, op_id, books.known(d, op_id)) for d in DEVICES for op_id in known]
    return seen


def _page(books: Reader, device: str) -> object:
    return pages.page(books, device, EPOCHS[0], "", NOW, 4)
