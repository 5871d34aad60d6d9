"""The loop before a case is filed: verify (核实), file (立案) or reject."""

from datetime import datetime, timedelta

from gateway.registry.cases import Case, Event, Refused, Rules, State
from gateway.registry.commands import AskVerify, File, Reject, Verified
from gateway.registry.parts import Step, due, mark, need, need_reason, with_, with_deadline


def reported(case: Case, rules: Rules) -> Case:
    """A fresh report: when it is to be filed or rejected (应立案)."""
    return mark(case, file_due=rules.work_time.due(rules.stages.file, case.reported_at))


def step(case: Case, command: File | Reject | AskVerify | Verified, now: datetime, rules: Rules) -> Step:
    """One command. Raises Refused."""
    match command:
        case AskVerify():
            return _ask(case, command, now, rules)
        case Verified():
            return _verified(case, command, now, rules)
        case File():
            return _file(case, command, now, rules)
        case Reject():
            return _reject(case, command, now)


def _ask(case: Case, command: AskVerify, now: datetime, rules: Rules) -> Step:
    need(case, "send a collector", State.REPORTED, State.TO_FILE)
    limit = rules.work_time.due(rules.stages.verify, now)
    asked = with_(case, state=State.VERIFYING)
    if case.times.verify_due is None:
        asked = mark(asked, verify_due=limit)
    if case.times.file_due is not None and now < case.times.file_due:
        asked = mark(asked, file_due=None)  # filing waits for the collector; one that is late already stays late
    data = {"collector": command.collector, "due": limit.isoformat()}
    return asked, [Event("verify_requested", command.person, command.reason, data)]


def _verified(case: Case, command: Verified, now: datetime, rules: Rules) -> Step:
    need(case, "verify", State.VERIFYING)
    if command.found == "not_there":
        need_reason("a verification that finds nothing", command.reason)
    found = mark(with_(case, state=State.TO_FILE, verified=command.found), verified=now)
    if found.times.file_due is None:
        found = mark(found, file_due=rules.work_time.due(rules.stages.file, now))
    return found, [Event("verified", command.collector, command.reason, {**command.data, "found": command.found})]


def _file(case: Case, command: File, now: datetime, rules: Rules) -> Step:
    need(case, "file", State.REPORTED, State.TO_FILE)
    if case.verified == "not_there":
        need_reason("filing what the collector did not find", command.reason)
    data: dict[str, str] = {}
    if command.terms is not None:
        t = command.terms
        data = {"standard": t.standard, "class_code": t.class_code}
        case = with_(case, standard=t.standard, class_code=t.class_code, department=t.department)
        case = with_(case, limit_hours=t.limit_hours, limit_unit=t.limit_unit)
    deadline = due(rules, case.limit_unit, now, timedelta(hours=case.limit_hours))
    filed = with_(case, state=State.FILED, filed_by=command.actor, due_kind="dispatch", due_at=now)
    filed = mark(filed, filed=now, dispatch_due=rules.work_time.due(rules.stages.dispatch, now))
    if not rules.work_time.calendar.settled(deadline.date()):
        data["calendar"] = f"the holidays of {deadline.year} are not published yet: weekends alone were left out"
    event = Event("filed", command.actor, command.reason, {"deadline": deadline.isoformat(), **data})
    return with_deadline(filed, deadline, rules), [event]


def _reject(case: Case, command: Reject, now: datetime) -> Step:
    need(case, "reject", State.REPORTED, State.TO_FILE)
    if not command.reason.strip():
        raise Refused("a case that is not filed needs a reason")
    rejected = mark(with_(case, state=State.REJECTED, reject_cause=command.cause), rejected=now)
    return rejected, [Event("rejected", command.person, command.reason, {"cause": command.cause})]
