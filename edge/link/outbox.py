"""What a device still owes the centre: a durable queue in SQLite that gives up a message only for its receipt."""

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from sqlite_utils import Database
from sqlite_utils.db import Table

from edge.wire import Durable, Refusal, channel_of, encode

_SCHEMA_VERSION = 1
SHELF_ROWS_MAX = 1000
READ_BYTES_MAX = 4 * 1024**2  # of payloads in one go


class OutboxFull(RuntimeError):
    """No room for a message that may not be dropped; the caller keeps its state and tries again later."""


class OutboxUnusable(RuntimeError):
    """The outbox file cannot be opened or written; `str()` is one line with the mend."""


@dataclass(frozen=True)
class Limits:
    """Overflow policy: evidence makes room for everything else, oldest first, and is counted; the rest is never
    dropped, `put` raises OutboxFull instead."""

    rows_max: int = 200_000
    bytes_max: int = 2 * 1024**3


@dataclass(frozen=True)
class Pending:
    """One message that waits for its receipt."""

    seq: int
    channel: str
    payload: bytes


class Outbox:
    """SQLite, WAL, synchronous=FULL, one writer (a lock; any thread may call)."""

    def __init__(self, path: Path, device: str, limits: Limits | None = None) -> None:
        self.device = device
        self._limits = limits or Limits()
        self._lock = threading.Lock()
        self._db = _open(path)
        self._dropped: dict[str, int] = {}
        self.epoch = self._meta("epoch")
        self._next = int(self._meta("next_seq"))
        self._rows, self._bytes = self._measure()

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.conn.close()

    @property
    def dropped(self) -> dict[str, int]:
        """Messages given up for lack of room since the start, by channel."""
        return dict(self._dropped)

    @property
    def size(self) -> tuple[int, int]:
        """(rows, payload bytes) that wait."""
        return self._rows, self._bytes

    @property
    def next_seq(self) -> int:
        """The number that the next message will get."""
        return self._next

    def put(self, *messages: Durable, within: Callable[[sqlite3.Connection], None] | None = None) -> list[int]:
        """Number the messages and store them in one transaction; returns their seqs.

        `within` runs inside the same transaction, so that a caller's own state and its messages stand or fall
        together. Raises OutboxFull, a WireError for a message over its limit, sqlite3.Error when the disk fails.
        """
        with self._lock:
            numbered, payloads = self._number(messages)
            self._make_room(len(payloads), sum(map(len, payloads)), messages)
            with self._db.conn:
                self._insert(numbered, payloads)
                if within is not None:
                    within(self._db.conn)
            self._next += len(payloads)
            self._rows += len(payloads)
            self._bytes += sum(map(len, payloads))
            return [m.seq for m in numbered]

    def transact(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Run `work` in a transaction of its own on the outbox's connection (the caller's tables live beside it)."""
        with self._lock, self._db.conn:
            work(self._db.conn)

    def query(self, sql: str, args: Iterable[object] = ()) -> list[tuple[object, ...]]:
        """Read the caller's tables."""
        with self._lock:
            return self._db.conn.execute(sql, tuple(args)).fetchall()

    def pending(self, count: int, beyond: Iterable[int] = ()) -> list[Pending]:
        """The next messages to send, most urgent channel first, oldest first inside it, without those in `beyond`."""
        skip = set(beyond)
        with self._lock:
            rows = self._db.conn.execute(
                "select seq, channel, payload from outbox order by urgency, seq limit ?", (count + len(skip),)
            ).fetchall()
        return [Pending(*row) for row in rows if row[0] not in skip][:count]

    def urgencies(self) -> list[int]:
        """Of what waits, most urgent first."""
        with self._lock:
            found: list[int] = []
            while row := self._db.conn.execute(
                "select min(urgency) from outbox where urgency > ?", (found[-1] if found else -1,)
            ).fetchone():
                if row[0] is None:
                    return found
                found.append(int(row[0]))
        return found

    def oldest(self, urgency: int, count: int, beyond: Collection[int] = ()) -> list[Pending]:
        """The first messages of one urgency, without those in `beyond`."""
        return self._some("asc", urgency, count, beyond)

    def newest(self, urgency: int, count: int, beyond: Collection[int] = ()) -> list[Pending]:
        """The last messages of one urgency, last first, without those in `beyond`."""
        return self._some("desc", urgency, count, beyond)

    def receipted(self, epoch: str, seqs: list[int]) -> int:
        """Delete what the gateway has committed; a receipt of another epoch deletes nothing. Returns how many."""
        if epoch != self.epoch:
            return 0
        with self._lock:
            return self._delete(seqs)

    def refused(self, epoch: str, refusals: list[Refusal]) -> int:
        """Move what the gateway will never take from the queue to the shelf, with its reason. Returns how many."""
        if epoch != self.epoch:
            return 0
        with self._lock:
            with self._db.conn:
                for r in refusals:
                    self._db.conn.execute(
                        "insert or ignore into shelf (seq, channel, payload, code, reason) "
                        "select seq, channel, payload, ?, ? from outbox where seq = ?",
                        (r.code, r.reason, r.seq),
                    )
                self._db.conn.execute(
                    "delete from shelf where seq not in (select seq from shelf order by seq desc limit ?)",
                    (SHELF_ROWS_MAX,),
                )
            return self._delete([r.seq for r in refusals])

    def shelf(self) -> list[tuple[int, str, int, str]]:
        """(seq, channel, code, reason) of the newest refused messages, at most SHELF_ROWS_MAX."""
        with self._lock:
            return self._db.conn.execute("select seq, channel, code, reason from shelf order by seq").fetchall()

    def _some(self, way: Literal["asc", "desc"], urgency: int, count: int, beyond: Collection[int]) -> list[Pending]:
        if count <= 0:
            return []
        sql = f"select seq, size_bytes from outbox where urgency = ? order by seq {way} limit ?"
        with self._lock:
            rows = self._db.conn.execute(sql, (urgency, count + len(beyond))).fetchall()
            wanted: list[int] = []
            size = 0
            for seq, length in rows:
                if len(wanted) >= count or (wanted and size + length > READ_BYTES_MAX):
                    break
                if seq not in beyond:
                    wanted.append(seq)
                    size += length
            marks = ",".join("?" * len(wanted))
            found = self._db.conn.execute(
                f"select seq, channel, payload from outbox where seq in ({marks}) order by seq {way}", wanted
            ).fetchall()
        return [Pending(*row) for row in found]

    def _number(self, messages: Iterable[Durable]) -> tuple[list[Durable], list[bytes]]:
        numbered = [
            msgspec.structs.replace(m, device=self.device, epoch=self.epoch, seq=self._next + i)
            for i, m in enumerate(messages)
        ]
        return numbered, [encode(m) for m in numbered]

    def _insert(self, numbered: list[Durable], payloads: list[bytes]) -> None:
        now = time.time()
        self._db.conn.executemany(
            "insert into outbox (seq, channel, urgency, size_bytes, payload, put_at) values (?, ?, ?, ?, ?, ?)",
            [
                (m.seq, channel_of(m).name, channel_of(m).urgency, len(p), p, now)
                for m, p in zip(numbered, payloads, strict=True)
            ],
        )
        self._db.conn.execute("update meta set value = ? where name = 'next_seq'", (str(self._next + len(numbered)),))

    def _make_room(self, rows: int, size: int, messages: tuple[Durable, ...]) -> None:
        over_rows = self._rows + rows - self._limits.rows_max
        over_bytes = self._bytes + size - self._limits.bytes_max
        if over_rows <= 0 and over_bytes <= 0:
            return
        if not self._drop_evidence(over_rows, over_bytes):
            names = ", ".join(sorted({channel_of(m).name for m in messages}))
            raise OutboxFull(
                f"outbox of {self.device} is full ({self._rows} rows, {self._bytes} bytes) and holds no evidence to "
                f"drop; {names} not taken; bring the device online or raise its limits"
            )

    def _drop_evidence(self, over_rows: int, over_bytes: int) -> bool:
        victims: list[int] = []
        cursor = self._db.conn.execute("select seq, size_bytes from outbox where channel = 'evidence' order by seq")
        for seq, size in cursor.fetchall():
            if over_rows <= 0 and over_bytes <= 0:
                break
            victims.append(seq)
            over_rows, over_bytes = over_rows - 1, over_bytes - size
        if over_rows > 0 or over_bytes > 0:
            return False
        self._dropped["evidence"] = self._dropped.get("evidence", 0) + self._delete(victims)
        return True

    def _delete(self, seqs: list[int]) -> int:
        gone = [
            row[0]
            for seq in seqs
            for row in self._db.conn.execute("select size_bytes from outbox where seq = ?", (seq,)).fetchall()
        ]
        with self._db.conn:
            self._db.conn.executemany("delete from outbox where seq = ?", [(seq,) for seq in seqs])
        self._rows -= len(gone)
        self._bytes -= sum(gone)
        return len(gone)

    def _measure(self) -> tuple[int, int]:
        rows, size = self._db.conn.execute("select count(*), coalesce(sum(size_bytes), 0) from outbox").fetchone()
        return int(rows), int(size)

    def _meta(self, name: str) -> str:
        row = self._db.conn.execute("select value from meta where name = ?", (name,)).fetchone()
        return str(row[0])


