"""The handsets: which crew each belongs to, where it stands, and what becomes of a lost one."""

from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from edge.wire import Op, Pull, Wiped
from gateway.sync import cursor, rows
from gateway.sync_tables import crew_logs, handset_ops, handsets, op_streams, parked_ops
from gateway.tables import devices, work_orders

LISTED_MAX = 5000


class UnknownHandset(LookupError):
    """Nobody enrolled it and it was never heard; `str()` says what to do."""


def stand(tx: sa.Connection, pulls: Iterable[Pull], now: str) -> None:
    """Write down where handsets say that they stand, each one's last word; one never heard of is a crew of its own."""
    newest = {pull.device: pull for pull in pulls}
    if not newest:
        return
    found = sa.select(handsets.c.device, handsets.c.crew).where(handsets.c.device.in_(list(newest)))
    crews = {row.device: row.crew for row in tx.execute(found)}
    rows.put_all(tx, {name: _place(pull, crews.get(name, name), now) for name, pull in newest.items()}, set(crews))


def _place(pull: Pull, crew: str, now: str) -> dict[str, Any]:
    values = {"epoch": pull.epoch, "cursor": pull.cursor, "acked": cursor.read(pull.cursor, crew) or 0}
    return values | {"acked_through": min(pull.through, 2**62), "last_pull": now}


def revoke(tx: sa.Connection, device: str, reason: str, now: str) -> None:
    """From now on nothing is taken from it, and it is to be wiped. Raises UnknownHandset."""
    mine = handsets.c.device == device
    values = {"revoked_at": now, "revoked_reason": reason, "cut_at": None, "wiped_at": None}
    if not tx.execute(sa.update(handsets).where(mine).values(values)).rowcount:
        raise UnknownHandset(f"no handset '{device}'; see `zhuomu gateway handsets list`")


def readmit(tx: sa.Connection, device: str) -> None:
    """A handset that was found again and set up anew. Raises UnknownHandset."""
    mine = handsets.c.device == device
    if not tx.execute(sa.update(handsets).where(mine).values(revoked_at=None, acked=0, cursor="")).rowcount:
        raise UnknownHandset(f"no handset '{device}'; see `zhuomu gateway handsets list`")


def is_revoked(tx: sa.Connection, device: str) -> bool:
    """Whether nothing may be taken from it."""
    return tx.scalar(sa.select(handsets.c.revoked_at).where(handsets.c.device == device)) is not None


def revoked(tx: sa.Connection, names: Iterable[str]) -> set[str]:
    """Which of these are."""
    h = handsets.c
    return set(tx.scalars(sa.select(h.device).where(h.device.in_(list(names)), h.revoked_at.is_not(None))))


def revocation(tx: sa.Connection, device: str) -> Any:
    """(revoked_at, revoked_reason) of a revoked handset."""
    h = handsets.c
    return tx.execute(sa.select(h.revoked_at, h.revoked_reason).where(h.device == device)).mappings().one()


def wiped(tx: sa.Connection, message: Wiped, now: str) -> None:
    """A revoked handset says that it is empty, and what it had not brought out."""
    mine = sa.and_(handsets.c.device == message.device, handsets.c.revoked_at.is_not(None))
    told = {"ops": message.unsent, "photos": message.photos, "heads": msgspec.to_builtins(message.ops)}
    tx.execute(sa.update(handsets).where(mine).values(wiped_at=now, unsent=told))


def to_cut(tx: sa.Connection) -> list[str]:
    """Revoked ones whose session was not ended yet."""
    h = handsets.c
    return list(tx.scalars(sa.select(h.device).where(h.revoked_at.is_not(None), h.cut_at.is_(None)).limit(100)))


def cut(tx: sa.Connection, device: str, now: str) -> None:
    """Its session was ended."""
    tx.execute(sa.update(handsets).where(handsets.c.device == device).values(cut_at=now))


_HEAD = sa.func.coalesce(crew_logs.c.head, 0)
_THROUGH = sa.func.coalesce(op_streams.c.through, 0)


def behind(tx: sa.Connection) -> list[Any]:
    """(device, epoch, cursor, head, through) of those that are there and lack something."""
    h = handsets.c
    query = _standing().join(devices, devices.c.device == h.device).where(devices.c.online)
    return list(tx.execute(query.where(sa.or_(h.acked < _HEAD, h.acked_through < _THROUGH))).mappings())


