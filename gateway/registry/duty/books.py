"""What crews have open: one row for each case that was ever given out, kept in step with the case."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.registry.cases import Case, State
from gateway.registry.clocks import WorkTime
from gateway.registry.duty import urge
from gateway.registry.duty.plan import Rules
from gateway.registry.duty.route import Load
from gateway.registry.duty.tables import duty_asks, duty_crews, duty_orders
from gateway.registry.tables import cases
from gateway.times import to_text

LONG_AGO = "2000-01-01T00:00:00.000000Z"
WORKED_ON = frozenset({State.DISPATCHED, State.HANDLING, State.REWORK})
_O = duty_orders.c


def loads(tx: sa.Connection, now: datetime, urgent_h: float) -> dict[str, Load]:
    """Every crew that has an order open, or ever had one: weights as in `route.weight`, in SQL."""
    at, soon = to_text(now), to_text(now + timedelta(hours=urgent_h))
    urgent = sa.case((sa.or_(_O.attempt > 1, _O.deadline <= at), 3), (_O.deadline < soon, 2), else_=1)
    summed = sa.select(_O.crew, sa.func.sum(urgent).label("weight")).where(_O.open).group_by(_O.crew)
    weights = {row.crew: int(row.weight) for row in tx.execute(summed)}
    lasts = {row.crew: int(row.last) for row in tx.execute(sa.select(duty_crews))}
    return {crew: Load(weights.get(crew, 0), lasts.get(crew, 0)) for crew in weights.keys() | lasts.keys()}


def follow(tx: sa.Connection, before: Case, after: Case, now: datetime, rules: Rules, clock: WorkTime) -> None:
    """A step was taken: the row says what is open, for whom, and when somebody is to be urged next."""
    given = after.order_no > 0 and after.state in WORKED_ON
    if not given and before.state not in WORKED_ON:
        return
    row = tx.execute(sa.select(duty_orders).where(_O.case_id == after.case_id)).mappings().first()
    told = row["told"] if row else 0
    values = _values(after, given, now, told, rules, clock)
    if row is None:
        tx.execute(sa.insert(duty_orders), {"case_id": after.case_id, "told": 0, "uncovered_at": None, **values})
    else:
        tx.execute(sa.update(duty_orders).where(_O.case_id == after.case_id).values(values))


def adopt(tx: sa.Connection) -> int:
    """At the start: what is open without a row, or otherwise than its row says, because no plan was in force when it
    changed. Urged from now on. Returns how many."""
    working = sa.select(cases.c.body).where(cases.c.state.in_([str(state) for state in WORKED_ON]))
    found = {case.case_id: case for case in (msgspec.json.decode(body, type=Case) for body in tx.scalars(working))}
    known = {row.case_id: row.crew for row in tx.execute(sa.select(_O.case_id, _O.crew).where(_O.open))}
    gone = [case_id for case_id in known if case_id not in found]
    fresh = [case for case in found.values() if known.get(case.case_id) != case.crew]
    for case_id in gone:
        tx.execute(sa.update(duty_orders).where(_O.case_id == case_id).values(open=False, urge_at=None))
    for case in fresh:
        values: dict[str, Any] = {"crew": case.crew, "open": True, "attempt": case.attempt, "urge_at": LONG_AGO}
        values |= {"deadline": to_text(case.deadline) if case.deadline else None, "uncovered_at": None}
        if not tx.execute(sa.update(duty_orders).where(_O.case_id == case.case_id).values(values)).rowcount:
            tx.execute(sa.insert(duty_orders), {"case_id": case.case_id, "told": 0, **values})
    return len(gone) + len(fresh)


def uncovered(tx: sa.Connection, case_id: str, now: datetime) -> bool:
    """Nobody could be given this case; True the first time."""
    row = tx.execute(sa.select(duty_orders).where(_O.case_id == case_id)).mappings().first()
    if row is not None and row["uncovered_at"] is not None:
        return False
    if row is None:
        fresh: dict[str, Any] = {"case_id": case_id, "crew": "", "open": False, "deadline": None, "attempt": 0}
        tx.execute(sa.insert(duty_orders), {**fresh, "told": 0, "urge_at": None, "uncovered_at": to_text(now)})
    else:
        tx.execute(sa.update(duty_orders).where(_O.case_id == case_id).values(uncovered_at=to_text(now)))
    return True


def lapse(tx: sa.Connection, before: Case, after: Case, now: datetime) -> None:
    """The order passed on, came back or ended: what its crew had asked for is void."""
    same = (after.order_id, after.crew, after.order_live) == (before.order_id, before.crew, before.order_live)
    if same or not before.order_live:
        return
    a = duty_asks.c
    mine = sa.and_(a.case_id == after.case_id, a.state == "asked")
    values = {"state": "void", "answered_at": to_text(now), "words": f"the case is {after.state}, crew {after.crew}"}
    tx.execute(sa.update(duty_asks).where(mine).values(values))


def given(tx: sa.Connection, crew: str, number: int) -> None:
    """A crew was given the order of this number."""
    if not tx.execute(sa.update(duty_crews).where(duty_crews.c.crew == crew).values(last=number)).rowcount:
        tx.execute(sa.insert(duty_crews), {"crew": crew, "last": number})


def holders(tx: sa.Connection) -> list[str]:
    """Crews and leaders with something open."""
    return list(tx.scalars(sa.select(_O.crew).where(_O.open).group_by(_O.crew).order_by(_O.crew)))


def open_of(tx: sa.Connection, crew: str, limit: int) -> list[str]:
    """The open cases of a crew, nearest deadline first."""
    mine = sa.select(_O.case_id).where(_O.open, _O.crew == crew).order_by(_O.deadline, _O.case_id)
    return list(tx.scalars(mine.limit(limit)))


def add(loads: Mapping[str, Load], crew: str, weight: int, last: int) -> dict[str, Load]:
    """The loads after one more order."""
    old = loads.get(crew, Load())
    return {**loads, crew: Load(old.weight + weight, last or old.last)}


def _values(case: Case, given: bool, now: datetime, told: int, rules: Rules, clock: WorkTime) -> dict[str, Any]:
    due = urge.next_at(case, told, now, rules, clock) if given else None
    values: dict[str, Any] = {"crew": case.crew, "open": given, "attempt": case.attempt}
    values |= {"deadline": to_text(case.deadline) if case.deadline else None}
    return values | {"urge_at": to_text(due) if due else None} | ({"uncovered_at": None} if given else {})
