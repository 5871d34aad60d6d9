"""What a drone remembers over a restart, beside the outbox in one file: things, and checks it was asked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

import msgspec

from drone.seeing.things import Thing
from edge.link import Outbox
from edge.wire import Verify

GONE_KEPT = 1000
CHECKS_MAX = 1000
Within = Callable[[sqlite3.Connection], None]


class DroneStore:
    """Tables `thing` and `verify` in the outbox's database: a candidate and the thing that it came from are committed
    together. `refused`: checks beyond CHECKS_MAX that wait already; the centre asks again."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.refused = 0
        outbox.transact(_create)

    def things(self) -> list[Thing]:
        """Those that are not gone."""
        rows = self._outbox.query("select body from thing where state != 'gone'")
        return [msgspec.json.decode(str(row[0]), type=Thing) for row in rows]

    def thing(self, thing_id: str) -> Thing | None:
        """One, gone or not; None when it was never stored or is forgotten."""
        rows = self._outbox.query("select body from thing where thing_id = ?", (thing_id,))
        return msgspec.json.decode(str(rows[0][0]), type=Thing) if rows else None

    def save(self, things: Sequence[Thing]) -> None:
        """Store what changed, in one transaction."""
        if things:
            self._outbox.transact(lambda conn: _save(conn, things))

    def forget(self, things: Sequence[Thing]) -> None:
        """Delete things that never became a candidate."""
        if things:
            ids = [(thing.thing_id,) for thing in things]
            self._outbox.transact(lambda conn: _many(conn, "delete from thing where thing_id = ?", ids))

    def saving(self, thing: Thing) -> Within:
        """For Outbox.put(within=...): the thing in the transaction of its candidate."""
        return lambda conn: _save(conn, [thing])

    def ask(self, request: Verify, at_us: int) -> None:
        """Remember a verify request and when it came; one that is known already changes nothing."""
        if len(self.open_checks()) >= CHECKS_MAX:
            self.refused += 1
            return
        row = (request.verify_id, msgspec.json.encode(request).decode(), at_us)
        self._outbox.transact(lambda conn: _many(conn, "insert or ignore into verify values (?, ?, ?, 0)", [row]))

    def open_checks(self) -> list[tuple[Verify, int]]:
        """Requests without an answer and when each came (UTC, microseconds), oldest first."""
        rows = self._outbox.query("select body, asked_us from verify where answered = 0 order by rowid")
        return [(msgspec.json.decode(str(body), type=Verify), int(str(at))) for body, at in rows]

    def answering(self, verify_id: str, ended: Thing | None) -> Within:
        """For Outbox.put(within=...): the request answered, and the thing ended, in the transaction of the verdict."""

        def work(conn: sqlite3.Connection) -> None:
            _many(conn, "update verify set answered = 1 where verify_id = ?", [(verify_id,)])
            if ended is not None:
                _save(conn, [ended])

        return work


def _create(conn: sqlite3.Connection) -> None:
    conn.execute("create table if not exists thing (thing_id text primary key, state text, body text)")
    conn.execute(
        "create table if not exists verify (verify_id text primary key, body text, asked_us integer, answered integer)"
    )


def _save(conn: sqlite3.Connection, things: Sequence[Thing]) -> None:
    rows = [(t.thing_id, t.state, msgspec.json.encode(t).decode()) for t in things]
    _many(conn, "insert or replace into thing values (?, ?, ?)", rows)
    if any(t.state == "gone" for t in things):
        conn.execute(
            "delete from thing where state = 'gone' and rowid not in "
            "(select rowid from thing where state = 'gone' order by rowid desc limit ?)",
            (GONE_KEPT,),
        )


def _many(conn: sqlite3.Connection, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
    conn.executemany(sql, rows)
