"""The protocol's books in the gateway's database: one object for each transaction."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from edge.wire import Entry, Op, Order, Rejection, encode
from gateway import firsts, forward, incidents, tracks
from gateway.bulk import Bulk
from gateway.duty_tables import crew_rights
from gateway.sync import calls, rows
from gateway.sync.held import OPEN, Held
from gateway.sync.ports import Parked
from gateway.sync.rules import FINAL, Judged
from gateway.sync_tables import crew_log, crew_logs, handset_ops, handsets, op_streams, parked_ops
from gateway.tables import work_orders
from gateway.times import to_text

ENDED_MAX = 500
TRIM_EVERY = 50
ENTRY: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)
_HELD = msgspec.json.Decoder(Held)
_OP = msgspec.json.Decoder(Op)


class SqlReader:
    """Reading alone; see gateway.sync.ports.Reader."""

    def __init__(self, tx: sa.Connection) -> None:
        self._tx = tx

    def crew_of(self, device: str) -> str:
        """One that nobody enrolled is a crew of its own."""
        return self._tx.scalar(sa.select(handsets.c.crew).where(handsets.c.device == device)) or device

    def through(self, device: str, epoch: str) -> int:
        """0 before the first."""
        s = op_streams.c
        return self._tx.scalar(sa.select(s.through).where(s.device == device, s.epoch == epoch)) or 0

    def head(self, crew: str) -> int:
        """0 for an empty log."""
        return self._tx.scalar(sa.select(crew_logs.c.head).where(crew_logs.c.crew == crew)) or 0

    def floor(self, crew: str) -> int:
        """0 while nothing was dropped."""
        return self._tx.scalar(sa.select(crew_logs.c.floor).where(crew_logs.c.crew == crew)) or 0

    def entries(self, crew: str, after: int, limit: int) -> Sequence[Entry]:
        """Oldest first."""
        query = sa.select(crew_log.c.body).where(crew_log.c.crew == crew, crew_log.c.rev > after)
        return [ENTRY.decode(body) for body in self._tx.scalars(query.order_by(crew_log.c.rev).limit(limit)).all()]

    def urgent(self, crew: str, limit: int) -> Sequence[Order]:
        """Of everything open, since deadlines are no column."""
        c = crew_log.c
        query = sa.select(c.body).where(c.crew == crew, c.kind == "order", c.ended.is_(False))
        found = [entry for entry in map(ENTRY.decode, self._tx.scalars(query)) if isinstance(entry, Order)]
        return most_urgent(found, limit)

    def entry(self, crew: str, key: str) -> Entry | None:
        """None when there is none, or no longer."""
        query = sa.select(crew_log.c.body).where(crew_log.c.crew == crew, crew_log.c.key == key)
        body = self._tx.scalar(query)
        return None if body is None else ENTRY.decode(body)


class SqlBooks(SqlReader):
    """Everything, in one writing transaction; see gateway.sync.ports.Books."""

    def __init__(self, tx: sa.Connection, bulk: Bulk, now: str) -> None:
        super().__init__(tx)
        self._bulk = bulk
        self._now = now

    def enrol(self, device: str, crew: str) -> None:
        """Into a crew, from now on."""
        rows.put(self._tx, device, {"crew": crew, "acked": 0})

    def rights(self, crew: str) -> frozenset[str] | None:
        """What the duty plan says; None for a crew that it does not know."""
        may = self._tx.scalar(sa.select(crew_rights.c.may).where(crew_rights.c.crew == crew))
        return None if may is None else frozenset(may)

    def rejections(self, crew: str, device: str) -> Sequence[tuple[str, Rejection]]:
        """A handset's, in a crew's log."""
        c = crew_log.c
        mine = c.key.startswith(f"rejection/{device}/", autoescape=True)
        found_rows = self._tx.execute(sa.select(c.key, c.body).where(c.crew == crew, mine).order_by(c.rev))
        found = [(row.key, ENTRY.decode(row.body)) for row in found_rows]
        return [(key, entry) for key, entry in found if isinstance(entry, Rejection)]

    def advance(self, device: str, epoch: str, seq: int) -> None:
        """The checkpoint of a stream."""
        s = op_streams.c
        mine = sa.and_(s.device == device, s.epoch == epoch)
        if not self._tx.execute(sa.update(op_streams).where(mine).values(through=seq)).rowcount:
            self._tx.execute(sa.insert(op_streams), {"device": device, "epoch": epoch, "through": seq})

    def park(self, device: str, epoch: str, parked: Parked) -> None:
        """Until its predecessor comes."""
        payload = encode(parked.op) if parked.op else b""
        row = {"device": device, "epoch": epoch, "seq": parked.seq, "payload": payload}
        self._tx.execute(sa.insert(parked_ops), {**row, "code": parked.code, "reason": parked.reason})

    def parked(self, device: str, epoch: str, seq: int) -> Parked | None:
        """None: nothing waits at this place."""
        row = self._tx.execute(sa.select(parked_ops).where(_at(device, epoch, seq))).mappings().first()
        if row is None:
            return None
        return Parked(seq, _OP.decode(row["payload"]) if row["payload"] else None, row["code"], row["reason"])

    def unpark(self, device: str, epoch: str, seq: int) -> None:
        """Its turn has come."""
        self._tx.execute(sa.delete(parked_ops).where(_at(device, epoch, seq)))

    def waiting(self, device: str) -> int:
        """In all epochs."""
        count = sa.select(sa.func.count()).select_from(parked_ops).where(parked_ops.c.device == device)
        return self._tx.scalar(count) or 0

    def known(self, device: str, op_id: str) -> bool:
        """Judged before, perhaps under another seq."""
        o = handset_ops.c
        return self._tx.scalar(sa.select(o.kind).where(o.device == device, o.op_id == op_id)) is not None

    def write_down(self, op: Op, crew: str, judged: Judged) -> None:
        """With its payload: what was rejected is never lost. A track's points have a table of their own."""
        if op.kind == "track":
            op = tracks.keep(self._tx, op, crew)
        row: dict[str, Any] = {"device": op.device, "op_id": op.op_id, "crew": crew, "order_id": op.order_id}
        row |= {"kind": op.kind}
        row |= {"at": to_text(op.at), "judged_at": self._now, "outcome": judged.outcome, "code": judged.code}
        row |= {"reason": judged.reason, "review": judged.review, "reviewed_by": "", "payload": encode(op)}
        self._tx.execute(sa.insert(handset_ops), row)
        if op.kind in ("shift_on", "shift_off"):
            self._tx.execute(sa.update(handsets).where(handsets.c.device == op.device).values(shift=op.kind))

    def order(self, order_id: str) -> Held | None:
        """None: the registry never gave it."""
        payload = self._tx.scalar(sa.select(work_orders.c.payload).where(work_orders.c.order_id == order_id))
        return None if payload is None else _HELD.decode(payload)

    def keep(self, held: Held) -> None:
        """The order as it is now."""
        order = held.order
        row: dict[str, Any] = {"crew": held.crew, "version": order.version, "state": order.state, "step": order.step}
        row |= {"payload": msgspec.json.encode(held), "waiting": False, "attempts": 0, "next_at": self._now}
        mine = work_orders.c.order_id == order.order_id
        if not self._tx.execute(sa.update(work_orders).where(mine).values(row)).rowcount:
            row |= {"order_id": order.order_id, "case_id": order.case_id, "incident_id": order.incident_id}
            self._tx.execute(sa.insert(work_orders), {**row, "received_version": 0})

    def append(self, crew: str, key: str, entry: Entry, ended: bool) -> None:
        """The newest word on `key`."""
        rev = self._next_rev(crew)
        body = msgspec.json.encode(msgspec.structs.replace(entry, rev=rev))
        row = {"rev": rev, "kind": _kind(entry), "ended": ended, "body": body}
        mine = sa.and_(crew_log.c.crew == crew, crew_log.c.key == key)
        if not self._tx.execute(sa.update(crew_log).where(mine).values(row)).rowcount:
            self._tx.execute(sa.insert(crew_log), {**row, "crew": crew, "key": key})
        if rev % TRIM_EVERY == 0:
            self._trim(crew)

    def refer(self, op: Op, held: Held) -> None:
        """Its photos belong to the incident, whether their bytes are here yet or not."""
        incidents.refer(self._bulk, op.evidence, held.order.incident_id, f"op:{op.device}:{op.op_id}")

    def call(self, op: Op, crew: str, path: str) -> None:
        """Queue it for the registry; a report is an incident of its own, with its photos."""
        incident, body = "", calls.body(op, crew, path)
        if path == "reports":
            incident = str(body["incident_id"])
            body |= firsts.of_op(self._tx, op.device, op.epoch, op.seq, self._now)
            incidents.refer(self._bulk, op.evidence, incident, f"op:{op.device}:{op.op_id}")
        key = f"op:{op.device}:{op.op_id}"
        forward.put(self._tx, key, incident, calls.address(op, path), body, self._now)

    def tell(self, op: Op, held: Held, path: str) -> None:
        """Queue it for the registry."""
        order = held.order
        body = _body(op, held, path)
        key = f"op:{op.device}:{op.op_id}"
        forward.put(self._tx, key, order.incident_id, f"/cases/{order.case_id}/{path}", body, self._now)

    def _next_rev(self, crew: str) -> int:
        mine = crew_logs.c.crew == crew
        if not self._tx.execute(sa.update(crew_logs).where(mine).values(head=crew_logs.c.head + 1)).rowcount:
            self._tx.execute(sa.insert(crew_logs), {"crew": crew, "head": 1, "floor": 0})
        return self.head(crew)

    def _trim(self, crew: str) -> None:
        """The newest ended entries stay; handsets from before what is dropped have to begin again."""
        c = crew_log.c
        ended = sa.select(c.rev).where(c.crew == crew, c.ended).order_by(c.rev.desc())
        last = self._tx.scalar(ended.offset(ENDED_MAX).limit(1))
        if last is not None:
            self._tx.execute(sa.delete(crew_log).where(c.crew == crew, c.ended, c.rev <= last))
            self._tx.execute(sa.update(crew_logs).where(crew_logs.c.crew == crew).values(floor=last))


