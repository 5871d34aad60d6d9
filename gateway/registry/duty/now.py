"""What is on duty at an instant: leaders, crews with their loads, areas without a crew, what waits for somebody."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.registry.duty import books
from gateway.registry.duty.office import Office
from gateway.registry.duty.route import Load
from gateway.registry.duty.tables import duty_asks, duty_handovers, duty_leads, duty_orders
from gateway.times import to_text

_WAITING = {
    "unsigned_handovers": sa.select(sa.func.count())
    .select_from(duty_handovers)
    .where(duty_handovers.c.taken_at.is_(None)),
    "asks": sa.select(sa.func.count()).select_from(duty_asks).where(duty_asks.c.state == "asked"),
    "leads_without_receipt": sa.select(sa.func.count()).select_from(duty_leads).where(duty_leads.c.number == ""),
    "uncovered_cases": sa.select(sa.func.count())
    .select_from(duty_orders)
    .where(duty_orders.c.uncovered_at.is_not(None), duty_orders.c.open.is_(False)),
}


def now(tx: sa.Connection, office: Office, at: datetime) -> dict[str, Any]:
    """Plain data, crews in the plan's order."""
    body = on_duty(office, at, books.loads(tx, at, office.plan.rules.urgent_h))
    return body | {"waiting": {name: tx.scalar(query) or 0 for name, query in _WAITING.items()}}


def on_duty(office: Office, at: datetime, loads: dict[str, Load]) -> dict[str, Any]:
    """Without a database: the plan's own word."""
    roster = office.roster
    there = [(crew, until) for crew in office.plan.crews if (until := roster.until(crew, at)) is not None]
    leaders = [(one, until) for one in office.plan.leaders if (until := roster.until(one, at)) is not None]
    mine = {area for crew, _ in there if crew.kind == "city" for area in crew.areas}
    every = {area for crew in office.plan.crews if crew.kind == "city" for area in crew.areas}
    return {
        "at": to_text(at),
        "plan": office.plan.version,
        "leaders": [
            {"name": one.name, "person": one.person, "districts": one.districts, "until": to_text(until)}
            for one, until in leaders
        ],
        "crews": [
            {
                "name": crew.name,
                "kind": crew.kind,
                "areas": crew.areas,
                "until": to_text(until),
                "load": loads.get(crew.name, Load()).weight,
            }
            for crew, until in there
        ],
        "areas_without_crew": sorted(every - mine),
    }
