"""Work orders (派遣): taken over from the registry, sent to the crew's handset until it has them; steps back."""

from typing import Any

import msgspec
import sqlalchemy as sa

from edge.wire import ForbiddenState, Op, UnknownReference, Work, encode
from gateway import feed, forward, incidents
from gateway.bulk import Bulk
from gateway.tables import ops, work_orders
from gateway.times import to_text

OPEN_STATES = ("dispatched", "rework")
# How far a crew is with an order. Messages can overtake each other, so a step that lies behind is only written down.
RANK = {"": 0, "accepted": 1, "arrived": 2, "disposed": 3, "returned": 3}


def take_over(tx: sa.Connection, bulk: Bulk, order: dict[str, Any], now: str) -> None:
    """Keep the newest version of an order and put it on its way to its crew."""
    message = msgspec.convert(order["work"], Work)
    mine = work_orders.c.order_id == message.order_id
    version = tx.scalar(sa.select(work_orders.c.version).where(mine))
    if version is not None and version >= message.version:
        return
    row: dict[str, Any] = {"crew": str(order["crew"]), "version": message.version, "state": message.state, "step": ""}
    row |= {"attempts": 0, "next_at": now, "payload": encode(message), "waiting": True}
    if version is None:
        names = {"case_id": message.case_id, "incident_id": message.incident_id}
        tx.execute(sa.insert(work_orders), {**row, **names, "order_id": message.order_id, "received_version": 0})
    else:
        tx.execute(sa.update(work_orders).where(mine).values(row))
    text = f"{message.order_id} v{message.version} {message.state} to {order['crew']}"
    data = {"order_id": message.order_id, "crew": order["crew"], "case_id": message.case_id, "state": message.state}
    feed.append(bulk, now, "work_order", text, data)


def apply_op(tx: sa.Connection, bulk: Bulk, op: Op, now: str) -> str:
    """A crew's step; returns its incident. Raises UnknownReference, ForbiddenState; a known op changes nothing."""
    order = tx.execute(sa.select(work_orders).where(work_orders.c.order_id == op.order_id)).mappings().first()
    if order is None or order["crew"] != op.device:
        raise UnknownReference(f"op {op.op_id}: work order '{op.order_id}' was never given to {op.device}")
    if op.base_version > order["version"]:
        raise ForbiddenState(f"op {op.op_id}: {op.order_id} is at version {order['version']}, not {op.base_version}")
    if op.kind == "received":
        _received(tx, op, order)
    elif not _known(tx, op):
        _step(tx, bulk, op, order, now)
    return str(order["incident_id"])


def _step(tx: sa.Connection, bulk: Bulk, op: Op, order: Any, now: str) -> None:
    behind = op.base_version < order["version"] or RANK[op.kind] <= RANK[order["step"]]
    if op.kind in ("disposed", "returned"):
        _check_final(op, order, behind)
    row = {"device": op.device, "op_id": op.op_id, "order_id": op.order_id, "kind": op.kind, "at": to_text(op.at)}
    tx.execute(sa.insert(ops), row)
    if behind or order["state"] not in OPEN_STATES:
        return
    values = {"step": op.kind, "waiting": False, "received_version": op.base_version}
    tx.execute(sa.update(work_orders).where(work_orders.c.order_id == op.order_id).values(values))
    incidents.refer(bulk, op.evidence, order["incident_id"], f"op:{op.device}:{op.op_id}")
    _forward(tx, op, order, now)


def _known(tx: sa.Connection, op: Op) -> bool:
    return tx.scalar(sa.select(ops.c.kind).where(ops.c.device == op.device, ops.c.op_id == op.op_id)) is not None


def _check_final(op: Op, order: Any, behind: bool) -> None:
    """A disposal or return that cannot be taken is never passed over in silence: it goes among the dead letters."""
    if order["state"] not in OPEN_STATES:
        raise ForbiddenState(f"op {op.op_id}: work order {op.order_id} is {order['state']}")
    if behind:
        at = f"version {order['version']} step '{order['step']}'"
        raise ForbiddenState(f"op {op.op_id}: '{op.kind}' of version {op.base_version}, but {op.order_id} is at {at}")
    if op.kind == "returned" and not op.note.strip():
        raise ForbiddenState(f"op {op.op_id}: a return needs a reason in its note")


def _received(tx: sa.Connection, op: Op, order: Any) -> None:
    values: dict[str, Any] = {"received_version": max(op.base_version, order["received_version"])}
    if op.base_version >= order["version"]:
        values["waiting"] = False
    tx.execute(sa.update(work_orders).where(work_orders.c.order_id == op.order_id).values(values))


def _forward(tx: sa.Connection, op: Op, order: Any, now: str) -> None:
    body = {"op_id": op.op_id, "order_id": op.order_id, "kind": op.kind, "base_version": op.base_version}
    body |= {"actor": op.device, "at": to_text(op.at), "note": op.note, "lat": op.lat, "lon": op.lon}
    body |= {"evidence": [reference.sha256 for reference in op.evidence]}
    key = f"op:{op.device}:{op.op_id}"
    forward.put(tx, key, order["incident_id"], f"/cases/{order['case_id']}/ops", body, now)
