"""What can be asked of the registry: cases, one case with its log, the event feed, the summary."""

from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.registry.tables import cases, counters, events


def case_list(tx: sa.Connection, state: str, after: str, limit: int) -> list[dict[str, Any]]:
    """Cases by number, optionally of one state, after a case number."""
    query = sa.select(cases.c.body).where(cases.c.case_id > after)
    if state:
        query = query.where(cases.c.state == state)
    return [msgspec.json.decode(body) for body in tx.scalars(query.order_by(cases.c.case_id).limit(limit))]


def case(tx: sa.Connection, case_id: str) -> dict[str, Any] | None:
    """One case with its report and all its events, or None."""
    row = tx.execute(sa.select(cases.c.body, cases.c.report).where(cases.c.case_id == case_id)).first()
    if row is None:
        return None
    log = tx.execute(sa.select(events).where(events.c.case_id == case_id).order_by(events.c.n)).mappings()
    return {**msgspec.json.decode(row.body), "report": row.report, "events": [dict(event) for event in log]}


def event_feed(tx: sa.Connection, after: int, limit: int) -> list[dict[str, Any]]:
    """Events after number `after`, oldest first."""
    rows = tx.execute(sa.select(events).where(events.c.n > after).order_by(events.c.n).limit(limit)).mappings()
    return [dict(row) for row in rows]


def newest_event(tx: sa.Connection) -> int:
    """The number of the last event; 0 before the first."""
    return tx.scalar(sa.select(sa.func.max(events.c.n))) or 0


def cases_ever(tx: sa.Connection) -> int:
    """How many cases there are, from the counters that gave them their numbers: no counting of a large table."""
    c = counters.c
    return int(tx.scalar(sa.select(sa.func.sum(c.value)).where(c.name.like("case-%"))) or 0)


def summary(tx: sa.Connection) -> dict[str, Any]:
    """Cases by state, events by kind."""
    by_state = tx.execute(sa.select(cases.c.state, sa.func.count()).group_by(cases.c.state)).all()
    by_kind = tx.execute(sa.select(events.c.kind, sa.func.count()).group_by(events.c.kind)).all()
    return {
        "cases": sum(count for _, count in by_state),
        "by_state": {row.state: row[1] for row in by_state},
        "by_event": {row.kind: row[1] for row in by_kind},
    }
