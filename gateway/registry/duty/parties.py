"""Second parties on an order: police (巡查一体) or volunteers join a case with an order and a log of their own.

Such an order holds the place, the class, the deadline and the task that a person wrote, nothing of the crew's part. It
ends with its case, and it never moves the case: only the crew's own disposal does.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.registry.cases import OVER, Case, Event, Refused, State
from gateway.registry.commands import CrewStep
from gateway.registry.duty.plan import RIGHTS, Crew
from gateway.registry.duty.tables import duty_parties
from gateway.registry.duty.words import masked
from gateway.registry.journal import Journal
from gateway.registry.parts import orders, with_
from gateway.times import to_text

RANK = {"": 0, "accepted": 1, "arrived": 2, "disposed": 3, "returned": 3}
_P = duty_parties.c
_WORKED_ON = frozenset({State.DISPATCHED, State.HANDLING, State.REWORK})


def join(journal: Journal, case: Case, crew: Crew, person: str, task: str, now: datetime) -> str:
    """A person asks a second party to join; returns its order's id. Raises Refused."""
    if crew.kind == "city":
        raise Refused(f"{crew.name} is a city crew: orders are routed to it, it does not join one")
    if case.state not in _WORKED_ON:
        raise Refused(f"cannot join: case {case.case_id} is {case.state}")
    if not crew.may(case.case_class, case.class_code):
        raise Refused(f"{crew.name} may not do class {case.class_code}")
    mine = sa.and_(_P.case_id == case.case_id, _P.crew == crew.name)
    if journal.tx.scalar(sa.select(_P.order_id).where(mine, _P.state == "dispatched")):
        raise Refused(f"{crew.name} is on case {case.case_id} already")
    number = (journal.tx.scalar(sa.select(sa.func.count()).where(_P.case_id == case.case_id)) or 0) + 1
    words = masked(task) if crew.kind == "volunteers" else task
    row = {"order_id": f"pw-{case.case_id}-{number}", "case_id": case.case_id, "crew": crew.name, "kind": crew.kind}
    row |= {"task": words, "version": 1, "state": "dispatched", "step": "", "by": "", "at": to_text(now)}  # type: ignore[dict-item]
    journal.tx.execute(sa.insert(duty_parties), row)
    told = Event("joined", person, f"{crew.name}: {words}", {"kind": crew.kind, **_order(case, row)})
    journal.put(case, case, [told], now)
    return row["order_id"]


def knows(tx: sa.Connection, order_id: str) -> bool:
    """Whether an order is a second party's."""
    return tx.scalar(sa.select(_P.order_id).where(_P.order_id == order_id)) is not None


def step(journal: Journal, case: Case, command: CrewStep, now: datetime) -> None:
    """What a second party did on its own order. Raises Refused."""
    row = journal.tx.execute(sa.select(duty_parties).where(_P.order_id == command.order_id)).mappings().one()
    if row["case_id"] != case.case_id:
        raise Refused(f"order {command.order_id} is of case {row['case_id']}")
    if command.kind not in RIGHTS[row["kind"]]:
        raise Refused(f"{row['crew']} ({row['kind']}) may not do '{command.kind}'")
    if row["state"] != "dispatched" or command.base_version != row["version"]:
        raise Refused(f"order {command.order_id} is {row['state']}, version {row['version']}")
    if RANK[command.kind] <= RANK[row["step"]]:
        raise Refused(f"order {command.order_id} is {row['step']} already")
    values = {"step": command.kind, "by": command.actor, "at": to_text(now)}
    if command.kind in ("disposed", "returned"):
        values |= {"state": "done"}
    journal.tx.execute(sa.update(duty_parties).where(_P.order_id == command.order_id).values(values))
    data = {**command.data, "crew": row["crew"], "kind": row["kind"], "order_id": command.order_id}
    journal.put(case, case, [Event(f"party_{command.kind}", command.actor, command.note, data)], now)


def follow(journal: Journal, before: Case, after: Case, now: datetime) -> None:
    """The case is over, or its work stands still: the second parties' orders end with it."""
    ended = after.state in OVER or after.state is State.SUSPENDED
    if not ended or before.state is after.state:
        return
    mine = sa.select(duty_parties).where(_P.case_id == after.case_id, _P.state != "ended")
    for row in list(journal.tx.execute(mine).mappings()):
        fresh = {**row, "version": row["version"] + 1, "state": "closed"}
        values = {"version": fresh["version"], "state": "ended"}
        journal.tx.execute(sa.update(duty_parties).where(_P.order_id == row["order_id"]).values(values))
        journal.put(after, after, [Event("party_ended", "duty", row["crew"], _order(after, fresh))], now)


def of_case(tx: sa.Connection, case_id: str) -> list[dict[str, Any]]:
    """Who has joined a case, and how far each is."""
    rows = tx.execute(sa.select(duty_parties).where(_P.case_id == case_id).order_by(_P.order_id)).mappings()
    return [dict(row) for row in rows]


def _order(case: Case, row: Any) -> dict[str, Any]:
    told = orders(with_(case, attempt=1), str(row["state"]))
    work = told["orders"][0]["work"]
    work |= {"order_id": row["order_id"], "version": row["version"], "note": row["task"]}
    return {"orders": [{"crew": row["crew"], "work": work}]}
