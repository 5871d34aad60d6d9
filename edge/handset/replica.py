"""The handset's state: what the crew does goes into the book, what the centre says changes it. No network, no clock."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, get_args

import msgspec

from edge.handset.book import Book
from edge.handset.photos import Box, media_type, name_of
from edge.handset.play import played, todo
from edge.handset.track import thinned
from edge.wire import (
    POINTS_MAX,
    CaseClass,
    Delta,
    Entry,
    ErrorCode,
    EvidenceRef,
    ForbiddenState,
    Notice,
    Op,
    OpKind,
    Order,
    PhotoState,
    Point,
    ReasonMissing,
    Receipt,
    Rejection,
    UnknownReference,
    UnsentOp,
    Wipe,
    Wiped,
    encode,
)

PHOTO_TRIES_MAX = 3
# Under POINTS_MAX, so that a track that cannot be thinned fits into one operation.
TRACK_POINTS = 150
UNSENT_TOLD_MAX = 100
_ENTRY: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)
_OP = msgspec.json.Decoder(Op)
_ON_ORDER = frozenset(get_args(OpKind)) - {"shift_on", "shift_off", "track", "read", "sign", "answer", "report"}


class Replica:
    """`handle` is called with one message at a time and has committed when it returns."""

    def __init__(self, book: Book, box: Box) -> None:
        self.book = book
        self.box = box

    @property
    def wiped(self) -> bool:
        """Whether this handset was revoked and emptied."""
        return bool(self.book.get("wiped"))

    # what the crew sees

    def orders(self) -> list[Order]:
        """What is still to do, own steps included: urgent ones first, then by deadline, newest first."""
        rows = self.book.rows("select body from things where kind = 'order'")
        shown = [self._shown(_ENTRY.decode(_bytes(body))) for (body,) in rows]
        return sorted((o for o in shown if todo(o)), key=lambda o: (not o.urgent, o.deadline, -o.rev))

    def order(self, order_id: str) -> Order:
        """One order, own steps included. Raises UnknownReference."""
        rows = self.book.rows("select body from things where key = ?", f"order/{order_id}")
        if not rows:
            raise UnknownReference(f"there is no work order '{order_id}' on this handset; sync, or look at the list")
        return self._shown(_ENTRY.decode(_bytes(rows[0][0])))

    def notices(self, now: datetime) -> list[Notice]:
        """What has not expired, newest first."""
        found = [_ENTRY.decode(_bytes(b)) for (b,) in self.book.rows("select body from things where kind = 'notice'")]
        return sorted((n for n in found if isinstance(n, Notice) and n.expires > now), key=lambda n: n.at, reverse=True)

    def shelf(self) -> list[tuple[str, int, str, dict[str, Any]]]:
        """(key, code, words, the operation) of everything that was rejected and not yet cleared, oldest first."""
        rows = self.book.rows("select key, code, reason, op from shelf order by rowid")
        return [(str(k), int(str(c)), str(r), msgspec.json.decode(_bytes(o) or b"{}")) for k, c, r, o in rows]

    def pending(self) -> list[tuple[Op, int, bool]]:
        """(operation, the order's attempt then, whether the centre has it) of everything behind the checkpoint."""
        rows = self.book.rows("select body, attempt, receipted from ops order by seq")
        return [(_OP.decode(_bytes(b)), int(str(a)), bool(r)) for b, a, r in rows]

    def photos_waiting(self) -> list[tuple[str, int, str, str, int]]:
        """(sha256, size, media type, kind, bytes that the centre has) of photos that are not proven there."""
        rows = self.book.rows(
            "select sha256, size_bytes, media_type, kind, have_bytes from photos where done = 0 order by rowid"
        )
        return [(str(s), int(str(n)), str(m), str(k), int(str(h))) for s, n, m, k, h in rows]

    # what the crew does

    def do(
        self,
        kind: OpKind,
        at: datetime,
        op_id: str,
        order_id: str = "",
        note: str = "",
        *,
        hours: float | None = None,
        notice_id: str = "",
        case_class: CaseClass | None = None,
        points: Sequence[Point] = (),
        photos: Sequence[tuple[bytes, Literal["before", "after"]]] = (),
    ) -> Op:
        """One operation, durable when this returns, with its photos. Raises a WireError with words for the crew."""
        if self.wiped:
            raise ForbiddenState("this handset was revoked and emptied; take it to the office")
        order = self._checked(kind, order_id, note, hours)
        references = [self._keep_photo(data, which) for data, which in photos]
        with self.book.write(durable=True) as tx:
            op = Op(
                device=self.book.device,
                epoch=self.book.epoch,
                seq=int(self.book.get("next_seq")),
                op_id=op_id,
                kind=kind,
                at=at,
                order_id=order_id,
                base_version=order.version if order else 0,
                note=note,
                hours=hours,
                notice_id=notice_id,
                case_class=case_class,
                points=list(points)[:POINTS_MAX],
                evidence=references,
            )
            self._write_op(tx, op, order)
        return op

    def locate(self, point: Point, op_id: str) -> Op | None:
        """Where the crew is now; every TRACK_POINTS of them go up together, thinned. `op_id`: for when they do."""
        with self.book.write() as tx:
            tx.execute("insert into points (body) values (?)", (msgspec.json.encode(point),))
        if self.book.number("select count(*) from points") < TRACK_POINTS:
            return None
        return self.send_track(point.at, op_id)

    def send_track(self, at: datetime, op_id: str) -> Op | None:
        """What has been collected goes up, thinned; None when there is nothing. At the latest at a shift's end."""
        rows = self.book.rows("select n, body from points order by n")
        if not rows:
            return None
        points = thinned([msgspec.json.decode(_bytes(body), type=Point) for _, body in rows])
        op = self.do("track", at, op_id, points=points)
        with self.book.write() as tx:
            tx.execute("delete from points where n <= ?", (rows[-1][0],))
        return op

    def clear(self, key: str) -> None:
        """A person has seen what lay on the shelf."""
        with self.book.write() as tx:
            tx.execute("delete from shelf where key = ?", (key,))

    def _checked(self, kind: OpKind, order_id: str, note: str, hours: float | None) -> Order | None:
        if kind in ("returned", "extend", "suspend") and not note.strip():
            raise ReasonMissing(f"'{kind}' needs a reason; give it with --reason")
        if kind == "extend" and hours is None:
            raise ReasonMissing("'extend' needs its hours; give them with --hours")
        if kind == "sign" and not note.strip():
            raise ReasonMissing("'sign' needs the name of the person who signs")
        if kind not in _ON_ORDER:
            return None
        order = self.order(order_id)
        if kind != "photo" and not todo(order):
            raise ForbiddenState(f"work order {order_id} is {order.step or order.state} already; nothing to do on it")
        return order

    def _keep_photo(self, data: bytes, kind: Literal["before", "after"]) -> EvidenceRef:
        media = media_type(data)
        sha256 = name_of(data)
        if not self.book.rows("select 1 from photos where sha256 = ?", sha256):
            self.box.put(sha256, data)
        return EvidenceRef(
            sha256=sha256,
            media_type=media,  # type: ignore[arg-type]
            size_bytes=len(data),
            kind=kind,
            redacted=False,
        )

    def _write_op(self, tx: sqlite3.Connection, op: Op, order: Order | None) -> None:
        for r in op.evidence:
            row = (r.sha256, r.size_bytes, r.media_type, r.kind, op.order_id)
            tx.execute("insert or ignore into photos values (?, ?, ?, ?, ?, 0, 0, 0)", row)
        attempt = order.attempt if order else 0
        tx.execute(
            "insert into ops values (?, ?, ?, ?, ?, 0, ?)",
            (op.seq, op.op_id, op.order_id, op.kind, attempt, encode(op)),
        )
        self.book.put("next_seq", op.seq + 1)
        if op.kind in ("shift_on", "shift_off"):
            self.book.put("shift", op.kind)

    # what the centre says

    def handle(self, message: Receipt | PhotoState | Wipe | Delta) -> None:
        """Take a message over, in one transaction."""
        if isinstance(message, Receipt):
            self._receipt(message)
        elif isinstance(message, PhotoState):
            self._photo(message)
        elif isinstance(message, Wipe):
            self._wipe(message)
        elif not self.wiped:
            self._delta(message)

    def _receipt(self, receipt: Receipt) -> None:
        if receipt.epoch != self.book.epoch:
            return
        seqs = [*receipt.seqs, *(refusal.seq for refusal in receipt.refused)]
        with self.book.write() as tx:
            tx.executemany("update ops set receipted = max(receipted, 1) where seq = ?", [(seq,) for seq in seqs])
            for refusal in receipt.refused:
                self._to_shelf(tx, refusal.seq, refusal.code, refusal.reason)

    def _delta(self, delta: Delta) -> None:
        if delta.defer_s or delta.after != self.book.cursor:
            return
        with self.book.write() as tx:
            if delta.reset or delta.crew != self.book.get("crew", delta.crew):
                tx.execute("delete from things")
            for entry in delta.entries:
                self._take(tx, entry)
            self.book.put("crew", delta.crew)
            if not delta.urgent:
                self._move(tx, delta)

    def _move(self, tx: sqlite3.Connection, delta: Delta) -> None:
        if delta.entries or delta.next != delta.after:
            self.book.put("cursor", delta.next)
        if not delta.more and delta.epoch == self.book.epoch and delta.through > self.book.through:
            # The replica is at the log's end now, so it contains what the centre has judged of ours.
            tx.execute("delete from ops where seq <= ?", (delta.through,))
            self.book.put("through", delta.through)

    def _take(self, tx: sqlite3.Connection, entry: Entry) -> None:
        if isinstance(entry, Rejection):
            if entry.device == self.book.device and entry.epoch == self.book.epoch:
                self._to_shelf(tx, entry.seq, entry.code, entry.reason)
            return
        kind = "order" if isinstance(entry, Order) else "notice"
        key = f"{kind}/{entry.order_id if isinstance(entry, Order) else entry.notice_id}"
        tx.execute(
            "insert into things values (?, ?, ?, ?) on conflict (key) do update set rev = excluded.rev, "
            "body = excluded.body where excluded.rev > things.rev",
            (key, kind, entry.rev, msgspec.json.encode(entry)),
        )

    def _to_shelf(self, tx: sqlite3.Connection, seq: int, code: int, reason: str) -> None:
        """Once; the operation itself is kept beside code and words, and is played no more."""
        key = f"{self.book.epoch}/{seq}"
        if self.book.get(f"shelved/{key}"):
            return
        self.book.put(f"shelved/{key}", code)
        tx.execute("update ops set receipted = 2 where seq = ?", (seq,))
        found = tx.execute("select body from ops where seq = ?", (seq,)).fetchone()
        tx.execute("insert into shelf values (?, ?, ?, ?, ?)", (key, seq, code, reason, found[0] if found else b""))

    def _photo(self, state: PhotoState) -> None:
        with self.book.write(durable=state.done) as tx:
            if state.done:
                tx.execute("update photos set done = 1, have_bytes = size_bytes where sha256 = ?", (state.sha256,))
            elif state.code:
                self._photo_refused(tx, state)
            else:
                have = (state.have_bytes, state.sha256)
                tx.execute("update photos set have_bytes = ? where sha256 = ? and done = 0", have)
        if state.done:
            self.box.drop(state.sha256)

    def photo_lost(self, sha256: str) -> None:
        """Its file is gone from the handset: told, and asked for no more."""
        with self.book.write() as tx:
            tx.execute("update photos set done = -1 where sha256 = ?", (sha256,))
            words = f"photo {sha256[:12]}: its file is gone from this handset; take it again"
            row = (f"photo/{sha256}", int(ErrorCode.EMPTY_PHOTO), words)
            tx.execute("insert or ignore into shelf values (?, 0, ?, ?, x'')", row)

    def _photo_refused(self, tx: sqlite3.Connection, state: PhotoState) -> None:
        """From its first byte again; at the third time it lies on the shelf and is sent no more."""
        tx.execute("update photos set have_bytes = 0, tries = tries + 1 where sha256 = ?", (state.sha256,))
        row = tx.execute("select tries, order_id from photos where sha256 = ?", (state.sha256,)).fetchone()
        if row is None or row[0] < PHOTO_TRIES_MAX:
            return
        tx.execute("update photos set done = -1 where sha256 = ?", (state.sha256,))
        words = f"photo {state.sha256[:12]} of {row[1]}: {state.reason}"
        tx.execute("insert or ignore into shelf values (?, 0, ?, ?, x'')", (f"photo/{state.sha256}", state.code, words))

    def _wipe(self, wipe: Wipe) -> None:
        if self.wiped:
            return
        left = [op for op, _, receipted in self.pending() if not receipted]
        heads = [UnsentOp(op_id=o.op_id, op_kind=o.kind, order_id=o.order_id, at=o.at) for o in left[-UNSENT_TOLD_MAX:]]
        waiting = self.photos_waiting()
        kept = [str(s) for (s,) in self.book.rows("select sha256 from photos")]
        answer = Wiped(device=self.book.device, wipe_id=wipe.wipe_id, unsent=len(left), photos=len(waiting), ops=heads)
        self.book.empty(encode(answer).decode())
        for sha256 in kept:
            self.box.drop(sha256)

    def _shown(self, entry: Entry) -> Order:
        assert isinstance(entry, Order)
        rows = self.book.rows(
            "select body, attempt from ops where order_id = ? and receipted < 2 order by seq",
            entry.order_id,
        )
        return played(entry, [(_OP.decode(_bytes(body)), int(str(attempt))) for body, attempt in rows])


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value