def most_urgent(orders: Sequence[Order], limit: int) -> list[Order]:
    """What a crew has still to do: urgent ones first, then by deadline, newest first."""
    todo = [order for order in orders if order.state in OPEN and order.step not in FINAL]
    return sorted(todo, key=lambda o: (not o.urgent, o.deadline, -o.rev))[:limit]


def _kind(entry: Entry) -> str:
    return "order" if isinstance(entry, Order) else "rejection" if isinstance(entry, Rejection) else "notice"


def _body(op: Op, held: Held, path: str) -> dict[str, Any]:
    if path == "extend":
        return {"person": op.device, "hours": op.hours, "reason": op.note, "crew": held.crew}
    if path == "suspend":
        return {"person": op.device, "reason": op.note, "crew": held.crew}
    point = op.points[0] if op.points else None
    body: dict[str, Any] = {"op_id": op.op_id, "order_id": op.order_id, "kind": op.kind, "actor": op.device}
    body |= {"base_version": held.order.version, "at": to_text(op.at), "note": op.note}
    body |= {"lat": point.lat if point else None, "lon": point.lon if point else None}
    return body | {"evidence": [reference.sha256 for reference in op.evidence]}


def _at(device: str, epoch: str, seq: int) -> sa.ColumnElement[bool]:
    p = parked_ops.c
    return sa.and_(p.device == device, p.epoch == epoch, p.seq == seq)
