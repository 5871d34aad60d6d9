"""What a crew does on its handset: operations with their photos, durable before they count; the track of a shift."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, get_args

import msgspec

from edge.handset.book import Book
from edge.handset.photos import Box, media_type, name_of
from edge.handset.play import todo
from edge.handset.shown import Shown, as_bytes
from edge.handset.track import thinned
from edge.wire import (
    POINTS_MAX,
    CaseClass,
    EvidenceRef,
    ForbiddenState,
    Op,
    OpKind,
    Order,
    Point,
    ReasonMissing,
    encode,
)

# Under POINTS_MAX, so that a track that cannot be thinned fits into one operation.
TRACK_POINTS = 150
_ON_ORDER = frozenset(get_args(OpKind)) - {"shift_on", "shift_off", "track", "read", "sign", "answer", "report"}


class Doing(Shown):
    """Each operation is one transaction with synchronous=FULL."""

    def __init__(self, book: Book, box: Box) -> None:
        super().__init__(book)
        self.box = box

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
        points = thinned([msgspec.json.decode(as_bytes(body), type=Point) for _, body in rows])
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
