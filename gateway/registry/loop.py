"""The case loop as a pure state machine: (case, command, now) -> (case, events), or Refused."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from gateway.registry.cases import (
    Answer,
    Case,
    Command,
    CrewStep,
    Decide,
    Dispatch,
    Due,
    Event,
    File,
    Refused,
    Reject,
    Rules,
    State,
)

Step = tuple[Case, list[Event]]
SYSTEM = "registry"
_EDGES: dict[str, frozenset[State]] = {
    "accepted": frozenset({State.DISPATCHED, State.REWORK}),
    "arrived": frozenset({State.DISPATCHED, State.REWORK, State.HANDLING}),
    "disposed": frozenset({State.DISPATCHED, State.REWORK, State.HANDLING}),
    "returned": frozenset({State.DISPATCHED, State.REWORK, State.HANDLING}),
}


def step(case: Case, command: Command, now: datetime, rules: Rules) -> Step:
    """One command. Raises Refused."""
    match command:
        case File():
            return _file(case, command, now)
        case Reject():
            return _reject(case, command)
        case Dispatch():
            return _dispatch(case, command, now, rules)
        case CrewStep():
            return _crew_step(case, command, now, rules)
        case Answer():
            return _answer(case, command, now, rules)
        case Due():
            return _due(case, now, rules)
        case Decide():
            return _decide(case, command, now, rules)


def _file(case: Case, command: File, now: datetime) -> Step:
    _need(case, "file", State.REPORTED)
    deadline = now + timedelta(hours=case.limit_hours)
    filed = _with(case, state=State.FILED, deadline=deadline, due_kind="dispatch", due_at=now)
    return filed, [Event("filed", command.actor, command.reason, {"deadline": deadline.isoformat()})]


def _reject(case: Case, command: Reject) -> Step:
    _need(case, "reject", State.REPORTED)
    return _with(case, state=State.REJECTED), [
        Event("rejected", command.person, command.reason, {"cause": command.cause})
    ]


def _dispatch(case: Case, command: Dispatch, now: datetime, rules: Rules) -> Step:
    _need(case, "dispatch", State.FILED)
    if not rules.crews:
        return _with(case, due_at=now + timedelta(seconds=rules.no_crew_retry_s)), []
    others = [crew for crew in rules.crews if crew != case.crew]
    if not others:
        return _to_person(case, f"returned by {case.crew}, and there is no other crew")
    chosen = others[command.turn % len(others)]
    sent = _with(_idle(case), state=State.DISPATCHED, crew=chosen, order_no=case.order_no + 1)
    sent = _with(sent, order_version=1, order_live=True, attempt=max(1, case.attempt))
    return sent, [Event("dispatched", SYSTEM, f"to {chosen}", _orders(sent, "dispatched"))]


def _crew_step(case: Case, command: CrewStep, now: datetime, rules: Rules) -> Step:
    _need(case, command.kind, *_EDGES[command.kind])
    if (command.order_id, command.base_version) != (case.order_id, case.order_version):
        asked = f"{command.order_id} version {command.base_version}"
        raise Refused(f"{asked} is not the case's present order, {case.order_id} version {case.order_version}")
    event = Event(command.kind, command.actor, command.note, command.data)
    if command.kind in ("accepted", "arrived"):
        return _with(case, state=State.HANDLING), [event]
    if command.kind == "disposed":
        checking, asked_events = _ask(_with(case, state=State.DISPOSED, misses=0), now, rules)
        return checking, [event, *asked_events]
    return _return(case, command, now, event)


def _return(case: Case, command: CrewStep, now: datetime, event: Event) -> Step:
    if not command.note.strip():
        raise Refused("a return needs a reason")
    recalled = _with(case, order_version=case.order_version + 1, order_live=False)
    back = _with(recalled, state=State.FILED, due_kind="dispatch", due_at=now)
    return back, [Event("returned", event.actor, event.reason, {**event.data, **_orders(recalled, "recalled")})]


def _ask(case: Case, now: datetime, rules: Rules) -> Step:
    asked = _with(case, state=State.CHECKING, check_no=case.check_no + 1, due_kind="answer")
    asked = _with(asked, due_at=now + timedelta(seconds=rules.check_timeout_s))
    return asked, [Event("check_requested", SYSTEM, "", {"check_id": asked.check_id, "misses": asked.misses})]


def _answer(case: Case, command: Answer, now: datetime, rules: Rules) -> Step:
    data = {**command.data, "check_id": command.check_id, "verdict": command.verdict}
    reason = " ".join(filter(None, (command.verdict, command.reason)))
    if case.state is not State.CHECKING or command.check_id != case.check_id or case.due_kind != "answer":
        return case, [Event("verdict_late", command.actor, reason, data)]
    event = Event("verdict", command.actor, reason, data)
    if command.verdict == "cleared":
        closed, closing = _close(case, SYSTEM, f"cleared in {command.check_id}")
        return closed, [event, *closing]
    if command.verdict == "still_there":
        again, rework = _rework(case, SYSTEM, f"still there in {command.check_id}")
        return again, [event, *rework]
    missed, events = _miss(case, now, rules, rules.recheck_s)
    return missed, [event, *events]


def _miss(case: Case, now: datetime, rules: Rules, wait_s: float) -> Step:
    misses = case.misses + 1
    if misses > rules.recheck_limit:
        return _to_person(_with(case, misses=misses), f"{misses} checks could not see the place")
    return _with(case, misses=misses, due_kind="recheck", due_at=now + timedelta(seconds=wait_s)), []


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
    _need(case, f"decide '{command.decision}'", State.NEEDS_PERSON)
    if command.decision == "close":
        return _close(case, command.person, command.reason)
    if command.decision == "check" and case.order_live:
        asked, events = _ask(_with(case, misses=0), now, rules)
        return asked, [Event("decided", command.person, command.reason, {"decision": "check"}), *events]
    if command.decision == "again" and case.order_live:
        return _rework(case, command.person, command.reason)
    if command.decision == "again":
        back = _with(case, state=State.FILED, crew="", due_kind="dispatch", due_at=now)
        return back, [Event("decided", command.person, command.reason, {"decision": "again"})]
    raise Refused("there is nothing to check yet: no crew has disposed of this case")


def _rework(case: Case, actor: str, reason: str) -> Step:
    again = _with(_idle(case), state=State.REWORK, order_version=case.order_version + 1, attempt=case.attempt + 1)
    return again, [Event("rework", actor, reason, _orders(again, "rework"))]


def _close(case: Case, actor: str, reason: str) -> Step:
    closed = _with(_idle(case), state=State.CLOSED)
    if not case.order_live:
        return closed, [Event("closed", actor, reason)]
    closed = _with(closed, order_version=case.order_version + 1, order_live=False)
    return closed, [Event("closed", actor, reason, _orders(closed, "closed"))]


def _to_person(case: Case, reason: str) -> Step:
    return _with(_idle(case), state=State.NEEDS_PERSON), [Event("needs_person", SYSTEM, reason)]


def _idle(case: Case) -> Case:
    return _with(case, due_kind="", due_at=None)


def _with(case: Case, **values: Any) -> Case:
    return msgspec.structs.replace(case, **values)


def _need(case: Case, what: str, *states: State) -> None:
    if case.state not in states:
        raise Refused(f"cannot {what}: case {case.case_id} is {case.state}")


def _orders(case: Case, state: str) -> dict[str, Any]:
    """The work order as the gateway passes it on to the crew's handset (fields of edge.wire.Work)."""
    names = ("order_id", "case_id", "incident_id", "case_class", "class_code", "lat", "lon", "attempt")
    work = {name: getattr(case, name) for name in names}
    work |= {"schema_version": 1, "version": case.order_version, "state": state, "note": case.label}
    work["deadline"] = (case.deadline or case.reported_at).isoformat()
    return {"orders": [{"crew": case.crew, "work": work}]}
