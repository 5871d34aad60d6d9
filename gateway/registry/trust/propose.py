"""Thresholds out of outcomes: fitted on the older part of a camera's record, tested by replaying the newer part."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from gateway.registry.tables import outcomes
from gateway.registry.trust.outcomes import CONFIRMED
from gateway.registry.trust.wilson import interval

FITTED_SHARE = 0.6  # of the record, in order of time
LEAST = 30  # outcomes of a camera and class, below which nothing is proposed
LOST_FITTED = 0.05  # of the confirmed ones, where it is fitted; on replay chance may double it
LOST_REPLAYED = 0.10
TARGET = 0.90  # what the lower bound of the precision is to reach


class Seen(NamedTuple):
    """One candidate with a known outcome."""

    score: float
    right: bool


@dataclass(frozen=True)
class Effect:
    """What a threshold does to a record. `lost`: confirmed ones below it; `spared`: wrong ones below it."""

    kept: int
    right: int
    lost: int
    spared: int
    lower: float
    upper: float


@dataclass(frozen=True)
class Proposal:
    """`fitted` on the older outcomes, `replayed` over the newer ones, which the fit never saw; `before`: the newer
    ones without the threshold. `holds`: may be applied."""

    camera: str
    class_code: str
    threshold: float
    fitted: Effect
    before: Effect
    replayed: Effect
    holds: bool
    words: str

    def body(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def effect(record: Iterable[Seen], threshold: float) -> Effect:
    """What would have been filed from `threshold` on."""
    rows = list(record)
    kept = [seen for seen in rows if seen.score >= threshold]
    right = sum(seen.right for seen in kept)
    all_right = sum(seen.right for seen in rows)
    wrong_below = (len(rows) - all_right) - (len(kept) - right)
    lower, upper = interval(right, len(kept))
    return Effect(len(kept), right, all_right - right, wrong_below, lower, upper)


def propose(camera: str, class_code: str, record: list[Seen]) -> Proposal | None:
    """A threshold for one camera and class, from its record in order of time; None where the record is short, where
    the target is reached without one, or where no threshold helps without losing too much."""
    if len(record) < LEAST:
        return None
    cut = round(len(record) * FITTED_SHARE)
    older, newer = record[:cut], record[cut:]
    if effect(record, 0.0).lower >= TARGET:
        return None
    threshold = _fit(older)
    if threshold is None:
        return None
    fitted, before, after = effect(older, threshold), effect(newer, 0.0), effect(newer, threshold)
    reasons = _against(before, after)
    words = "; ".join(reasons) or (
        f"on {len(newer)} later candidates {after.spared} wrong ones fewer, {after.lost} right ones lost, "
        f"precision {_share(before)} -> {_share(after)}"
    )
    return Proposal(camera, class_code, threshold, fitted, before, after, not reasons, words)


def _fit(older: list[Seen]) -> float | None:
    """The threshold with the best lower bound among those that lose few; the lowest of equals. None: no gain."""
    start = effect(older, 0.0)
    lost_max = LOST_FITTED * start.right
    best, bound = None, start.lower
    for score in sorted({seen.score for seen in older}):
        found = effect(older, score)
        if found.lost > lost_max:
            break
        if found.lower > bound:
            best, bound = score, found.lower
    return best


def _against(before: Effect, after: Effect) -> list[str]:
    """Why the newer part speaks against it."""
    found = []
    if after.spared == 0:
        found.append("no wrong one fewer on the later candidates")
    if after.lost > LOST_REPLAYED * max(1, before.right):
        found.append(f"{after.lost} of {before.right} right ones lost on the later candidates")
    if after.kept and before.kept and after.right * before.kept < before.right * after.kept:
        found.append(f"precision falls on the later candidates, {_share(before)} -> {_share(after)}")
    return found


def _share(found: Effect) -> str:
    return f"{found.right}/{found.kept}"


def records(tx: sa.Connection, since: str) -> dict[tuple[str, str], list[Seen]]:
    """(camera, class) -> its decided candidates with a score since `since` (UTC text), in order of time."""
    o, found = outcomes.c, defaultdict(list)
    known = sa.select(o.camera, o.class_code, o.score, o.outcome).where(o.outcome != "", o.reported_at >= since)
    for row in tx.execute(known.where(o.score > 0).order_by(o.reported_at, o.case_id)):
        found[row.camera, row.class_code].append(Seen(row.score, row.outcome == CONFIRMED))
    return dict(found)


def proposals(tx: sa.Connection, since: str) -> list[Proposal]:
    """Everything that the record has to propose, in the order of camera and class; failed tests among them."""
    made = (propose(*place, record) for place, record in sorted(records(tx, since).items()))
    return [found for found in made if found is not None]
