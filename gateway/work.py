"""Work orders (派遣) between the registry and the crews' logs: taken over, worked on, told back. See docs/sync.md."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from edge.wire import EXCEPTIONS, ErrorCode, Op, Revoked, WireError, Work, encode, topic
from gateway import dead_letters, feed
from gateway.bulk import Bulk
from gateway.sync import handsets
from gateway.sync.books import SqlBooks
from gateway.sync.desk import Desk, Taken
from gateway.sync.held import OPEN
from gateway.sync.rules import FINAL, Judged
from gateway.sync_tables import handset_ops
from gateway.tables import work_orders
from gateway.times import from_text


class Later(RuntimeError):
    """Too many operations of this handset wait for their turn: no receipt, it sends this one again."""


def take_over(tx: sa.Connection, bulk: Bulk, order: dict[str, Any], now: str) -> None:
    """Keep the newest version of an order, in its crew's log."""
    work, crew = msgspec.convert(order["work"], Work), str(order["crew"])
    if not _desk(tx, bulk, now).order(work, crew):
        return
    text = f"{work.order_id} v{work.version} {work.state} to {crew}"
    data = {"order_id": work.order_id, "crew": crew, "case_id": work.case_id, "state": work.state}
    feed.append(bulk, now, "work_order", text, data)


def extended(tx: sa.Connection, bulk: Bulk, case_id: str, deadline: str, now: str) -> None:
    """The registry granted an extension (延期): the open order's deadline moves."""
    mine = sa.and_(work_orders.c.case_id == case_id, work_orders.c.state.in_(sorted(OPEN)))
    for order_id in list(tx.scalars(sa.select(work_orders.c.order_id).where(mine))):
        _desk(tx, bulk, now).extended(order_id, datetime.fromisoformat(deadline))


def apply_op(tx: sa.Connection, bulk: Bulk, op: Op, now: str) -> str:
    """A crew's operation; returns its incident. Raises Later, and the WireError of a rejection, which is written down
    all the same; a known operation changes nothing."""
    if handsets.is_revoked(tx, op.device):
        raise Revoked(f"handset {op.device} was revoked; op {op.op_id} '{op.kind}' on '{op.order_id}' not taken")
    taken = _desk(tx, bulk, now).take(op)
    if taken.status == "full":
        raise Later(f"{op.device}: too many operations wait for seq {op.seq}'s predecessor")
    _bury_followers(tx, bulk, op.device, taken, now)
    if taken.judged:
        _raise(op.op_id, taken.judged[0][1])
    incident = sa.select(work_orders.c.incident_id).where(work_orders.c.order_id == op.order_id)
    return tx.scalar(incident) or ""


def skip_op(tx: sa.Connection, bulk: Bulk, identity: tuple[str, str, int], error: WireError, now: str) -> None:
    """An operation that cannot be read: what stands behind it goes on."""
    taken = _desk(tx, bulk, now).skip(*identity, error)
    _bury_followers(tx, bulk, identity[0], taken, now)


def refused_later(tx: sa.Connection, bulk: Bulk, key: str, reason: str, now: str) -> None:
    """The registry refused what a crew did: onto its shelf, and for people to look at where work was done."""
    _, device, op_id = key.split(":", 2)
    mine = sa.and_(handset_ops.c.device == device, handset_ops.c.op_id == op_id)
    row = tx.execute(sa.select(handset_ops.c.payload, handset_ops.c.crew).where(mine)).first()
    if row is None:
        return
    op = msgspec.json.decode(row.payload, type=Op)
    judged = Judged("rejected", code=int(ErrorCode.FORBIDDEN_STATE), reason=reason, review=op.kind in FINAL)
    _desk(tx, bulk, now).refused_later(op, row.crew, judged)
    values = {"outcome": "rejected", "code": judged.code, "reason": reason, "review": judged.review}
    tx.execute(sa.update(handset_ops).where(mine).values(values))


def _desk(tx: sa.Connection, bulk: Bulk, now: str) -> Desk:
    return Desk(SqlBooks(tx, bulk, now), lambda: from_text(now))


def _bury_followers(tx: sa.Connection, bulk: Bulk, device: str, taken: Taken, now: str) -> None:
    """What had waited was receipted long ago: when it is rejected now, its dead letter is written here."""
    for op, judged in _followers(taken):
        error = EXCEPTIONS[ErrorCode(judged.code)](_words(op.op_id, judged))
        dead_letters.put(tx, bulk, topic("up", device, "op"), device, encode(op), error, now)


def _followers(taken: Taken) -> Iterable[tuple[Op, Judged]]:
    for op, judged in taken.judged[1:]:
        if op is not None and judged.outcome == "rejected":
            yield op, judged


def _raise(op_id: str, judged: Judged) -> None:
    if judged.outcome == "rejected":
        raise EXCEPTIONS[ErrorCode(judged.code)](_words(op_id, judged))


def _words(op_id: str, judged: Judged) -> str:
    return f"op {op_id}: {judged.reason}"
