"""What a kiosk remembers over a restart, beside the outbox in one file: spots and checks it was asked for."""

import sqlite3
from collections.abc import Callable, Sequence

import msgspec
import structlog

from edge.evidence.clock import boot_id
from edge.link import Outbox
from edge.watch.places import Spot
from edge.wire import Verify

_GONE_KEPT = 1000
OWED_MAX = 5000

log = structlog.get_logger()
Within = Callable[[sqlite3.Connection], None]


class KioskStore:
    """Tables `spot` and `verify` in the outbox's database, so that a candidate and the spot that it came
    from are committed together: after a kill there is the candidate and a filed spot, or neither."""

    def __init__(self, outbox: Outbox, boot: str | None = None) -> None:
        self._outbox = outbox
        self._boot = boot_id() if boot is None else boot
        self._owed: dict[str, Spot | None] = {}
        self.unsaved = 0
        outbox.transact(_create)

    def spots(self, camera: str) -> list[Spot]:
        """The living spots of a camera."""
        rows = self._outbox.query("select body from spot where camera = ? and state != 'gone'", (camera,))
        return [msgspec.json.decode(str(row[0]), type=Spot) for row in rows]

    def keep(self, spots: list[Spot], forgotten: Sequence[Spot] = (), ahead_s: float | None = None) -> None:
        """Store spots and delete those that never became a candidate, in one transaction. `ahead_s`: wall less
        monotonic time, see `ClockSteps`.

        A disk that takes nothing (`unsaved`) stops no watching: what is owed is stored with a later call, or would be
        known wrongly after a restart."""
        self._owed |= {spot.spot_id: spot for spot in spots} | {spot.spot_id: None for spot in forgotten}
        if not self._owed and ahead_s is None:
            return
        try:
            self._outbox.transact(lambda conn: self._pay(conn, ahead_s))
        except sqlite3.Error as error:
            self.unsaved += 1
            log.error("spots.unsaved", spots=len(self._owed), reason=str(error))
            while len(self._owed) > OWED_MAX:
                del self._owed[next(iter(self._owed))]
            return
        self._owed.clear()

    def ahead_s(self) -> float | None:
        """Wall less monotonic time as a process before this one stored it; None after the machine was started anew."""
        rows = self._outbox.query("select ahead_s from clock where boot = ? and boot != ''", (self._boot,))
        return float(str(rows[0][0])) if rows else None

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

    def _pay(self, conn: sqlite3.Connection, ahead_s: float | None) -> None:
        _save(conn, [spot for spot in self._owed.values() if spot is not None])
        gone = [(name,) for name, spot in self._owed.items() if spot is None]
        _many(conn, "delete from spot where spot_id = ?", gone)
        if ahead_s is not None:
            conn.execute("insert or replace into clock values (1, ?, ?)", (self._boot, ahead_s))


def _create(conn: sqlite3.Connection) -> None:
    conn.execute("create table if not exists clock (id integer primary key check (id = 1), boot text, ahead_s real)")
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
