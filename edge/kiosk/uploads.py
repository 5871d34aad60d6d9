"""Large evidence that waits for its upload: a table beside the outbox, written with the candidate, and its limits.

| over | what happens |
|---|---|
| `queue_max` files or `bytes_max` of full pictures | the oldest is given up (`uploads_dropped`) |
| `days_max` | given up (`uploads_expired`) |
| refused for good, or damaged TRIES_MAX times | given up (`uploads_refused`) |
| its sealed clip has made room for others | given up (`uploads_gone`) |
| its candidate was refused by the centre | given up (`uploads_orphaned`) |

A candidate never waits for any of this; a file waits until its candidate has its receipt.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.kiosk.config import UploadSettings
from edge.kiosk.store import Within
from edge.link import Outbox
from edge.watch.large import Large

TRIES_MAX = 5
DAY_S = 86_400.0


@dataclass(frozen=True)
class Waiting:
    """A row. `path`: where the file lies; `ours`: it lies in the spool, and goes with its row."""

    row: int
    candidate_id: str
    path: Path
    kind: Literal["frame", "clip"]
    redacted: bool
    ours: bool
    tries: int


class UploadQueue:
    """`spool`: the folder of full pictures. Any thread; `next` and what follows it by one."""

    def __init__(
        self, outbox: Outbox, spool: Path, limits: UploadSettings, wall: Callable[[], float] = time.time
    ) -> None:
        self._outbox = outbox
        self._spool = spool
        self._limits = limits
        self._wall = wall
        self._counts: Counter[str] = Counter()
        outbox.transact(_create)
        self._sweep()

    def counters(self) -> dict[str, int]:
        """Since the start."""
        names = ("done", "dropped", "expired", "refused", "gone", "orphaned")
        return {f"uploads_{name}": self._counts[name] for name in names}

    @property
    def waiting(self) -> int:
        """How many files."""
        return int(str(self._outbox.query("select count(*) from upload")[0][0]))

    def adding(self, candidate_id: str, files: Sequence[Large]) -> Within:
        """For the transaction that stores the candidate: its files wait from then on."""

        def within(conn: sqlite3.Connection) -> None:
            # In this transaction the candidate is the last one that was numbered.
            after = conn.execute("select max(seq) from outbox where channel = 'candidate'").fetchone()[0]
            conn.executemany(
                "insert into upload (candidate_id, after_seq, path, kind, redacted, ours, size_bytes, put_at, tries) "
                "values (?, ?, ?, ?, ?, ?, ?, ?, 0)",
                [(candidate_id, after, str(f.path), f.kind, f.redacted, *self._place(f), self._wall()) for f in files],
            )

        return within

    def next(self) -> Waiting | None:
        """The newest whose candidate has its receipt."""
        rows = self._outbox.query(
            "select id, candidate_id, path, kind, redacted, ours, tries from upload "
            "where after_seq not in (select seq from outbox) order by id desc limit 1"
        )
        if not rows:
            return None
        row, candidate_id, path, kind, redacted, ours, tries = rows[0]
        return Waiting(row, candidate_id, Path(str(path)), kind, bool(redacted), bool(ours), tries)  # type: ignore[arg-type]

    def tidy(self) -> None:
        """What is over a limit goes."""
        old = "put_at < ?"
        self._give_up(
            self._outbox.query(f"select id from upload where {old}", (self._wall() - self._limits.days_max * DAY_S,)),
            "expired",
        )
        self._give_up(
            self._outbox.query("select id from upload where after_seq in (select seq from shelf)"), "orphaned"
        )
        self._give_up(self._over(), "dropped")

    def end(self, one: Waiting, why: Literal["done", "refused", "gone"]) -> None:
        """It has arrived, or never will."""
        self._give_up([(one.row,)], why)

    def damaged(self, one: Waiting) -> None:
        """Other bytes arrived than were sent; not for ever."""
        if one.tries + 1 >= TRIES_MAX:
            self.end(one, "refused")
        else:
            self._outbox.transact(lambda conn: _run(conn, "update upload set tries = tries + 1 where id = ?", one.row))

    def _place(self, file: Large) -> tuple[bool, int]:
        return file.path.parent == self._spool, file.file.size_bytes

    def _over(self) -> list[tuple[object, ...]]:
        """Rows beyond the limits, counted from the newest."""
        over: list[tuple[object, ...]] = []
        rows, size = 0, 0
        for row, ours, bytes_ in self._outbox.query("select id, ours, size_bytes from upload order by id desc"):
            rows, size = rows + 1, size + (int(str(bytes_)) if ours else 0)
            if rows > self._limits.queue_max or size > self._limits.bytes_max:
                over.append((row,))
        return over

    def _give_up(self, rows: Sequence[tuple[object, ...]], why: str) -> None:
        """Rows first: a file without a row is swept at the next start, a row without its file would be asked for."""
        for (row,) in rows:
            found = self._outbox.query("select path, ours from upload where id = ?", (row,))
            self._outbox.transact(lambda conn, row=row: _run(conn, "delete from upload where id = ?", row))  # type: ignore[misc]
            for path, ours in found:
                shared = self._outbox.query("select 1 from upload where path = ? limit 1", (path,))
                if ours and not shared:
                    Path(str(path)).unlink(missing_ok=True)
            self._counts[why] += len(found)

    def _sweep(self) -> None:
        """Files of a process that was killed before its candidate was stored, or after its upload was."""
        known = {Path(str(row[0])) for row in self._outbox.query("select path from upload where ours")}
        for path in self._spool.glob("*"):
            if path not in known:
                path.unlink(missing_ok=True)


def _run(conn: sqlite3.Connection, sql: str, *values: object) -> None:
    conn.execute(sql, values)


def _create(conn: sqlite3.Connection) -> None:
    conn.execute(
        "create table if not exists upload (id integer primary key autoincrement, candidate_id text not null, "
        "after_seq integer not null, path text not null, kind text not null, redacted integer not null, "
        "ours integer not null, size_bytes integer not null, put_at real not null, tries integer not null)"
    )
