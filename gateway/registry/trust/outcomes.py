"""What became of a camera's candidates: confirmed by a person or by a crew's work, or wrong."""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from gateway.registry.cases import Case, State
from gateway.registry.clocks import BEIJING
from gateway.registry.tables import outcomes
from gateway.times import to_text

CONFIRMED, WRONG = "confirmed", "wrong"
DUPLICATE = "duplicate"
RULE = "auto_file"  # who files when no person does
NOT_CAMERAS = frozenset({"", "citizen"})
_WRONG = frozenset({State.REJECTED, State.CANCELLED})
_WORKED = frozenset({State.CLOSED, State.FORCE_CLOSED})


class Cell(NamedTuple):
    """Where precision is measured: one camera (`device/camera`), one class, one local hour (0 to 23)."""

    camera: str
    class_code: str
    hour: int


def cell_of(report: dict[str, Any], class_code: str, at: datetime) -> Cell | None:
    """The cell of a report; None where no camera made it."""
    device, camera = str(report.get("device") or ""), str(report.get("camera") or "")
    if device in NOT_CAMERAS or not camera:
        return None
    return Cell(f"{device}/{camera}", class_code, at.astimezone(BEIJING).hour)


def outcome_of(case: Case) -> str:
    """What a case says of its candidate. Every cancelled or rejected one is wrong, whatever the reason, but for a
    duplicate, which says nothing: the camera was right, and the other case counts. One that a rule filed is confirmed
    by nobody until a crew has worked on it and it was closed."""
    if case.state in _WRONG:
        return "" if case.reject_cause == DUPLICATE else WRONG
    if case.filed_by not in ("", RULE):
        return CONFIRMED
    return CONFIRMED if case.state in _WORKED and case.times.disposed is not None else ""


def opened(cell: Cell, case: Case, report: dict[str, Any]) -> dict[str, Any]:
    """The row of a case that was just reported."""
    row: dict[str, Any] = {**cell._asdict(), "case_id": case.case_id, "reported_at": to_text(case.reported_at)}
    row |= {"score": float(report.get("score") or 0.0), "rule": str(report.get("rule") or "")}
    return row | {"outcome": "", "decided_by": "", "decided_at": ""}


def settle(tx: sa.Connection, case: Case, by: str, now: datetime) -> Cell | None:
    """Write down what is known now; the cell that it changed, None where nothing changed. A case that is cancelled
    after it was confirmed counts as wrong from then on."""
    outcome = outcome_of(case)
    mine = sa.and_(outcomes.c.case_id == case.case_id, outcomes.c.outcome != outcome)
    values = {"outcome": outcome, "decided_by": by, "decided_at": to_text(now)}
    if not outcome or not tx.execute(sa.update(outcomes).where(mine).values(values)).rowcount:
        return None
    found = tx.execute(sa.select(outcomes).where(outcomes.c.case_id == case.case_id)).one()
    return Cell(found.camera, found.class_code, found.hour)
