"""The thresholds in force: proposed out of outcomes, tested on replay, applied by a named person."""

from typing import Any

import sqlalchemy as sa

from gateway.registry.tables import thresholds
from gateway.registry.trust.propose import Proposal

Row = dict[str, Any]


class NotApplied(ValueError):
    """A proposal that may not be applied; `str()` says why."""


def threshold(tx: sa.Connection, camera: str, class_code: str) -> float:
    """The score from which a candidate of this camera and class may be filed by a rule; 0 where none is in force."""
    t = thresholds.c
    mine = sa.and_(t.class_code == class_code, t.camera == camera, t.state == "applied")
    found = tx.scalar(sa.select(t.threshold).where(mine).order_by(t.settled_at.desc(), t.n.desc()).limit(1))
    return float(found or 0.0)


def keep(tx: sa.Connection, proposals: list[Proposal], now: str) -> list[int]:
    """Write proposals down, each with its test; their numbers. They replace open ones."""
    t, numbers = thresholds.c, []
    for found in proposals:
        older = sa.and_(t.class_code == found.class_code, t.camera == found.camera, t.state == "proposed")
        replaced = {"state": "dismissed", "reason": "a newer proposal took its place", "settled_at": now}
        tx.execute(sa.update(thresholds).where(older).values(replaced))
        row = {"camera": found.camera, "class_code": found.class_code, "threshold": found.threshold, "at": now}
        row |= {"holds": found.holds, "body": found.body(), "state": "proposed"}
        row |= {"person": "", "reason": "", "settled_at": ""}
        numbers.append(tx.execute(sa.insert(thresholds).values(row).returning(t.n)).scalar_one())
    return numbers


def settle(tx: sa.Connection, number: int, apply: bool, person: str, reason: str, now: str) -> Row:
    """A person applies or dismisses a proposal. Raises NotApplied for one that failed its test, that is settled or
    that does not exist."""
    row = tx.execute(sa.select(thresholds).where(thresholds.c.n == number)).mappings().first()
    if row is None:
        raise NotApplied(f"no proposal {number}; `zhuomu registry trust propose` makes them")
    if row["state"] != "proposed":
        raise NotApplied(f"proposal {number} is {row['state']} already, by {row['person'] or 'a newer proposal'}")
    if apply and not row["holds"]:
        raise NotApplied(f"proposal {number} did not hold on replay: {row['body']['words']}")
    values = {"state": "applied" if apply else "dismissed", "person": person, "reason": reason, "settled_at": now}
    tx.execute(sa.update(thresholds).where(thresholds.c.n == number).values(values))
    return {**row, **values}


def listed(tx: sa.Connection, limit: int = 500) -> list[Row]:
    """Proposals, the newest first."""
    newest = sa.select(thresholds).order_by(thresholds.c.n.desc()).limit(limit)
    return [dict(row) for row in tx.execute(newest).mappings()]
