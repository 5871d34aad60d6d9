"""The case loop as a pure state machine: (case, command, now) -> (case, events), or Refused."""

from datetime import datetime, timedelta

from gateway.registry import loop_people, loop_verify
from gateway.registry.cases import Case, Event, Refused, Rules, State
from gateway.registry.commands import (
    Answer,
    AskVerify,
    Command,
    CrewStep,
    Decide,
    Dispatch,
    Due,
    FeedBack,
    File,
    Reassign,
    Reject,
    Verified,
)
from gateway.registry.parts import SYSTEM, Step, idle, mark, need, orders, with_

_EDGES: dict[str, frozenset[State]] = {
    "accepted": frozenset({State.DISPATCHED, State.REWORK}),
    "arrived": frozenset({State.DISPATCHED, State.REWORK, State.HANDLING}),
    "disposed": frozenset({State.DISPATCHED, State.REWORK, State.HANDLING}),
    "returned": frozenset({State.DISPATCHED, State.REWORK, State.HANDLING}),
}


def step(case: Case, command: Command, now: datetime, rules: Rules) -> Step:
    """One command. Raises Refused."""
    match command:
        case File() | Reject() | AskVerify() | Verified():
            return loop_verify.step(case, command, now, rules)
        case Dispatch():
            return _dispatch(case, command, now, rules)
        case Reassign():
            return _reassign(case, command)
        case CrewStep():
            return _crew_step(case, command, now, rules)
        case FeedBack():
            return _feed_back(case, command, now, rules)
        case Answer():
            return _answer(case, command, now, rules)
        case Due():
            return _due(case, now, rules)
        case Decide():
            return _decide(case, command, now, rules)
        case _:
            return loop_people.step(case, command, now, rules)


def _dispatch(case: Case, command: Dispatch, now: datetime, rules: Rules) -> Step:
    need(case, "dispatch", State.FILED)
    if command.routed:
        return _routed(case, command, now, rules)
    if not rules.crews:
        return with_(case, due_at=now + timedelta(seconds=rules.no_crew_retry_s)), []
    others = [crew for crew in rules.crews if crew != case.crew]
    if not others:
        return _to_person(case, f"returned by {case.crew}, and there is no other crew")
    return _send(case, others[command.turn % len(others)], command, now)


def _routed(case: Case, command: Dispatch, now: datetime, rules: Rules) -> Step:
    if not command.crew:
        return with_(case, due_at=now + timedelta(seconds=rules.no_crew_retry_s)), []
    return _send(case, command.crew, command, now)


def _send(case: Case, chosen: str, command: Dispatch, now: datetime) -> Step:
    sent = with_(idle(case), state=State.DISPATCHED, crew=chosen, order_no=case.order_no + 1, returned=False)
    sent = with_(sent, order_version=1, order_live=True, attempt=max(1, case.attempt))
    words = f"to {chosen}" + (f": {command.why}" if command.why else "")
    told = Event("dispatched", SYSTEM, words, {**command.data, **orders(sent, "dispatched")})
    return mark(sent, dispatched=now), [told]


def _reassign(case: Case, command: Reassign) -> Step:
    need(case, "pass on", State.DISPATCHED, State.HANDLING, State.REWORK)
    if command.crew == case.crew:
        raise Refused(f"{case.crew} has {case.order_id} already")
    rework = case.state is State.REWORK
    passed = with_(case, crew=command.crew, order_version=case.order_version + 1)
    passed = with_(passed, state=State.REWORK if rework else State.DISPATCHED)
    told = orders(passed, "rework" if rework else "dispatched")
    data = {**command.data, "from": case.crew, "to": command.crew, **told}
    return passed, [Event("reassigned", command.actor, command.why, data)]


def _crew_step(case: Case, command: CrewStep, now: datetime, rules: Rules) -> Step:
    need(case, command.kind, *_EDGES[command.kind])
    if (command.order_id, command.base_version) != (case.order_id, case.order_version):
        asked = f"{command.order_id} version {command.base_version}"
        raise Refused(f"{asked} is not the case's present order, {case.order_id} version {case.order_version}")
    event = Event(command.kind, command.actor, command.note, command.data)
    if command.kind in ("accepted", "arrived"):
        return with_(case, state=State.HANDLING), [event]
    if command.kind == "returned":
        return _return(case, command, now, event)
    done = with_(case, state=State.DISPOSED, misses=0)
    if rules.feed_back_by_person:
        return done, [event]
    checking, asked_events = _ask(mark(done, disposed=now), now, rules)
    return checking, [event, *asked_events]


