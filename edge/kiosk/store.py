"""What a kiosk remembers over a restart, beside the outbox in one file: spots and checks it was asked for."""

import sqlite3
from collections.abc import Callable, Sequence

import msgspec

from edge.link import Outbox
from edge.watch.places import Spot
from edge.wire import Verify

_GONE_KEPT = 1000
Within = Callable[[sqlite3.Connection], None]


class KioskStore:
    """Tables `spot` and `verify` in the outbox's database, so that a candidate and the spot that it came
    from are committed together: after a kill there is the candidate and a filed spot, or neither."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        outbox.transact(_create)

    def spots(self, camera: str) -> list[Spot]:
        """The living spots of a camera."""
        rows = self._outbox.query("select body from spot where camera = ? and state != 'gone'", (camera,))
        return [msgspec.json.decode(str(row[0]), type=Spot) for row in rows]

    def save(self, spots: list[Spot]) -> None:
        """Store what changed, in one transaction."""
        if spots:
            self._outbox.transact(lambda conn: _save(conn, spots))

    def forget(self, spots: list[Spot]) -> None:
        """Delete spots that never became a candidate."""
        if spots:
            ids = [(s.spot_id,) for s in spots]
            self._outbox.transact(lambda conn: _many(conn, "delete from spot where spot_id = ?", ids))

    def saving(self, spot: Spot) -> Within:
        """For Outbox.put(within=...): the spot in the transaction of its candidate."""
        return lambda conn: _save(conn, [spot])

    def ask(self, request: Verify) -> None:
        """Remember a verify request; one that is known already, answered or not, changes nothing."""
        row = (request.verify_id, request.camera, msgspec.json.encode(request).decode())
        self._outbox.transact(lambda conn: _many(conn, "insert or ignore into verify values (?, ?, ?, 0)", [row]))

    def open_checks(self) -> list[Verify]:
        """Requests without an answer, oldest first."""
        rows = self._outbox.query("select body from verify where answered = 0 order by rowid")
        return [msgspec.json.decode(str(row[0]), type=Verify) for row in rows]

    def answering(self, verify_id: str, ended: Spot | None) -> Within:
        """For Outbox.put(within=...): the request answered, and the spot ended, in the transaction of the verdict."""

        def work(conn: sqlite3.Connection) -> None:
            _many(conn, "update verify set answered = 1 where verify_id = ?", [(verify_id,)])
            if ended is not None:
                _save(conn, [ended])

        return work


def _create(conn: sqlite3.Connection) -> None:
    conn.execute("create table if not exists spot (spot_id text primary key, camera text, state text, body text)")
    conn.execute(
        "create table if not exists verify (verify_id text primary key, camera text, body text, answered integer)"
    )


def _save(conn: sqlite3.Connection, spots: list[Spot]) -> None:
    rows = [(s.spot_id, s.camera, s.state, msgspec.json.encode(s).decode()) for s in spots]
    _many(conn, "insert or replace into spot values (?, ?, ?, ?)", rows)
    if any(s.state == "gone" for s in spots):
        conn.execute(
            "delete from spot where state = 'gone' and rowid not in "
            "(select rowid from spot where state = 'gone' order by rowid desc limit ?)",
            (_GONE_KEPT,),
        )


def _many(conn: sqlite3.Connection, sql: str, rows: Sequence[tuple[str, ...]]) -> None:
    conn.executemany(sql, rows)