def standing(tx: sa.Connection, names: list[str]) -> list[Any]:
    """The same of these, whether they lack something or not."""
    if not names:
        return []
    return list(tx.execute(_standing().where(handsets.c.device.in_(names))).mappings())


def _standing() -> "sa.Select[Any]":
    h, s = handsets.c, op_streams.c
    mine = sa.and_(s.device == h.device, s.epoch == h.epoch)
    columns = sa.select(h.device, h.epoch, h.cursor, _HEAD.label("head"), _THROUGH.label("through"))
    joined = columns.select_from(handsets).outerjoin(crew_logs, crew_logs.c.crew == h.crew).outerjoin(op_streams, mine)
    return joined.where(h.revoked_at.is_(None), h.last_pull.is_not(None))


def behind_count(tx: sa.Connection) -> int:
    """Handsets, there or not, whose log has grown since they last told where they stand."""
    h = handsets.c
    query = sa.select(sa.func.count()).select_from(handsets.join(crew_logs, crew_logs.c.crew == h.crew))
    return tx.scalar(query.where(h.revoked_at.is_(None), h.acked < crew_logs.c.head)) or 0


def listed(tx: sa.Connection, limit: int = LISTED_MAX) -> list[dict[str, Any]]:
    """Every handset with its presence, how far it is behind, and what waits."""
    h = handsets.c
    waiting = (
        sa.select(sa.func.count()).select_from(parked_ops).where(parked_ops.c.device == h.device).scalar_subquery()
    )
    query = (
        sa.select(
            *(h[name] for name in ("device", "crew", "shift", "last_pull", "revoked_at", "revoked_reason", "wiped_at")),
            devices.c.online,
            (sa.func.coalesce(crew_logs.c.head, 0) - h.acked).label("behind"),
            waiting.label("waiting"),
        )
        .outerjoin(devices, devices.c.device == h.device)
        .outerjoin(crew_logs, crew_logs.c.crew == h.crew)
        .order_by(h.device)
    )
    return [dict(row) for row in tx.execute(query.limit(limit)).mappings()]


def reviews(tx: sa.Connection, limit: int = 500) -> list[dict[str, Any]]:
    """Work that was done and could not be taken: for people, oldest first."""
    o = handset_ops.c
    names = ("device", "op_id", "crew", "order_id", "kind", "at", "judged_at", "code", "reason", "payload")
    query = sa.select(*(o[name] for name in names)).where(o.review, o.reviewed_by == "").order_by(o.judged_at)
    rows = [dict(row) for row in tx.execute(query.limit(limit)).mappings()]
    return [{**row, "payload": msgspec.json.decode(row["payload"])} for row in rows]


def reviewed(tx: sa.Connection, device: str, op_id: str, person: str) -> bool:
    """A named person has looked at one; False when there is none that waits."""
    o = handset_ops.c
    mine = sa.and_(o.device == device, o.op_id == op_id, o.review, o.reviewed_by == "")
    return tx.execute(sa.update(handset_ops).where(mine).values(reviewed_by=person)).rowcount == 1


def unsent_work(tx: sa.Connection, device: str) -> dict[str, Any]:
    """What a lost handset leaves open: orders that it had begun, operations that wait for one that never came, and
    what it said itself when it was wiped. Raises UnknownHandset."""
    row = tx.execute(sa.select(handsets).where(handsets.c.device == device)).mappings().first()
    if row is None:
        raise UnknownHandset(f"no handset '{device}'; see `zhuomu gateway handsets list`")
    begun = sa.select(handset_ops.c.order_id).where(
        handset_ops.c.device == device, handset_ops.c.kind.in_(("accepted", "arrived"))
    )
    w = work_orders.c
    mine = sa.and_(w.order_id.in_(begun), w.step.in_(("accepted", "arrived")), w.state.in_(("dispatched", "rework")))
    orders = tx.execute(sa.select(w.order_id, w.case_id, w.step, w.crew).where(mine)).mappings()
    payloads = tx.scalars(sa.select(parked_ops.c.payload).where(parked_ops.c.device == device))
    ops = [msgspec.json.decode(payload, type=Op) for payload in payloads if payload]
    heads = [{"op_id": o.op_id, "kind": o.kind, "order_id": o.order_id} for o in ops]
    return {"device": device, "orders": [dict(o) for o in orders], "waiting": heads, "told": row["unsent"]}
