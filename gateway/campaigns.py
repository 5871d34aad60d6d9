"""Campaigns of posters: one telephone number in many places (同号小广告)."""

from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from gateway.tables import campaigns, incidents


def note(tx: sa.Connection, incident_id: str, numbers: list[str], now: str) -> None:
    """Remember which numbers an incident's posters carry; what is known stays as it is."""
    c = campaigns.c
    known = set(tx.scalars(sa.select(c.campaign).where(c.incident_id == incident_id))) if numbers else set()
    for number in dict.fromkeys(numbers):
        if number not in known:
            tx.execute(sa.insert(campaigns), {"incident_id": incident_id, "campaign": number, "first_at": now})


def of_incidents(tx: sa.Connection, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Incident -> its numbers, each with how many incidents carry it."""
    c = campaigns.c
    rows = tx.execute(sa.select(c.incident_id, c.campaign).where(c.incident_id.in_(ids)).order_by(c.campaign)).all()
    counted = sa.select(c.campaign, sa.func.count().label("n")).where(c.campaign.in_({row.campaign for row in rows}))
    incidents_of = {row.campaign: row.n for row in tx.execute(counted.group_by(c.campaign))} if rows else {}
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row.incident_id].append({"number": row.campaign, "incidents": incidents_of[row.campaign]})
    return found


def listed(tx: sa.Connection, limit: int) -> list[dict[str, Any]]:
    """Campaigns, the one in the most places first: number, incidents, first and last time one of them was seen."""
    c, i = campaigns.c, incidents.c
    count = sa.func.count().label("incidents")
    times = (sa.func.min(i.first_seen).label("first_seen"), sa.func.max(i.last_seen).label("last_seen"))
    query = sa.select(c.campaign.label("number"), count, *times).join(incidents, i.incident_id == c.incident_id)
    rows = tx.execute(query.group_by(c.campaign).order_by(count.desc(), c.campaign).limit(limit))
    return [dict(row) for row in rows.mappings()]
