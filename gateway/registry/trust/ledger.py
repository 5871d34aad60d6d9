"""The outcomes and grants of one writing transaction of the registry."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gateway.registry.cases import Case
from gateway.registry.tables import grants, outcomes
from gateway.registry.trust import applied
from gateway.registry.trust.outcomes import Cell, cell_of, opened, outcome_of, settle
from gateway.registry.trust.policy import Judgement, Policy, judge, sampled
from gateway.times import to_text

Row = dict[str, Any]


@dataclass(frozen=True)
class Word:
    """Whether a rule may file a case, and why."""

    yes: bool
    reason: str


class Ledger:
    """Rows of cases that are new in this transaction wait in memory, as the cases themselves do in the journal.

    policy: None where the city files without measuring (the demo): then outcomes are kept and nothing is granted.
    """

    def __init__(self, tx: sa.Connection, policy: Policy | None) -> None:
        self._tx = tx
        self._policy = policy
        self._new: dict[str, Row] = {}

    def opened(self, case: Case, report: Row) -> None:
        """A case was reported; kept when a camera reported it."""
        cell = cell_of(report, case.class_code, case.reported_at)
        if cell is not None:
            self._new[case.case_id] = opened(cell, case, report)

    def may_file(self, case: Case, report: Row, now: datetime) -> Word:
        """Whether the rule that the city switched on may file this case, by what its cell has earned and still has."""
        if self._policy is None:
            return Word(True, "class switched on by the city")
        cell = cell_of(report, case.class_code, case.reported_at)
        if cell is None:
            return Word(False, "reported by no camera: a person decides")
        if sampled(case.incident_id, self._policy.sample):
            return Word(False, f"drawn for a person: {self._policy.sample:.0%} of all are looked at")
        least = applied.threshold(self._tx, cell.camera, cell.class_code)
        score = float(report.get("score") or 0.0)
        if score < least:
            return Word(False, f"score {score:.2f} is below {least:.2f}, the threshold in force for this camera")
        found = self._judge(cell, self._policy, now)
        return Word(found.granted, f"earned: {found.reason}" if found.granted else f"not earned: {found.reason}")

    def stepped(self, before: Case, after: Case, by: str, now: datetime) -> None:
        """A step of a case: what became of its candidate, and what that does to its cell."""
        if before.state is after.state or not outcome_of(after):
            return
        cell = self._settle(after, by, now)
        if cell is not None and self._policy is not None:
            self._judge(cell, self._policy, now)

    def flush(self) -> None:
        """Write the new rows."""
        if self._new:
            self._tx.execute(sa.insert(outcomes), list(self._new.values()))
            self._new.clear()

    def _settle(self, case: Case, by: str, now: datetime) -> Cell | None:
        row = self._new.get(case.case_id)
        if row is None:
            return settle(self._tx, case, by, now)
        row |= {"outcome": outcome_of(case), "decided_by": by, "decided_at": to_text(now)}
        return Cell(row["camera"], row["class_code"], row["hour"])

    def _judge(self, cell: Cell, policy: Policy, now: datetime) -> Judgement:
        """By the outcomes of the window, among candidates from the threshold in force on; changes are written down."""
        self.flush()
        o, since = outcomes.c, to_text(now - timedelta(days=policy.window_days))
        least = applied.threshold(self._tx, cell.camera, cell.class_code)
        known = sa.select(o.outcome).where(*_in(outcomes, cell), o.outcome != "", o.decided_at >= since)
        rows = self._tx.scalars(known.where(o.score >= least).order_by(o.decided_at.desc(), o.case_id.desc()))
        newest = sa.select(grants.c.granted).where(*_in(grants, cell)).order_by(grants.c.n.desc()).limit(1)
        granted = bool(self._tx.scalar(newest))
        found = judge(list(rows), granted, policy)
        if found.granted != granted:
            row = {**cell._asdict(), "granted": found.granted, "good": found.good, "total": found.total}
            self._tx.execute(sa.insert(grants), {**row, "reason": found.reason, "at": to_text(now)})
        return found


def _in(table: sa.Table, cell: Cell) -> list[sa.ColumnElement[bool]]:
    c = table.c
    return [c.class_code == cell.class_code, c.camera == cell.camera, c.hour == cell.hour]
