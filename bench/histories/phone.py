"""A handset of a history: the shipped book, replica and session; its battery may go at any commit."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from bench.histories.centre import Crash
from edge.handset.book import Book
from edge.handset.replica import Replica
from edge.handset.session import Down, Session
from edge.wire import RANK, Message, Op, OpKind, Point, UnknownReference, WireError

PIECE_BYTES = 64
KINDS: tuple[OpKind, ...] = ("accepted", "arrived", "disposed", "disposed", "returned", "extend", "suspend", "photo")


class MemoryBox:
    """Photos in memory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def put(self, sha256: str, data: bytes) -> None:
        self.files[sha256] = data

    def read(self, sha256: str, offset: int, size_bytes: int) -> bytes:
        return self.files.get(sha256, b"")[offset : offset + size_bytes]

    def drop(self, sha256: str) -> None:
        self.files.pop(sha256, None)


class FailingBook(Book):
    """Power may go before a commit (nothing of it happened) or right after it (nobody heard of it)."""

    crash_share = 0.0
    rng = random.Random(0)

    @contextmanager
    def write(self, durable: bool = False) -> Iterator[sqlite3.Connection]:
        with super().write(durable) as tx:
            yield tx
            if self.rng.random() < self.crash_share:
                raise Crash
        if self.rng.random() < self.crash_share:
            raise Crash


class Phone:
    """`offset_s`: how wrong its clock is. `made`: every operation that was durable, the truth of the history."""

    def __init__(self, device: str, rng: random.Random, send: Callable[[str, Message], None]) -> None:
        self.device = device
        self.rng = rng
        self.book = FailingBook(None, device, epoch=f"{rng.getrandbits(64):016x}")
        self.book.rng = rng
        self.box = MemoryBox()
        self.replica = Replica(self.book, self.box)
        self.session = self._session()
        self.offset_s = rng.choice([0.0, 0.0, rng.uniform(-7200, 7200), 86_400.0 * 400])
        self.up = False
        self.proven: set[str] = set()
        self._send = send

    def connect(self, now_s: float) -> None:
        """The line is there."""
        self.up = True
        self.session.up(now_s)

    def lose(self) -> None:
        """The line is gone."""
        self.up = False
        self.session.down()

    def crash(self) -> None:
        """Flat battery: everything but the book is forgotten."""
        self.up = False
        self.session = self._session()

    def tick(self, now_s: float) -> None:
        """Say what is due. Raises Crash."""
        if self.up:
            for message in self.session.due(now_s):
                self._send(self.device, message)

    def receive(self, message: Down, now_s: float) -> None:
        """Raises Crash."""
        if self.up:
            self.session.handle(message, now_s)
            self.proven |= {str(s) for (s,) in self.book.rows("select sha256 from photos where done = 1")}

    def work(self, now: datetime) -> None:
        """The crew does something, sensible or not. Raises Crash."""
        known = [str(key)[6:] for (key,) in self.book.rows("select key from things where kind = 'order' order by key")]
        kind: OpKind = self.rng.choice(KINDS) if known and self.rng.random() < 0.9 else "shift_on"
        order_id = self.rng.choice(known) if kind != "shift_on" else ""
        photos = [(_photo(self.rng), "after")] if kind in ("disposed", "photo") and self.rng.random() < 0.5 else []
        where = [Point(at=now, lat=34.0, lon=117.0)]
        name = f"{self.rng.getrandbits(128):032x}"
        op_id = "-".join((name[:8], name[8:12], name[12:16], name[16:20], name[20:]))
        hours = 1.0 if kind == "extend" else None
        try:
            self.replica.do(kind, now, op_id, order_id, "why", hours=hours, points=where, photos=photos)  # type: ignore[arg-type]
        except WireError:
            return  # the handset itself says no; nothing was made
        self.session.poke()

    def shows_own(self) -> str:
        """ "" when no order is shown older than this handset's own operations on it, else what is wrong."""
        for op, attempt, _ in self.replica.pending():
            if op.kind in RANK and not self._is_shown(op, attempt):
                return f"{self.device} shows {op.order_id} without its own '{op.kind}' (seq {op.seq})"
        return ""

    def _is_shown(self, op: Op, attempt: int) -> bool:
        if self.book.number("select receipted from ops where seq = ?", op.seq) == 2:
            return True
        try:
            order = self.replica.order(op.order_id)
        except UnknownReference:
            return True
        ended = order.state not in ("dispatched", "rework") or order.attempt > attempt
        return ended or RANK[order.step] >= RANK[op.kind]

    def _session(self) -> Session:
        return Session(self.replica, self.rng, PIECE_BYTES)


def _photo(rng: random.Random) -> bytes:
    """A few photos are taken twice."""
    return b"\xff\xd8\xff" + bytes([rng.randrange(40)]) * rng.choice([1, 63, 64, 200])
