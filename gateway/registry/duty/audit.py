"""What a registry's own events say of its dispatching: who got what, and whether anybody got what they may not.

It looks at the plan directly, not through the router, so that the router's faults are found here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.registry.cases import Case
from gateway.registry.clocks import BEIJING
from gateway.registry.duty.office import Office
from gateway.registry.duty.plan import Turn
from gateway.registry.tables import cases, events

LISTED_MAX = 20


def outcome(tx: sa.Connection, office: Office) -> dict[str, Any]:
    """Counts as plain data; `violations`: the first LISTED_MAX orders that went where they may not, in words."""
    bodies = tx.scalars(sa.select(cases.c.body))
    known = {case.case_id: case for case in (msgspec.json.decode(body, type=Case) for body in bodies)}
    given: Counter[str] = Counter()
    rings: Counter[str] = Counter()
    wrong: list[str] = []
    for event in _given(tx):
        data = event.data
        crew = str(data["orders"][0]["crew"])
        given[crew] += 1
        rings[str(data.get("ring", "handover"))] += 1
        wrong += _wrong(office, known[event.case_id], crew, event.at)
    kinds = Counter(tx.scalars(sa.select(events.c.kind)))
    levels = Counter(
        str(data["level"]) for data in tx.scalars(sa.select(events.c.data).where(events.c.kind == "urged"))
    )
    return {
        "cases": len(known),
        "given": sum(given.values()),
        "by_ring": dict(rings),
        "violations": len(wrong),
        "first_violations": wrong[:LISTED_MAX],
        "urged": dict(levels),
        "handovers": kinds["handover"],
        "reassigned": kinds["reassigned"],
        "no_crew": kinds["no_crew"],
        **_spread(office, given),
    }


def _given(tx: sa.Connection) -> Iterator[Any]:
    mine = events.c.kind.in_(("dispatched", "reassigned"))
    yield from tx.execute(sa.select(events).where(mine).order_by(events.c.n))


def _wrong(office: Office, case: Case, name: str, at: str) -> Iterator[str]:
    """Lines for one order: off duty, without the right, or to somebody who is no crew for orders."""
    instant = datetime.fromisoformat(at)
    crew = office.plan.by_name.get(name)
    leader = next((one for one in office.plan.leaders if one.name == name), None)
    who = crew or leader
    if who is None:
        yield f"{case.case_id}: {name} is not in the plan"
    elif not any(start <= instant < end for day in (0, 1) for start, end in _spans(office, who, instant, day)):
        yield f"{case.case_id}: {name} was off duty at {at}"
    if crew is not None and crew.kind != "city":
        yield f"{case.case_id}: {name} is {crew.kind}"
    if crew is not None and not crew.may(case.case_class, case.class_code):
        yield f"{case.case_id}: {name} may not do {case.class_code}"


def _spans(office: Office, who: Turn, instant: datetime, back: int) -> list[tuple[datetime, datetime]]:
    return office.roster.spans(who, instant.astimezone(BEIJING).date() - timedelta(days=back))


def _spread(office: Office, given: Counter[str]) -> dict[str, Any]:
    """Orders of each area's own crews: the widest difference between two crews that share all their areas."""
    alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for crew in office.plan.crews:
        if crew.kind == "city":
            alike[tuple(crew.areas)].append(given[crew.name])
    counts = sorted(given[crew.name] for crew in office.plan.crews if crew.kind == "city")
    widest = max((max(many) - min(many) for many in alike.values()), default=0)
    middle = counts[len(counts) // 2] if counts else 0
    return {
        "orders_per_crew": {"min": counts[0] if counts else 0, "median": middle, "max": counts[-1] if counts else 0},
        "widest_between_equals": widest,
    }
