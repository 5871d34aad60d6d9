"""The viewing log: who saw which camera, from when to when, what for, and why it ended; in the device's database."""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec

Transact = Callable[[Callable[[sqlite3.Connection], None]], None]
TABLE = """create table if not exists viewing (
    id text primary key, kind text not null, name text not null, token text not null, camera text not null,
    why text not null, redacted integer not null, peer text not null, begun real not null, ended real, ending text)"""
COLUMNS = "id, kind, name, token, camera, why, redacted, peer, begun, ended, ending"
UNENDED = "the kiosk stopped without ending it"
ROWS_SHOWN_MAX = 100_000


@dataclass(frozen=True)
class Viewing:
    """One person at one camera. `kind`: view or publish; `token`: its id; `peer`: the address that asked; `begun` and
    `ended`: UTC seconds."""

    id: str
    kind: str
    name: str
    token: str
    camera: str
    why: str
    redacted: bool
    peer: str
    begun: float
    ended: float | None = None
    ending: str | None = None


class Viewings:
    """Writes the log. A viewing begins only when it stands in the database. `lost`: endings that could not be written
    (a full disk), which the next start marks; `deleted`: old rows over the limit."""

    def __init__(self, transact: Transact, rows_max: int) -> None:
        self._transact = transact
        self._rows_max = rows_max
        self.lost = 0
        self.deleted = 0
        transact(_create)

    def begin(self, viewing: Viewing) -> None:
        """Durable when it returns. Raises sqlite3.Error."""
        self._transact(lambda conn: self._insert(conn, viewing))

    def end(self, viewing_id: str, at_s: float, why: str) -> None:
        """Note how it ended."""
        sql = "update viewing set ended = ?, ending = ? where id = ? and ended is null"
        try:
            self._transact(lambda conn: _run(conn, sql, (at_s, why, viewing_id)))
        except sqlite3.Error:
            self.lost += 1

    def _insert(self, conn: sqlite3.Connection, v: Viewing) -> None:
        row = (v.id, v.kind, v.name, v.token, v.camera, v.why, int(v.redacted), v.peer, v.begun, v.ended, v.ending)
        _run(conn, f"insert into viewing ({COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        old = "delete from viewing where ended is not null and rowid <= (select max(rowid) from viewing) - ?"
        self.deleted += conn.execute(old, (self._rows_max,)).rowcount


def read(database: Path, camera: str | None = None, since_s: float = 0.0) -> list[Viewing]:
    """The log of a device that may be running, oldest first. Raises sqlite3.Error, OSError (no such file)."""
    if not database.exists():
        raise FileNotFoundError(f"{database}: no such file; has this kiosk ever run?")
    sql = f"select {COLUMNS} from viewing where begun >= ? and (? is null or camera = ?) order by begun limit ?"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10.0)) as conn:
        if not conn.execute("select 1 from sqlite_master where name = 'viewing'").fetchone():
            return []
        rows = conn.execute(sql, (since_s, camera, camera, ROWS_SHOWN_MAX)).fetchall()
    names = COLUMNS.split(", ")
    return [msgspec.convert(dict(zip(names, row, strict=True)), Viewing, strict=False) for row in rows]


def _create(conn: sqlite3.Connection) -> None:
    conn.execute(TABLE)
    conn.execute("create index if not exists viewing_begun on viewing (begun)")
    conn.execute("update viewing set ended = begun, ending = ? where ended is null", (UNENDED,))


def _run(conn: sqlite3.Connection, sql: str, args: Iterable[object]) -> None:
    conn.execute(sql, tuple(args))
