"""What people decide about a filed case: suspend, take up again, extend, close by order, cancel, appeal."""

from datetime import datetime, timedelta

from gateway.registry.cases import Case, Event, Refused, Rules, State
from gateway.registry.commands import Appeal, ByPerson, Cancel, Extend, ForceClose, Resume, Review, Suspend
from gateway.registry.parts import Step, due, idle, mark, need, need_reason, orders, with_, with_deadline

_WORKED_ON = (State.FILED, State.DISPATCHED, State.HANDLING, State.REWORK)
_OPEN = (*_WORKED_ON, State.DISPOSED, State.CHECKING, State.NEEDS_PERSON, State.SUSPENDED)


def step(case: Case, command: ByPerson, now: datetime, rules: Rules) -> Step:
    """One command; each needs a reason. Raises Refused."""
    need_reason(f"'{type(command).__name__}'", command.reason)
    match command:
        case Suspend():
            return _suspend(case, command, now, rules)
        case Resume():
            return _resume(case, command, now, rules)
        case Extend():
            return _extend(case, command, now, rules)
        case ForceClose():
            return _force_close(case, command, now)
        case Cancel():
            need(case, "cancel", *_OPEN)
            over = mark(with_(idle(case), state=State.CANCELLED), cancelled=now)
            return _end(over, Event("cancelled", command.person, command.reason), "closed")
        case Appeal():
            return _appeal(case, command, now, rules)
        case Review():
            return _review(case, command, now)


def _suspend(case: Case, command: Suspend, now: datetime, rules: Rules) -> Step:
    need(case, "suspend", *_WORKED_ON, State.NEEDS_PERSON)
    stopped, events = _end(with_(idle(case), state=State.SUSPENDED), Event("suspended", command.person, command.reason))
    left = rules.work_time.between(case.limit_unit, now, case.deadline) if case.deadline else timedelta()
    events[0].data["left_s"] = left.total_seconds()
    if left:
        stopped = mark(with_(stopped, deadline=None), dispose_due=None, close_due=None)
    return with_(stopped, left_s=left.total_seconds()), events


def _resume(case: Case, command: Resume, now: datetime, rules: Rules) -> Step:
    need(case, "take up again", State.SUSPENDED)
    back = with_(case, state=State.FILED, crew="", due_kind="dispatch", due_at=now, left_s=0.0)
    if case.left_s:
        deadline = due(rules, case.limit_unit, now, timedelta(seconds=case.left_s))
        back = with_deadline(back, deadline, rules)
    deadline_text = back.deadline.isoformat() if back.deadline else ""
    return back, [Event("resumed", command.person, command.reason, {"deadline": deadline_text})]


def _extend(case: Case, command: Extend, now: datetime, rules: Rules) -> Step:
    need(case, "extend", *_WORKED_ON)
    if case.deadline is None or now >= case.deadline:
        raise Refused(f"case {case.case_id} is overdue: extend before the deadline, or appeal after closing")
    if case.extensions >= rules.extensions_max:
        raise Refused(f"case {case.case_id} was extended {case.extensions} times; more is not allowed")
    if not 0 < command.hours <= case.limit_hours:
        raise Refused(f"an extension is more than 0 and at most the limit itself, {case.limit_hours:g} hours")
    deadline = due(rules, case.limit_unit, case.deadline, timedelta(hours=command.hours))
    longer = with_deadline(with_(case, extensions=case.extensions + 1), deadline, rules)
    data = {"hours": command.hours, "before": case.deadline.isoformat(), "deadline": deadline.isoformat()}
    return mark(longer, extended=now), [Event("extended", command.person, command.reason, data)]


def _force_close(case: Case, command: ForceClose, now: datetime) -> Step:
    need(case, "close by order", *_OPEN)
    if case.returned:
        raise Refused("a returned case may not go straight to closing: send it out again, or cancel it")
    over = mark(with_(idle(case), state=State.FORCE_CLOSED), closed=now)
    return _end(over, Event("force_closed", command.person, command.reason), "closed")


def _appeal(case: Case, command: Appeal, now: datetime, rules: Rules) -> Step:
    need(case, "appeal", State.CLOSED, State.FORCE_CLOSED)
    times = case.times
    if times.closed is None or not late(case):
        raise Refused(f"case {case.case_id} was not overdue; there is nothing to appeal against")
    if case.appeal:
        raise Refused(f"case {case.case_id} was appealed already; the appeal is {case.appeal}")
    until = rules.work_time.due(rules.stages.appeal, times.closed)
    if now > until:
        raise Refused(f"case {case.case_id} could be appealed until {until.isoformat()}")
    asked = with_(case, appeal="asked", appeal_people=(command.person,))
    return asked, [Event("appealed", command.person, command.reason)]


def _review(case: Case, command: Review, now: datetime) -> Step:
    if case.appeal not in ("asked", "passed_once"):
        raise Refused(f"case {case.case_id} has no appeal that waits for a review")
    if command.person in case.appeal_people:
        raise Refused(f"{command.person} has had a part in this appeal; somebody else must review it")
    case = with_(case, appeal_people=(*case.appeal_people, command.person))
    if not command.grant:
        return with_(case, appeal="refused"), [Event("appeal_refused", command.person, command.reason)]
    if case.appeal == "asked":
        return with_(case, appeal="passed_once"), [Event("appeal_passed", command.person, command.reason)]
    granted = mark(with_(case, appeal="granted"), exempted=now)
    return granted, [Event("appeal_granted", command.person, command.reason)]


def late(case: Case) -> bool:
    """Whether disposal or closing came after its due time."""
    t = case.times
    disposed = t.disposed or t.closed
    late_disposal = t.dispose_due is not None and disposed is not None and disposed > t.dispose_due
    return late_disposal or (t.close_due is not None and t.closed is not None and t.closed > t.close_due)


def _end(case: Case, event: Event, order_state: str = "recalled") -> Step:
    """Take a live order back with the event that ends it."""
    if not case.order_live:
        return case, [event]
    case = with_(case, order_version=case.order_version + 1, order_live=False)
    return case, [Event(event.kind, event.actor, event.reason, {**event.data, **orders(case, order_state)})]
