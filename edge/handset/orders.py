"""A handset's copy of its work orders and the crew's steps on them, beside the outbox in one file."""

import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import msgspec

from edge.link import Link, Outbox
from edge.wire import Op, Work

CLOSED_KEPT = 500
_PRUNE = (
    "delete from work where closed = 1 and rowid not in "
    "(select rowid from work where closed = 1 order by rowid desc limit ?)"
)
Kind = Literal["received", "accepted", "arrived", "disposed", "returned"]


class UnknownOrder(KeyError):
    """No such order on this handset."""


@dataclass(frozen=True)
class Order:
    """An order as the handset has it; `step` is the crew's last own step on this version."""

    work: Work
    step: str
    since_s: float

    @property
    def open(self) -> bool:
        """Whether the crew still has something to do."""
        return self.work.state in ("dispatched", "rework") and self.step not in ("disposed", "returned")


class Orders:
    """Table `work` in the outbox's database: an order and the op that speaks of it are committed together."""

    def __init__(self, outbox: Outbox, now_s: Callable[[], float]) -> None:
        self._outbox = outbox
        self._now_s = now_s
        outbox.transact(_create)

    def open(self) -> list[Order]:
        """Orders with something left to do, oldest first."""
        return [order for order in self._read("where closed = 0 order by rowid") if order.open]

    def get(self, order_id: str) -> Order:
        """One order. Raises UnknownOrder."""
        for order in self._read("where order_id = ?", (order_id,)):
            return order
        raise UnknownOrder(order_id)

    def _read(self, where: str, args: tuple[object, ...] = ()) -> list[Order]:
        rows = self._outbox.query(f"select body, step, since_s from work {where}", args)
        return [Order(msgspec.json.decode(str(b), type=Work), str(step), float(str(since))) for b, step, since in rows]

    def receive(self, work: Work, link: Link) -> bool:
        """Take what the centre says of an order and say that it came. An older or equal version only gets the answer
        again. Returns whether it was news."""
        known = [order.work.version for order in self._read("where order_id = ?", (work.order_id,))]
        news = not known or work.version > known[0]
        closed = work.state in ("closed", "recalled")
        row = (work.order_id, msgspec.json.encode(work).decode(), "received", self._now_s(), closed)

        def store(conn: sqlite3.Connection) -> None:
            if news:
                _run(conn, "insert or replace into work values (?, ?, ?, ?, ?)", row)
                _run(conn, _PRUNE, (CLOSED_KEPT,))

        link.send(self._op(work, "received"), within=store)
        return news

    def step(self, order_id: str, kind: Kind, link: Link, note: str = "") -> Op:
        """The crew's step, committed with its op. Raises UnknownOrder."""
        work = self.get(order_id).work
        op = self._op(work, kind, note)
        row = (kind, self._now_s(), order_id)
        link.send(op, within=lambda conn: _run(conn, "update work set step = ?, since_s = ? where order_id = ?", row))
        return op

    def _op(self, work: Work, kind: Kind, note: str = "") -> Op:
        return Op(
            device=self._outbox.device,
            epoch=self._outbox.epoch,
            seq=1,
            op_id=str(uuid.uuid4()),
            order_id=work.order_id,
            kind=kind,
            base_version=work.version,
            at=datetime.now(UTC),
            note=note,
            lat=work.lat,
            lon=work.lon,
        )


def _create(conn: sqlite3.Connection) -> None:
    conn.execute(
        "create table if not exists work "
        "(order_id text primary key, body text, step text, since_s real not null, closed integer not null)"
    )


def _run(conn: sqlite3.Connection, sql: str, row: tuple[object, ...]) -> None:
    conn.execute(sql, row)
