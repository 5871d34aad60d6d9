"""What a handset asks for and a named person grants or refuses: extension (延期) and suspension (挂账)."""

from typing import Any

import sqlalchemy as sa

from gateway.registry.cases import Event, Refused
from gateway.registry.commands import Extend, Suspend
from gateway.registry.duty.office import Office
from gateway.registry.duty.tables import duty_asks
from gateway.registry.loop import step
from gateway.registry.store import Work
from gateway.times import to_text

_A = duty_asks.c
Asked = Extend | Suspend


def waits(office: Office | None, command: Asked, crew: str) -> bool:
    """Whether the city wants a person's word on what a crew's handset asks."""
    return office is not None and bool(crew) and _kind(command) in office.plan.rules.approve


def ask(work: Work, case_id: str, command: Asked, crew: str) -> dict[str, Any]:
    """Keep it until somebody decides; what could not be granted now is refused now. Raises Refused, UnknownCase."""
    case = work.journal.load(case_id)
    if case.crew != crew:
        raise Refused(f"case {case_id} is not {crew}'s, so it may not ask to {_kind(command)}")
    if work.journal.tx.scalar(sa.select(_A.ask_id).where(_A.case_id == case_id, _A.state == "asked")):
        raise Refused(f"case {case_id} has a request that waits already")
    step(case, command, work.now, work.rules)  # what the rules forbid need not wait for a person
    name = f"ask-{work.now:%Y%m%d}-{work.journal.next('ask'):06d}"
    hours = command.hours if isinstance(command, Extend) else None
    row: dict[str, Any] = {"ask_id": name, "case_id": case_id, "order_id": case.order_id, "kind": _kind(command)}
    row |= {"hours": hours, "reason": command.reason, "crew": crew, "device": command.person}
    row |= {"at": to_text(work.now), "state": "asked", "person": "", "answered_at": None, "words": ""}
    work.journal.tx.execute(sa.insert(duty_asks), row)
    data = {"ask_id": name, "kind": row["kind"], "hours": hours, "crew": crew}
    work.journal.put(case, case, [Event("asked", command.person, command.reason, data)], work.now)
    return row


def decide(work: Work, ask_id: str, person: str, grant: bool, words: str) -> dict[str, Any]:
    """A named person's word. A grant that the case's rules do not allow any more is Refused, and the request waits."""
    row = work.journal.tx.execute(sa.select(duty_asks).where(_A.ask_id == ask_id)).mappings().first()
    if row is None:
        raise Refused(f"no request '{ask_id}'")
    if row["state"] != "asked":
        raise Refused(f"request {ask_id} is {row['state']} already, by {row['person']}")
    if row["device"] == person:
        raise Refused(f"{person} has asked for it; somebody else must decide")
    if not grant and not words.strip():
        raise Refused("a refusal needs a reason")
    if grant:
        work.command(row["case_id"], _command(row, person, words))
    state = "granted" if grant else "refused"
    values = {"state": state, "person": person, "answered_at": to_text(work.now), "words": words}
    work.journal.tx.execute(sa.update(duty_asks).where(_A.ask_id == ask_id).values(values))
    case = work.journal.load(row["case_id"])
    answer = {"order_id": row["order_id"], "kind": row["kind"], "answer": state, "words": words}
    data = {"ask_id": ask_id, "kind": row["kind"], "answers": [answer]}
    work.journal.put(case, case, [Event(f"ask_{state}", person, words, data)], work.now)
    return {**row, **values}


def listed(tx: sa.Connection, waiting: bool, limit: int) -> list[dict[str, Any]]:
    """Oldest first while they wait, all of them newest first otherwise."""
    query = sa.select(duty_asks)
    query = query.where(_A.state == "asked").order_by(_A.at) if waiting else query.order_by(_A.at.desc())
    return [dict(row) for row in tx.execute(query.limit(limit)).mappings()]


def _command(row: Any, person: str, words: str) -> Asked:
    reason = f"{row['reason']} ({row['device']}); {words}".rstrip("; ")
    if row["kind"] == "extend":
        return Extend(person, row["hours"], reason)
    return Suspend(person, reason)


def _kind(command: Asked) -> str:
    return "extend" if isinstance(command, Extend) else "suspend"
