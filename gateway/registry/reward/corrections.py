"""What a person's merge or split means for rewards that were decided: one for each incident, still.

A reward that does not stand any more is taken back by a pair of entries of its own; whoever was refused because of
another report is decided anew. Nothing that was written down is changed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gateway.database import Database
from gateway.registry.reward import ledger as books
from gateway.registry.reward.opened import TAKEN_BACK
from gateway.registry.reward.order import Claim, first
from gateway.registry.reward.payees import Sender
from gateway.registry.reward.policy import RewardPolicy
from gateway.registry.reward.window import DELAY_MAX, MERGED_WITHIN, Window
from gateway.registry.tables import cases, claims, groupings
from gateway.times import from_text, to_text

ROWS_MAX = 200
# Refusals that rest on how reports belong together.
ANEW = ("not_first", "rewarded_already", "place_interval", "not_confirmed", "case_cancelled")
Senders = Callable[[str, str], Mapping[str, Sender]]
_g, _k = groupings.c, claims.c


class Corrections:
    """Follows each grouping once, in one transaction each. `senders`: of the citizens' reports in a span of time."""

    def __init__(self, registry: Database, policy: RewardPolicy, devices: frozenset[str], senders: Senders) -> None:
        self._registry = registry
        self._policy = policy
        self._devices = devices
        self._senders = senders

    def run(self, now: datetime) -> Counter[str]:
        """`regrouped`: rewards taken back; `reopened`: refusals to be decided anew; `too_far`: groupings of cases that
        are too far apart in time to be one reward."""
        found: Counter[str] = Counter()
        with self._registry.read() as tx:
            waiting = sa.select(groupings).where(_g.settled_at == "").order_by(_g.n).limit(ROWS_MAX)
            rows = list(tx.execute(waiting))
        for row in rows:
            found += self._one(row, now)
        return found

    def _one(self, row: Any, now: datetime) -> Counter[str]:
        with self._registry.read() as tx:
            query = sa.select(cases.c.case_id, cases.c.reported_at)
            both = list(tx.execute(query.where(cases.c.incident_id.in_([row.incident_id, row.other_id]))))
        if len(both) < 2 and from_text(row.at) + DELAY_MAX > now:
            return Counter()  # the report of one is still on its way
        times = sorted(from_text(case.reported_at) for case in both)
        found: Counter[str] = Counter()
        if times and times[-1] - times[0] > MERGED_WITHIN:
            found["too_far"] += 1
            both = []
        span = timedelta(hours=self._policy.same_within_hours)
        edges = (to_text(times[0] - span), to_text(times[-1] + span + DELAY_MAX)) if both else ("", "")
        senders = self._senders(*edges) if both else {}
        with self._registry.write() as tx:
            if both:
                window = Window(tx, *edges, senders, self._devices, self._policy)
                found += _correct(tx, window, [case.case_id for case in both], row, to_text(now))
            tx.execute(sa.update(groupings).where(_g.n == row.n).values(settled_at=to_text(now)))
        return found


def _correct(tx: sa.Connection, window: Window, case_ids: Sequence[str], row: Any, now: str) -> Counter[str]:
    """Of everything that belongs to either case."""
    mine = {o.case_id for case_id in case_ids for o in window.incident(window.claims[case_id])}
    decided = tx.execute(sa.select(_k.case_id, _k.outcome, _k.why).where(_k.case_id.in_(sorted(mine)))).all()
    wrong = [k.case_id for k in decided if k.outcome == "rewarded" and not _stands(window, window.claims[k.case_id])]
    for case_id in wrong:
        books.reverse(tx, case_id, f"decision {row.decision}: {row.person} {row.kind} {row.reason}"[:500], now)
    anew = [k.case_id for k in decided if k.outcome == "refused" and k.why in ANEW]
    back = [k.case_id for k in decided if k.outcome == "reversed" and k.why in ANEW]
    _reopen(tx, anew, "")
    _reopen(tx, [*wrong, *back], TAKEN_BACK)
    return Counter(regrouped=len(wrong), reopened=len(anew) + len(back))


def _stands(window: Window, claim: Claim) -> bool:
    """Whether a rewarded report is still the first of its incident."""
    group = [o for o in window.incident(claim) if o.counts]
    return bool(group) and first(group, window.since).case_id == claim.case_id


def _reopen(tx: sa.Connection, case_ids: Iterable[str], why: str) -> None:
    own = _k.case_id.in_(sorted(case_ids))
    tx.execute(sa.update(claims).where(own).values(outcome="", why=why))
