"""The rounds of the rewards: take back what was cancelled, decide what is ripe; each batch is one transaction."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gateway.database import Database
from gateway.registry.city import City
from gateway.registry.evaluation import local_day
from gateway.registry.reward import ledger as books
from gateway.registry.reward import payees
from gateway.registry.reward.corrections import Corrections
from gateway.registry.reward.decide import Given, Verdict, decide
from gateway.registry.reward.month import owing
from gateway.registry.reward.opened import CITIZEN, TAKEN_BACK
from gateway.registry.reward.order import Claim, first
from gateway.registry.reward.policy import RewardPolicy
from gateway.registry.reward.window import DELAY_MAX, Window
from gateway.registry.tables import cases, claims
from gateway.times import from_text, to_text

BATCH_MAX = 2000
MONTH_DAYS_MAX = 32
LOOK_FOR = timedelta(days=14)  # how long a report that was turned down as a duplicate waits for its twin to be filed
Outcomes = Counter[str]


class NoPolicy(ValueError):
    """The city's file has no `reward`; `str()` says what to do."""


class Rewards:
    """`citizens`: the citizens' own database; None where no door was ever open."""

    def __init__(self, registry: Database, citizens: Database | None, city: City) -> None:
        if city.reward is None:
            raise NoPolicy(f"the city's file ({city.name}) has no `reward`; compare with `zhuomu registry city`")
        self._registry = registry
        self._citizens = citizens
        self._city = city
        self.policy: RewardPolicy = city.reward

    def run(self, now: datetime) -> Outcomes:
        """Everything that is due; how many reports were decided, by why."""
        found: Outcomes = Counter(taken_back=self._take_back(to_text(now)))
        corrected = Corrections(self._registry, self.policy, self._city.served.devices, self._senders).run(now)
        found.update(corrected)
        after = ""
        while batch := self._ripe(now, after):
            found += self._decide(batch, now)
            after = max(row.received_at for row in batch) if len(batch) >= BATCH_MAX else "9"
        return found

    def forget(self, before: datetime) -> int:
        """Forget people who reported nothing since then and are owed nothing."""
        if self._citizens is None:
            return 0
        with self._registry.read() as tx:
            owed = owing(tx)
        with self._citizens.write() as tx:
            return payees.forget(tx, to_text(before), owed)

    def _take_back(self, now: str) -> int:
        """Cancelled cases (作废): both entries are reversed, and whoever came after may be first now."""
        k, c = claims.c, cases.c
        with self._registry.write() as tx:
            gone = sa.select(k.case_id, k.confirmed_case).join_from(claims, cases, k.confirmed_case == c.case_id)
            rows = tx.execute(gone.where(k.outcome == "rewarded", c.cancelled.is_not(None))).all()
            for row in rows:
                books.reverse(tx, row.case_id, f"case {row.confirmed_case} was cancelled", now)
                own, after = k.case_id == row.case_id, sa.and_(k.first_case == row.case_id, k.outcome == "refused")
                tx.execute(sa.update(claims).where(after).values(outcome="", why=""))
                tx.execute(sa.update(claims).where(own).values(outcome="", why=TAKEN_BACK))
        return len(rows)

    def _ripe(self, now: datetime, after: str) -> Sequence[Any]:
        """Open claims whose own case somebody has decided on."""
        k, c = claims.c, cases.c
        filed = c.filed < to_text(now - timedelta(hours=self.policy.wait_hours))
        settled = sa.or_(filed, c.rejected.is_not(None), c.cancelled.is_not(None))
        query = sa.select(k.case_id, k.received_at, k.source).join_from(claims, cases, k.case_id == c.case_id)
        query = query.where(k.outcome == "", k.received_at > after, settled)
        with self._registry.read() as tx:
            return tx.execute(query.order_by(k.received_at, k.case_id).limit(BATCH_MAX)).all()

    def _decide(self, batch: Sequence[Any], now: datetime) -> Outcomes:
        span = timedelta(hours=self.policy.same_within_hours)
        start = to_text(from_text(batch[0].received_at) - span)
        end = to_text(from_text(batch[-1].received_at) + span + DELAY_MAX)
        senders = self._senders(start, end)
        decided: Outcomes = Counter()
        with self._registry.write() as tx:
            window = Window(tx, start, end, senders, self._city.served.devices, self.policy)
            mine = [window.claims[row.case_id] for row in batch if row.case_id in window.claims]
            for claim in sorted(mine, key=lambda m: (window.since[m.case_id], m.case_id)):
                if claim.source != CITIZEN or claim.case_id in senders:
                    verdict = _one(tx, claim, window, self._city, self.policy, now)
                    decided[verdict.why if verdict else "waits"] += 1
        return decided

    def _senders(self, start: str, end: str) -> dict[str, payees.Sender]:
        if self._citizens is None:
            return {}
        k, c = claims.c, cases.c
        both = sa.select(k.case_id).join_from(claims, cases, k.case_id == c.case_id)
        with self._registry.read() as tx:
            ids = list(tx.scalars(both.where(k.source == CITIZEN, c.reported_at >= start, c.reported_at < end)))
        with self._citizens.write() as tx:
            return payees.senders(tx, ids)


