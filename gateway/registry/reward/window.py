"""The reports of some days as claims, and which of them are of one incident: by the rule, or by a person's word."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from gateway.registry.reward.decide import same
from gateway.registry.reward.opened import CITIZEN
from gateway.registry.reward.order import Claim, proven
from gateway.registry.reward.payees import Sender
from gateway.registry.reward.policy import RewardPolicy
from gateway.registry.reward.told import firsts, groupings_since
from gateway.registry.tables import cases, claims
from gateway.times import from_text, to_text

M_PER_DEG = 111_195.0  # of latitude, on the sphere of `order.metres`
_NOT_THERE = frozenset({"false_alarm", "permitted"})
_CHUNK = 2000
DELAY_MAX = timedelta(days=1)  # between the door's or the gateway's receipt and the registry's
MERGED_WITHIN = timedelta(days=62)  # what was merged with something that lies farther back is not one reward


@dataclass(frozen=True)
class Stand:
    """How a case stands for a reward: filed (since when), over without it, or nobody has decided yet."""

    filed: str | None
    rejected: str | None
    cause: str
    cancelled: str | None
    cell: str
    patrol_area: str
    reported_at: str

    @property
    def confirmed(self) -> bool:
        """Filed, and not taken back."""
        return self.filed is not None and self.cancelled is None

    @property
    def open(self) -> bool:
        """Nobody has said yet whether anything is there."""
        return not (self.filed or self.rejected or self.cancelled)


class Window:
    """All reports received in a span of time. `citizens`: who sent what (payees.senders)."""

    def __init__(
        self, tx: sa.Connection, start: str, end: str, citizens: Mapping[str, Sender], devices: frozenset[str],
        policy: RewardPolicy,
    ) -> None:  # fmt: skip
        self._policy = policy
        self._citizens = citizens
        self._devices = devices
        self._size = policy.same_within_m / M_PER_DEG
        self.stands: dict[str, Stand] = {}
        self.claims: dict[str, Claim] = {}
        self._incidents: dict[str, str] = {}  # case id -> incident id
        self._cases: dict[str, str] = {}  # and back
        self._bands: dict[tuple[str, int], list[Claim]] = defaultdict(list)
        self._groupings = groupings_since(tx, to_text(from_text(start) - MERGED_WITHIN))
        self._load(tx, start, end)
        self._load_merged(tx, start)
        self.since = proven(self.claims.values())

    def incident(self, claim: Claim) -> list[Claim]:
        """Every report of the same incident that says something is there, this one among them. What a person merged
        with any of them belongs to it, with what is near that; what a person split off from this one does not."""
        found = {o.case_id: o for o in self._near(claim)}
        todo = list(found.values())
        while todo:
            for partner in self._partners(todo.pop()):
                new = [o for o in (partner, *self._near(partner)) if o.counts and o.case_id not in found]
                found |= {o.case_id: o for o in new}
                todo += new
        return [o for o in found.values() if o.case_id == claim.case_id or not self.apart(claim.case_id, o.case_id)]

    def apart(self, case_id: str, other_id: str) -> bool:
        """A person said that these two cases are two things."""
        one, other = self._incidents.get(case_id, ""), self._incidents.get(other_id, "")
        return self._groupings.apart(one, other)

    def _near(self, claim: Claim) -> list[Claim]:
        """What the rule takes for the same, this one among them."""
        band = math.floor(claim.lat / self._size)
        near = [other for n in (-1, 0, 1) for other in self._bands.get((claim.kind, band + n), ())]
        return [o for o in near if o.case_id == claim.case_id or self._same(claim, o)]

    def _same(self, claim: Claim, other: Claim) -> bool:
        return other.counts and not self.apart(claim.case_id, other.case_id) and same(claim, other, self._policy)

    def _partners(self, claim: Claim) -> Iterable[Claim]:
        for incident_id in self._groupings.partners(self._incidents[claim.case_id]):
            case_id = self._cases.get(incident_id, "")
            if case_id in self.claims:
                yield self.claims[case_id]

    def _load(self, tx: sa.Connection, start: str, end: str) -> None:
        rows = [row for row in tx.execute(_rows(start, end)).yield_per(_CHUNK) if row.case_id not in self.claims]
        told = firsts(tx, [row.incident_id for row in rows])
        for row in rows:
            self._incidents[row.case_id], self._cases[row.incident_id] = row.incident_id, row.case_id
            self._take(row, told.get(row.incident_id))

    def _load_merged(self, tx: sa.Connection, start: str) -> None:
        """What was merged with something in these days, and what is near it, though it lies outside of them."""
        partners = {p for incident_id in list(self._cases) for p in self._groupings.partners(incident_id)}
        missing = sorted(partners - self._cases.keys())
        if not missing:
            return
        span = timedelta(hours=self._policy.same_within_hours)
        query = sa.select(cases.c.reported_at).where(cases.c.incident_id.in_(missing))
        oldest = to_text(from_text(start) - MERGED_WITHIN)
        for at in sorted(map(str, tx.scalars(query.where(cases.c.reported_at >= oldest)))):
            self._load(tx, to_text(from_text(at) - span), to_text(from_text(at) + span))

    def _take(self, row: Any, told: Mapping[str, Any] | None) -> None:
        stand = Stand(
            row.filed, row.rejected, row.reject_cause, row.cancelled, row.cell, row.patrol_area, row.reported_at
        )
        claim = self._claim(row, stand, told)
        self.stands[claim.case_id], self.claims[claim.case_id] = stand, claim
        self._bands[claim.kind, math.floor(claim.lat / self._size)].append(claim)

    def _claim(self, row: Any, stand: Stand, told: Mapping[str, Any] | None) -> Claim:
        report = row.report
        there = stand.cancelled is None or self._groupings.merged_away(row.incident_id)
        counts = there and stand.cause not in _NOT_THERE
        stream, seq, received_at = _order(row, told)
        kind = row.kind or str(report.get("case_class") or "") or row.class_code
        claim = Claim(
            case_id=row.case_id,
            stream=stream,
            seq=seq,
            received_at=received_at,
            kind=kind,
            class_code=row.class_code,
            lat=float(report["lat"]),
            lon=float(report["lon"]),
            source=row.source or "camera",
            person=row.person or "",
            counts=counts,
            over=row.closed or "",
        )
        sender = self._citizens.get(claim.case_id)
        if claim.source == CITIZEN and sender is not None:
            known = replace(claim, seq=sender.seq, received_at=sender.received_at)
            return replace(known, person=sender.person, insider=sender.insider)
        device = claim.stream.rpartition("/")[0]
        return replace(claim, insider=device) if row.source and device in self._devices else claim


def _order(row: Any, told: Mapping[str, Any] | None) -> tuple[str, int, str]:
    """(stream, number, receipt) of a report: a person's claim has its own; a device's sighting has what the gateway
    said last; a report that says nothing is a stream of its own, received when it came here."""
    if row.source:
        return row.stream, row.seq, row.received_at
    order = row.report if told is None else told
    if not order.get("epoch"):
        return row.case_id, 0, row.reported_at
    received_at = min(row.reported_at, str(order.get("received_at") or row.reported_at))
    return f"{order.get('device', '')}/{order['epoch']}", int(order.get("seq") or 0), received_at


def _rows(start: str, end: str) -> sa.Select[Any]:
    c, k = cases.c, claims.c
    mine = [
        c.case_id,
        c.incident_id,
        c.class_code,
        c.cell,
        c.patrol_area,
        c.reported_at,
        c.filed,
        c.rejected,
        c.reject_cause,
    ]
    mine += [c.cancelled, c.closed, c.report, k.source, k.stream, k.seq, k.received_at, k.kind, k.person]
    both = cases.outerjoin(claims, k.case_id == c.case_id)
    return sa.select(*mine).select_from(both).where(c.reported_at >= start, c.reported_at < end)
