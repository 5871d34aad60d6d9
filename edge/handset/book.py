"""A handset's database: replica of the crew's log, operations until their checkpoint, photos, shelf, track points."""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA_VERSION = 2
# ops.receipted: 1 the centre has it on disk, 2 it was rejected; photos.done: 1 proven, -1 given up and on the shelf.
_TABLES = """
create table if not exists meta (name text primary key, value text not null);
create table if not exists things (
  key text primary key, kind text not null, rev integer not null, body blob not null);
create table if not exists ops (
  seq integer primary key, op_id text not null, order_id text not null, kind text not null,
  attempt integer not null, receipted integer not null, body blob not null);
create index if not exists ops_order on ops (order_id);
create table if not exists shelf (key text primary key, seq integer not null, code integer not null,
  reason text not null, op blob not null);
create table if not exists photos (sha256 text primary key, size_bytes integer not null, media_type text not null,
  kind text not null, order_id text not null, have_bytes integer not null, done integer not null,
  tries integer not null);
create table if not exists points (n integer primary key, body blob not null);
"""
_NAMES = ("things", "ops", "shelf", "photos", "points")


class BookUnusable(RuntimeError):
    """The handset's database cannot be opened; `str()` is one line with the mend."""


class Book:
    """One SQLite file, WAL. What a crew does is committed with synchronous=FULL before it may be sent: a sequence
    number that a flat battery takes back would be given to another operation. What the centre says is NORMAL: it says
    it again. One process has it open: names and values are kept in memory too. `version` grows with every write."""

    def __init__(self, path: Path | None, device: str, epoch: str = "") -> None:
        """`path` None: in memory, for simulations."""
        self.device = device
        self.path = path
        self.version = 0
        self._durable: bool | None = None
        self._open(path, epoch or secrets.token_hex(8))
        self._meta = self._read_meta()
        if int(self.get("schema_version")) != SCHEMA_VERSION:
            raise BookUnusable(f"{path}: written by another zhuomu; install that version or choose --data")
        if self.get("device", device) != device:
            raise BookUnusable(f"{path}: this is the database of {self.get('device')}; choose another --data")

    def _open(self, path: Path | None, epoch: str) -> None:
        """Everything that a new file needs in one transaction: thousands are made at a simulation's start."""
        fresh = {"schema_version": str(SCHEMA_VERSION), "epoch": epoch, "next_seq": "1", "device": self.device}
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self.conn = sqlite3.connect(path or ":memory:", check_same_thread=False, timeout=10.0)
            self.conn.execute("pragma journal_mode = wal")
            self._settle(durable=False)
            self.conn.executescript(f"begin; {_TABLES} commit;")
            with self.conn:
                self.conn.executemany("insert or ignore into meta (name, value) values (?, ?)", fresh.items())
        except (sqlite3.Error, OSError) as error:
            raise BookUnusable(f"{path}: cannot be used ({error}); mend the disk or choose --data") from error

    def _settle(self, durable: bool) -> None:
        if durable != self._durable:
            self.conn.execute(f"pragma synchronous = {'full' if durable else 'normal'}")
            self._durable = durable

    def _read_meta(self) -> dict[str, str]:
        return {str(name): str(value) for name, value in self.conn.execute("select name, value from meta")}

    @contextmanager
    def write(self, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction. `durable`: on the disk itself when it ends."""
        self._settle(durable)
        self.version += 1
        try:
            yield self.conn
            self.conn.commit()
        except BaseException:
            self.conn.rollback()
            self._meta = self._read_meta()
            raise
        finally:
            self.version += 1

    def rows(self, sql: str, *args: object) -> list[tuple[object, ...]]:
        """Read."""
        return self.conn.execute(sql, args).fetchall()

    def number(self, sql: str, *args: object) -> int:
        """One integer; 0 for none."""
        row = self.conn.execute(sql, args).fetchone()
        return int(row[0] or 0) if row else 0

    def get(self, name: str, default: str = "") -> str:
        """A named value."""
        return self._meta.get(name, default)

    def put(self, name: str, value: object) -> None:
        """Inside a transaction."""
        self.conn.execute("insert or replace into meta (name, value) values (?, ?)", (name, str(value)))
        self._meta[name] = str(value)

    @property
    def epoch(self) -> str:
        """New with each new database."""
        return self.get("epoch")

    @property
    def cursor(self) -> str:
        """Where this replica stands in the crew's log."""
        return self.get("cursor")

    @property
    def through(self) -> int:
        """The checkpoint: the replica contains this handset's own operations up to here."""
        return int(self.get("through", "0"))

    def empty(self, answer: str) -> None:
        """Wiped: nothing is left but the answer to give."""
        with self.write(durable=True):
            for name in _NAMES:
                self.conn.execute(f"delete from {name}")
            self.conn.execute("delete from meta where name not in ('schema_version', 'epoch', 'device', 'next_seq')")
            self._meta = self._read_meta()
            self.put("wiped", answer)
        self.conn.execute("vacuum")
        self.conn.commit()

    def close(self) -> None:
        """Close the file."""
        self.conn.close()


def unsent(path: Path) -> int:
    """Operations and photos in a file that nobody has open and that the centre does not have; 0 when there is none."""
    if not path.exists():
        return 0
    conn = sqlite3.connect(path)
    try:
        ops = conn.execute("select count(*) from ops where receipted = 0").fetchone()[0]
        return int(ops) + int(conn.execute("select count(*) from photos where done = 0").fetchone()[0])
    finally:
        conn.close()
