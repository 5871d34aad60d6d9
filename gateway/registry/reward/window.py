"""The reports of some days as claims, and which of them are of one incident."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from gateway.registry.reward.decide import same
from gateway.registry.reward.opened import CITIZEN
from gateway.registry.reward.order import Claim, proven
from gateway.registry.reward.payees import Sender
from gateway.registry.reward.policy import RewardPolicy
from gateway.registry.tables import cases, claims

M_PER_DEG = 111_195.0  # of latitude, on the sphere of `order.metres`
_NOT_THERE = frozenset({"false_alarm", "permitted"})
_CHUNK = 2000


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
        self._bands: dict[tuple[str, int], list[Claim]] = defaultdict(list)
        for row in tx.execute(_rows(start, end)).yield_per(_CHUNK):
            self._take(row)
        self.since = proven(self.claims.values())

    def incident(self, claim: Claim) -> list[Claim]:
        """Every report of the same incident that says something is there, this one among them."""
        band = math.floor(claim.lat / self._size)
        near = [other for n in (-1, 0, 1) for other in self._bands.get((claim.kind, band + n), ())]
        return [o for o in near if o.case_id == claim.case_id or (o.counts and same(claim, o, self._policy))]

    def _take(self, row: Any) -> None:
        stand = Stand(
            row.filed, row.rejected, row.reject_cause, row.cancelled, row.cell, row.patrol_area, row.reported_at
        )
        claim = self._claim(row, stand)
        self.stands[claim.case_id], self.claims[claim.case_id] = stand, claim
        self._bands[claim.kind, math.floor(claim.lat / self._size)].append(claim)

    def _claim(self, row: Any, stand: Stand) -> Claim:
        report = row.report
        counts = stand.cancelled is None and stand.cause not in _NOT_THERE
        kind = row.kind or str(report.get("case_class") or "") or row.class_code
        claim = Claim(
            case_id=row.case_id,
            stream=row.stream or row.case_id,
            seq=row.seq or 0,
            received_at=row.received_at or min(row.reported_at, str(report.get("received_at") or row.reported_at)),
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


def _rows(start: str, end: str) -> sa.Select[Any]:
    c, k = cases.c, claims.c
    mine = [c.case_id, c.class_code, c.cell, c.patrol_area, c.reported_at, c.filed, c.rejected, c.reject_cause]
    mine += [c.cancelled, c.closed, c.report, k.source, k.stream, k.seq, k.received_at, k.kind, k.person]
    both = cases.outerjoin(claims, k.case_id == c.case_id)
    return sa.select(*mine).select_from(both).where(c.reported_at >= start, c.reported_at < end)