def _return(case: Case, command: CrewStep, now: datetime, event: Event) -> Step:
    if not command.note.strip():
        raise Refused("a return needs a reason")
    recalled = with_(case, order_version=case.order_version + 1, order_live=False, returned=True)
    back = mark(with_(recalled, state=State.FILED, due_kind="dispatch", due_at=now), returned=now)
    return back, [Event("returned", event.actor, event.reason, {**event.data, **orders(recalled, "recalled")})]


def _feed_back(case: Case, command: FeedBack, now: datetime, rules: Rules) -> Step:
    need(case, "feed back", State.DISPOSED)
    checking, asked = _ask(mark(case, disposed=now), now, rules)
    return checking, [Event("fed_back", command.person, command.reason), *asked]


def _ask(case: Case, now: datetime, rules: Rules) -> Step:
    asked = with_(case, state=State.CHECKING, check_no=case.check_no + 1, due_kind="answer")
    asked = with_(asked, due_at=now + timedelta(seconds=rules.check_timeout_s))
    if asked.times.check_due is None:
        asked = mark(asked, check_due=rules.work_time.due(rules.stages.check, now))
    return asked, [Event("check_requested", SYSTEM, "", {"check_id": asked.check_id, "misses": asked.misses})]


def _answer(case: Case, command: Answer, now: datetime, rules: Rules) -> Step:
    data = {**command.data, "check_id": command.check_id, "verdict": command.verdict}
    reason = " ".join(filter(None, (command.verdict, command.reason)))
    if case.state is not State.CHECKING or command.check_id != case.check_id or case.due_kind != "answer":
        return case, [Event("verdict_late", command.actor, reason, data)]
    event = Event("verdict", command.actor, reason, data)
    if command.verdict == "cleared":
        closed, closing = _close(mark(case, checked=now), SYSTEM, f"cleared in {command.check_id}", now)
        return closed, [event, *closing]
    if command.verdict == "still_there":
        again, rework = _rework(mark(case, checked=now), SYSTEM, f"still there in {command.check_id}", now)
        return again, [event, *rework]
    missed, events = _miss(case, now, rules, rules.recheck_s)
    return missed, [event, *events]


def _miss(case: Case, now: datetime, rules: Rules, wait_s: float) -> Step:
    misses = case.misses + 1
    if misses > rules.recheck_limit:
        return _to_person(with_(case, misses=misses), f"{misses} checks could not see the place")
    return with_(case, misses=misses, due_kind="recheck", due_at=now + timedelta(seconds=wait_s)), []


def _due(case: Case, now: datetime, rules: Rules) -> Step:
    if case.state is not State.CHECKING or case.due_at is None or case.due_at > now:
        raise Refused("no timer of this case has run out")
    if case.due_kind == "recheck":
        return _ask(case, now, rules)
    missed, events = _miss(case, now, rules, 0.0)
    silent = Event(
        "check_unanswered", SYSTEM, f"no answer within {rules.check_timeout_s:g} s", {"check_id": case.check_id}
    )
    return missed, [silent, *events]


def _decide(case: Case, command: Decide, now: datetime, rules: Rules) -> Step:
    need(case, f"decide '{command.decision}'", State.NEEDS_PERSON)
    if command.decision == "close" and case.returned:
        raise Refused("a returned case may not go straight to closing: send it out again, or cancel it")
    if command.decision == "close":
        return _close(mark(case, checked=now), command.person, command.reason, now)
    if command.decision == "check" and case.order_live:
        asked, events = _ask(with_(case, misses=0), now, rules)
        return asked, [Event("decided", command.person, command.reason, {"decision": "check"}), *events]
    if command.decision == "again" and case.order_live:
        return _rework(mark(case, checked=now), command.person, command.reason, now)
    if command.decision == "again":
        back = with_(case, state=State.FILED, crew="", due_kind="dispatch", due_at=now)
        return back, [Event("decided", command.person, command.reason, {"decision": "again"})]
    raise Refused("there is nothing to check yet: no crew has disposed of this case")


def _rework(case: Case, actor: str, reason: str, now: datetime) -> Step:
    again = with_(idle(case), state=State.REWORK, order_version=case.order_version + 1, attempt=case.attempt + 1)
    return mark(again, reworked=now), [Event("rework", actor, reason, orders(again, "rework"))]


def _close(case: Case, actor: str, reason: str, now: datetime) -> Step:
    closed = mark(with_(idle(case), state=State.CLOSED), closed=now)
    if not case.order_live:
        return closed, [Event("closed", actor, reason)]
    closed = with_(closed, order_version=case.order_version + 1, order_live=False)
    return closed, [Event("closed", actor, reason, orders(closed, "closed"))]


def _to_person(case: Case, reason: str) -> Step:
    return with_(idle(case), state=State.NEEDS_PERSON), [Event("needs_person", SYSTEM, reason)]
