"""One person's report: rewarded or not, and why, as a pure function of what is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from gateway.registry.clocks import BEIJING
from gateway.registry.contractors import Contract
from gateway.registry.reward.order import Claim, metres
from gateway.registry.reward.policy import RewardPolicy
from gateway.times import from_text

CITY = "city"  # pays where no contractor serves
Why = Literal[
    "first", "not_first", "not_confirmed", "anonymous", "insider", "person_interval", "place_interval", "daily_max",
    "monthly_max", "rewarded_already", "before_policy", "worth_nothing", "case_cancelled",
]  # fmt: skip


@dataclass(frozen=True)
class Given:
    """A live reward. `at`: when its report is proven (UTC text). `apart`: a person said that it is of another thing."""

    claim: Claim
    at: str
    amount: int
    apart: bool = False


@dataclass(frozen=True)
class Verdict:
    """`amount` > 0 only for why == "first". `debtor`: the contractor whose miss it was, or CITY."""

    why: Why
    amount: int = 0
    debtor: str = ""


def same(a: Claim, b: Claim, policy: RewardPolicy) -> bool:
    """Whether two reports are of one incident: class, place and time; what came after the other's end is a new one."""
    if a.kind != b.kind or metres(a, b) > policy.same_within_m:
        return False
    early, late = sorted((a, b), key=lambda c: c.received_at)
    if early.over and early.over <= late.received_at and early.counts:
        return False
    return _apart(a.received_at, b.received_at) <= timedelta(hours=policy.same_within_hours)


def decide(
    claim: Claim, at: str, leader: Claim, given: Sequence[Given], contracts: Sequence[Contract], policy: RewardPolicy
) -> Verdict:
    """`leader`: the first report of the incident; `given`: live rewards of the person and of the places around."""
    if leader.case_id != claim.case_id:
        return Verdict("not_first")
    if not claim.person:
        return Verdict("anonymous")
    if claim.insider:
        return Verdict("insider")
    if from_text(at).astimezone(BEIJING).date() < policy.since:
        return Verdict("before_policy")
    amount = policy.worth(claim.class_code)
    if amount == 0:
        return Verdict("worth_nothing")
    barred = _interval(claim, at, given, policy) or _caps(claim, at, amount, given, policy)
    return Verdict(barred) if barred else Verdict("first", amount, debtor(contracts, policy))


def debtor(contracts: Sequence[Contract], policy: RewardPolicy) -> str:
    """Whose miss it was: the first kind of the policy that serves the place."""
    for kind in policy.missed_by:
        for contract in contracts:
            if contract.kind == kind:
                return contract.code
    return CITY


def _interval(claim: Claim, at: str, given: Sequence[Given], policy: RewardPolicy) -> Why | None:
    """A handset's reports of an offline shift come in together, so how far apart they were made cannot be proven: the
    person's interval is not held against them, the caps are."""
    person, place = timedelta(minutes=policy.person_interval_min), timedelta(hours=policy.place_interval_hours)
    for other in given:
        apart = _apart(at, other.at)
        if other.claim.person == claim.person and apart < person and claim.source != "handset":
            return "person_interval"
        near = not other.apart and other.claim.kind == claim.kind and metres(other.claim, claim) <= policy.same_within_m
        if near and apart < place:
            return "place_interval"
    return None


def _caps(claim: Claim, at: str, amount: int, given: Sequence[Given], policy: RewardPolicy) -> Why | None:
    day = from_text(at).astimezone(BEIJING).date()
    today = month = amount
    for other in given:
        if other.claim.person == claim.person:
            then = from_text(other.at).astimezone(BEIJING).date()
            today += other.amount if then == day else 0
            month += other.amount if (then.year, then.month) == (day.year, day.month) else 0
    return "daily_max" if today > policy.daily_max else "monthly_max" if month > policy.monthly_max else None


def _apart(a: str, b: str) -> timedelta:
    return abs(from_text(a) - from_text(b))
