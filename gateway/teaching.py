"""Thresholds of matching, per class: proposed out of decisions, applied by a person, kept for ever."""

from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from gateway.decided import thresholds
from gateway.lessons import Lesson, Measured, Proposal, Way, propose
from gateway.regroup import NotRegrouped
from gateway.regroup_tables import decisions, match_thresholds

DECISIONS_MAX = 5000
WAYS: tuple[Way, ...] = ("ground", "frame")
CaseClass = Literal["stall", "poster", "bike", "litter"]


def proposals(tx: sa.Connection) -> list[Proposal]:
    """For every class that people have decided about, each way of seeing, on the newest DECISIONS_MAX of it."""
    classes = list(tx.scalars(sa.select(decisions.c.case_class).distinct().order_by(decisions.c.case_class)))
    found = [(name, way, _lessons(tx, name, way)) for name in classes for way in WAYS]
    return [propose(name, way, lessons, thresholds(tx, name)) for name, way, lessons in found if lessons]


def apply(tx: sa.Connection, case_class: str, way: Way, person: str, reason: str, now: str) -> dict[str, Any]:
    """Put a proposal in force, if it still holds on all decisions made until now. Raises NotRegrouped."""
    before = thresholds(tx, case_class)
    made = propose(case_class, way, _lessons(tx, case_class, way), before)
    if not made.holds:
        raise NotRegrouped(f"not applied: {made.why}")
    sigmas = made.proposed if way == "ground" else before.ground_sigmas
    overlap = made.proposed if way == "frame" else before.iou_min
    row: dict[str, Any] = {"case_class": case_class, "person": person, "reason": reason, "at": now}
    row |= {"ground_sigmas": sigmas, "iou_min": overlap, "replay": msgspec.to_builtins(made)}
    tx.execute(sa.insert(match_thresholds), row)
    return row


def in_force(tx: sa.Connection, limit: int = 100) -> list[dict[str, Any]]:
    """Everything that was ever applied, newest first."""
    rows = tx.execute(sa.select(match_thresholds).order_by(match_thresholds.c.n.desc()).limit(limit))
    return [dict(row) for row in rows.mappings()]


def _lessons(tx: sa.Connection, case_class: str, way: Way) -> list[Lesson]:
    d = decisions.c
    query = sa.select(d.n, d.kind, d.measured).where(d.case_class == case_class).order_by(d.n.desc())
    found = []
    for row in tx.execute(query.limit(DECISIONS_MAX)):
        measured = msgspec.convert(row.measured, Measured)
        value = measured.sigmas if way == "ground" else measured.iou
        if value is not None:
            found.append(Lesson(row.n, value, row.kind == "merge"))
    return found
