"""What the steps of the loop are made of: states that must hold, deadlines, orders."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from gateway.registry.cases import Case, Event, Refused, Rules, State
from gateway.registry.clocks import ClockError, Unit

Step = tuple[Case, list[Event]]
SYSTEM = "registry"


def with_(case: Case, **values: Any) -> Case:
    """The case with other values."""
    return msgspec.structs.replace(case, **values)


def mark(case: Case, **times: datetime | None) -> Case:
    """Write down times of evaluation; what was done first stays."""
    known = case.times
    fresh = {n: t for n, t in times.items() if n.endswith("_due") or getattr(known, n) is None}
    return with_(case, times=msgspec.structs.replace(known, **fresh)) if fresh else case


def idle(case: Case) -> Case:
    """No timer under way."""
    return with_(case, due_kind="", due_at=None)


def need(case: Case, what: str, *states: State) -> None:
    """Raises Refused unless the case is in one of the states."""
    if case.state not in states:
        raise Refused(f"cannot {what}: case {case.case_id} is {case.state}")


def need_reason(what: str, reason: str) -> None:
    """Raises Refused without words."""
    if not reason.strip():
        raise Refused(f"{what} needs a reason")


def due(rules: Rules, unit: Unit, start: datetime, span: timedelta) -> datetime:
    """`WorkTime.add`, whose error is a refusal here."""
    try:
        return rules.work_time.add(unit, start, span)
    except ClockError as error:
        raise Refused(str(error)) from error


def with_deadline(case: Case, deadline: datetime, rules: Rules) -> Case:
    """Disposal is due at `deadline`, closing (应结案) the check's own limit after it."""
    check = rules.stages.check
    close_due = due(rules, check.unit, deadline, rules.work_time.span(check))
    return mark(with_(case, deadline=deadline), dispose_due=deadline, close_due=close_due)


def orders(case: Case, state: str) -> dict[str, Any]:
    """The work order as the gateway passes it on to the crew's handset (fields of edge.wire.Work)."""
    names = ("order_id", "case_id", "incident_id", "case_class", "class_code", "lat", "lon", "attempt")
    work = {name: getattr(case, name) for name in names}
    work |= {"schema_version": 1, "version": case.order_version, "state": state, "note": case.label}
    work["deadline"] = (case.deadline or case.reported_at).isoformat()
    return {"orders": [{"crew": case.crew, "work": work}]}
