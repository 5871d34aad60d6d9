"""Escalation before the deadline (催办): the crew, then the leader on duty, then the centre; each once for each case.

Due when the given share of the time limit has run on the case's own clock, that is when no more than the rest of it is
left to the deadline; so an extension moves what has not been said yet, and a clock that stands still urges nobody.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.registry.cases import Case, Event
from gateway.registry.clocks import BEIJING, ClockError, WorkTime
from gateway.registry.duty.plan import CENTRE, Rules
from gateway.registry.duty.roster import Roster
from gateway.registry.duty.words import Row, notice, urging

LEVELS = ("crew", "leader", "centre")
ACTOR = "duty"


@dataclass(frozen=True)
class Urged:
    """One level of one case."""

    level: int
    event: Event


def next_at(case: Case, told: int, now: datetime, rules: Rules, clock: WorkTime) -> datetime | None:
    """When the next level that was not told yet is due, `now` when it is already; None when there is none."""
    if told >= len(LEVELS) or case.deadline is None:
        return None
    limit = timedelta(hours=case.limit_hours)
    left = clock.between(case.limit_unit, now, case.deadline)
    wait = left - limit * (1 - rules.shares[told])
    try:
        return max(now, clock.add(case.limit_unit, now, max(wait, timedelta())))
    except ClockError:
        return None


def due(case: Case, told: int, now: datetime, rules: Rules, clock: WorkTime, roster: Roster) -> list[Urged]:
    """Every level that is due now, in order; the log of each is spoken to in its own event."""
    found: list[Urged] = []
    for level in range(told, len(LEVELS)):
        at = next_at(case, level, now, rules, clock)
        if at is None or at > now:
            break
        found.append(Urged(level + 1, _event(case, level, now, rules, roster)))
    return found


def _event(case: Case, level: int, now: datetime, rules: Rules, roster: Roster) -> Event:
    share = rules.shares[level]
    words = _words(case, share, now)
    data: Row = {"level": LEVELS[level], "share": share, "crew": case.crew}
    if LEVELS[level] == "crew":
        return Event("urged", ACTOR, words, data | {"urge": [urging(case.order_id, words)]})
    leaders = roster.leaders(now, case.cell[:6]) if LEVELS[level] == "leader" else []
    to = leaders[0].name if leaders else CENTRE
    told = [notice(to, f"urge-{case.case_id}-{LEVELS[level]}", "催办 urging", words, now)]
    return Event("urged", ACTOR, words, data | {"to": to, "notices": told})


def _words(case: Case, share: float, now: datetime) -> str:
    assert case.deadline is not None
    local = case.deadline.astimezone(BEIJING)
    state = "已超时 overdue" if now >= case.deadline else f"时限已过 {share:.0%} of the limit is over"
    return f"催办 {case.case_id} {case.class_code}, {case.crew}: {state}, 截止 due {local:%m-%d %H:%M}"
