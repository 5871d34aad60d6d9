"""What the gateway tells after a report: that somebody else saw the thing first, and what an operator decided about it.

Rows are only ever added; the newest word on an incident, or on a pair of incidents, holds.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, Field

from gateway.registry.tables import groupings, sightings

Name = Annotated[str, Field(min_length=1, max_length=128)]
Instant = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")]
ROWS_MAX = 20_000
PARTNERS_MAX = 64
_CHUNK = 500
_g, _s = groupings.c, sightings.c


class OrderBody(BaseModel):
    """Whose number it is, and since when it is proven (UTC): see gateway/registry/reward/order.py."""

    source: Literal["kiosk", "drone", "handset"]
    device: Name
    epoch: Name
    seq: int = Field(ge=0, lt=2**63)
    received_at: Instant


class SightingBody(OrderBody):
    """The sighting of an incident that is proven first."""

    incident_id: Name


class GroupingBody(BaseModel):
    """An operator merged `other_id` into `incident_id`, or split it off; who is first on either side now."""

    decision: int = Field(ge=0, lt=2**63)
    kind: Literal["merge", "split"]
    incident_id: Name
    other_id: Name
    person: Name
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    at: Instant
    first: OrderBody | None = None
    other_first: OrderBody | None = None


class Groupings:
    """What holds of pairs of incidents. `rows`: (kind, incident_id, other_id), the oldest first."""

    def __init__(self, rows: Iterable[tuple[str, str, str]]) -> None:
        pairs: dict[frozenset[str], tuple[str, str]] = {}
        for kind, kept, other in rows:
            pairs[frozenset((kept, other))] = (kind, other)
        self._apart = {pair for pair, (kind, _) in pairs.items() if kind == "split"}
        self._gone = {other for kind, other in pairs.values() if kind == "merge"}
        self._with: dict[str, set[str]] = {}
        for pair, (kind, _) in pairs.items():
            for one in pair if kind == "merge" else ():
                self._with.setdefault(one, set()).update(pair - {one})

    def partners(self, incident_id: str) -> list[str]:
        """Every other incident that was merged with it, over any number of merges; at most PARTNERS_MAX."""
        found, todo = {incident_id}, [incident_id]
        while todo and len(found) <= PARTNERS_MAX:
            new = self._with.get(todo.pop(), set()) - found
            found |= new
            todo += sorted(new)
        return sorted(found - {incident_id})[:PARTNERS_MAX]

    def apart(self, one: str, other: str) -> bool:
        """A person said that they are two things."""
        return frozenset((one, other)) in self._apart

    def merged_away(self, incident_id: str) -> bool:
        """It lives on in another: that its own case was cancelled does not say that nothing was there."""
        return incident_id in self._gone


def groupings_since(tx: sa.Connection, since: str) -> Groupings:
    """What was decided since then (UTC text), at most the newest ROWS_MAX."""
    query = sa.select(_g.kind, _g.incident_id, _g.other_id).where(_g.at >= since).order_by(_g.n.desc())
    rows = [(row[0], row[1], row[2]) for row in tx.execute(query.limit(ROWS_MAX))]
    return Groupings(reversed(rows))


def firsts(tx: sa.Connection, incident_ids: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Incident -> its first sighting, where one was told after the report."""
    ids, found = list(incident_ids), dict[str, Mapping[str, Any]]()
    for start in range(0, len(ids), _CHUNK):
        query = sa.select(sightings).where(_s.incident_id.in_(ids[start : start + _CHUNK])).order_by(_s.n)
        found |= {row["incident_id"]: row for row in tx.execute(query).mappings()}
    return found


def keep_sighting(tx: sa.Connection, incident_id: str, order: OrderBody, now: str) -> None:
    """One word more. A receipt cannot lie ahead of what tells of it."""
    row = order.model_dump(include={"source", "device", "epoch", "seq"})
    row |= {"incident_id": incident_id, "received_at": min(now, order.received_at), "at": now}
    tx.execute(sa.insert(sightings), row)


def keep_grouping(tx: sa.Connection, body: GroupingBody, now: str) -> None:
    """One decision more, for the next round of the rewards."""
    names = {"decision", "kind", "incident_id", "other_id", "person", "reason"}
    tx.execute(sa.insert(groupings), {**body.model_dump(include=names), "at": now, "settled_at": ""})
    for incident_id, order in ((body.incident_id, body.first), (body.other_id, body.other_first)):
        if order is not None:
            keep_sighting(tx, incident_id, order, now)