def _one(
    tx: sa.Connection, claim: Claim, window: Window, city: City, policy: RewardPolicy, now: datetime
) -> Verdict | None:
    """Decide one claim and write it down; None while it has to wait."""
    stand, at = window.stands[claim.case_id], window.since[claim.case_id]
    group = window.incident(claim)
    filed = sorted(
        (str(window.stands[o.case_id].filed), o.case_id) for o in group if window.stands[o.case_id].confirmed
    )
    confirmed = claim.case_id if stand.confirmed else filed[0][1] if filed and claim.counts else ""
    if not confirmed:
        twin = claim.counts and stand.rejected and from_text(stand.rejected) + LOOK_FOR > now
        return None if twin else _refuse(tx, claim, at, "", stand.cancelled is not None, now)
    if str(window.stands[confirmed].filed) >= to_text(now - timedelta(hours=policy.wait_hours)):
        return None
    leader = first([o for o in group if o.counts], window.since)
    if window.stands[leader.case_id].open:
        return None
    if any(books.live(tx, other.case_id) for other in group):
        return _write(tx, claim, at, leader.case_id, confirmed, Verdict("rewarded_already"), now)
    day = local_day(stand.reported_at)
    contracts = city.served.serving(stand.cell, stand.patrol_area, claim.class_code, day)
    given = [replace(g, apart=window.apart(claim.case_id, g.claim.case_id)) for g in _given(tx, claim, at, policy)]
    verdict = decide(claim, at, leader, given, contracts, policy)
    return _write(tx, claim, at, leader.case_id, confirmed, verdict, now)


def _refuse(tx: sa.Connection, claim: Claim, at: str, leader: str, cancelled: bool, now: datetime) -> Verdict:
    return _write(tx, claim, at, leader, "", Verdict("case_cancelled" if cancelled else "not_confirmed"), now)


def _given(tx: sa.Connection, claim: Claim, at: str, policy: RewardPolicy) -> list[Given]:
    """Live rewards that the limits look at: the person's of about that month, everybody's of about that time."""
    k, instant = claims.c, from_text(at)
    month, near = timedelta(days=MONTH_DAYS_MAX), timedelta(hours=policy.place_interval_hours)
    mine = sa.and_(k.person == claim.person, _between(k.proven_at, instant, month))
    around = sa.and_(k.kind == claim.kind, _between(k.proven_at, instant, near))
    rows = tx.execute(sa.select(claims).where(k.outcome == "rewarded", sa.or_(mine, around)))
    return [
        Given(Claim(r.case_id, r.stream, r.seq, r.received_at, r.kind, "", r.lat, r.lon, person=r.person), r.proven_at,
              r.amount)
        for r in rows
    ]  # fmt: skip


def _between(column: Any, instant: datetime, span: timedelta) -> sa.ColumnElement[bool]:
    return sa.and_(column > to_text(instant - span), column < to_text(instant + span))


def _write(
    tx: sa.Connection, claim: Claim, at: str, leader: str, confirmed: str, verdict: Verdict, now: datetime
) -> Verdict:
    text = to_text(now)
    if verdict.amount:
        account = f"c-{verdict.debtor}"
        reason = f"first report of {claim.class_code}"
        books.reward(tx, claim.case_id, claim.person, account, verdict.amount, reason, text)
    back = claims.c.case_id == claim.case_id
    taken_back = tx.scalar(sa.select(claims.c.why).where(back)) == TAKEN_BACK
    outcome = "rewarded" if verdict.amount else "reversed" if taken_back else "refused"
    values: dict[str, Any] = {"outcome": outcome, "why": verdict.why, "first_case": leader, "confirmed_case": confirmed}
    values |= {"proven_at": at, "amount": verdict.amount, "decided_at": text, "person": claim.person}
    values |= {"seq": claim.seq, "received_at": claim.received_at}
    tx.execute(sa.update(claims).where(back).values(values))
    return verdict