def left(path: Path) -> int:
    """How many messages wait in an outbox file that nobody has open; 0 when there is no file."""
    if not path.exists():
        return 0
    conn = sqlite3.connect(path)
    try:
        return int(conn.execute("select count(*) from outbox").fetchone()[0])
    finally:
        conn.close()


def _open(path: Path) -> Database:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        conn = sqlite3.connect(path, check_same_thread=False, timeout=10.0)
        conn.execute("pragma journal_mode = wal")
        conn.execute("pragma synchronous = full")
        db = Database(conn)
        _create(db)
    except (sqlite3.Error, OSError) as error:
        raise OutboxUnusable(
            f"{path}: cannot be used as an outbox ({error}); mend the disk or choose --data"
        ) from error
    version = conn.execute("select value from meta where name = 'schema_version'").fetchone()[0]
    if int(version) > _SCHEMA_VERSION:
        raise OutboxUnusable(f"{path}: written by a newer zhuomu (schema {version}); install that version")
    return db


def _create(db: Database) -> None:
    table = db["outbox"]
    assert isinstance(table, Table)
    with db.conn:
        db["meta"].create({"name": str, "value": str}, pk="name", if_not_exists=True)  # type: ignore[union-attr]
        table.create(
            {"seq": int, "channel": str, "urgency": int, "size_bytes": int, "payload": bytes, "put_at": float},
            pk="seq",
            not_null={"channel", "urgency", "size_bytes", "payload", "put_at"},
            if_not_exists=True,
        )
        table.create_index(["urgency", "seq"], if_not_exists=True)
        db["shelf"].create(  # type: ignore[union-attr]
            {"seq": int, "channel": str, "payload": bytes, "code": int, "reason": str}, pk="seq", if_not_exists=True
        )
        fresh = {"schema_version": str(_SCHEMA_VERSION), "epoch": secrets.token_hex(8), "next_seq": "1"}
        db.conn.executemany("insert or ignore into meta (name, value) values (?, ?)", list(fresh.items()))
