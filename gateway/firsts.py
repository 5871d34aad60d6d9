"""Who saw a thing first, as the centre can prove it: by a device's own numbers and our receipts, never by its clock.

A message is proven to exist from our receipt of it, or of anything that the same device numbered after it in the same
epoch: when number 7 came in, number 5 was there, whenever it arrived itself. The registry decides rewards by it
(gateway/registry/reward/order.py); it is told with each report, and again when the first sighting of an incident turns
out to be another one: proven earlier, merged or split.
"""

from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import bindparam as p

from gateway import forward
from gateway.firsts_tables import sighting_order
from gateway.quick import Quick
from gateway.tables import devices, messages, witnesses

# Numbers above one's own that are looked at, the highest first: a device that was offline sends its newest first, so
# these came in before the rest. Beyond them a proof may come out later than it could, never earlier.
LATER_MAX = 4096
HANDSET = "handset"
Body = dict[str, Any]
Kind = Literal["merge", "split"]

_m, _o, _w = messages.c, sighting_order.c, witnesses.c
_LATER = Quick(
    sa.select(_m.received_at)
    .where(_m.device == p("of_device"), _m.epoch == p("of_epoch"), _m.seq >= p("of_seq"))
    .order_by(_m.seq.desc())
    .limit(LATER_MAX)
)
_KIND = Quick(sa.select(devices.c.kind).where(devices.c.device == p("of_device")))
_KEEP = Quick(sa.insert(sighting_order), tuple(c.name for c in sighting_order.c))
_FIRST = Quick(
    sa.select(_o.source, _o.device, _o.epoch, _o.seq, _o.proven_at)
    .join_from(witnesses, sighting_order, sa.and_(_o.device == _w.device, _o.candidate_id == _w.candidate_id))
    .where(_w.incident_id == p("of"))
    .order_by(_o.proven_at, _o.device, _o.epoch, _o.seq)
    .limit(1)
)


def proven(tx: sa.Connection, device: str, epoch: str, seq: int, now: str) -> str:
    """UTC text: since when this message is proven to exist. `now`: when it is being taken in."""
    rows = _LATER.rows(tx, {"of_device": device, "of_epoch": epoch, "of_seq": seq})
    return min([now, *(str(row[0]) for row in rows)])


def keep(tx: sa.Connection, device: str, candidate_id: str, epoch: str, seq: int, now: str) -> Body:
    """Write a new sighting's place in the order down; what the registry is told of it."""
    rows = _KIND.rows(tx, {"of_device": device})
    source = "drone" if rows and rows[0][0] == "drone" else "kiosk"
    row = {"source": source, "device": device, "epoch": epoch, "seq": seq}
    at = proven(tx, device, epoch, seq, now)
    _KEEP.run(tx, {**row, "candidate_id": candidate_id, "proven_at": at})
    return _body(source, device, epoch, seq, at)


def of_op(tx: sa.Connection, device: str, epoch: str, seq: int, now: str) -> Body:
    """What the registry is told of a handset's own report."""
    return _body(HANDSET, device, epoch, seq, proven(tx, device, epoch, seq, now))


def first(tx: sa.Connection, incident_id: str) -> Body | None:
    """The sighting of an incident that is proven first; None for one from before this was written down."""
    rows = _FIRST.rows(tx, {"of": incident_id})
    return _body(*rows[0]) if rows else None


def joined(tx: sa.Connection, incident_id: str, candidate_id: str, mine: Body, now: str) -> None:
    """One more witness. When it is proven earlier than all that were known, the registry is told."""
    if mine["received_at"] >= now:
        return  # what is proven only now comes after what was there
    head = first(tx, incident_id)
    if head is not None and (head["device"], head["epoch"], head["seq"]) == (
        mine["device"], mine["epoch"], mine["seq"],
    ):  # fmt: skip
        key = f"first:{incident_id}:{mine['device']}:{candidate_id}"
        forward.put(tx, key, incident_id, "/sightings", {"incident_id": incident_id, **mine}, now)


def regrouped(
    tx: sa.Connection, kind: Kind, number: int, ids: tuple[str, str], word: tuple[str, str], now: str
) -> None:
    """An operator's decision, with who is first on either side now. `ids`: (kept, other); `word`: (person, reason)."""
    row = {"decision": number, "kind": kind, "incident_id": ids[0], "other_id": ids[1]}
    row |= {"person": word[0], "reason": word[1], "at": now}
    firsts = {"first": first(tx, ids[0]), "other_first": first(tx, ids[1])}
    told = row | {name: body for name, body in firsts.items() if body is not None}
    forward.put(tx, f"grouping:{number}", ids[0], "/groupings", told, now)


def _body(source: str, device: str, epoch: str, seq: int, received_at: str) -> Body:
    return {"source": source, "device": device, "epoch": epoch, "seq": seq, "received_at": received_at}
