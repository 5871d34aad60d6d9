"""What the gateway knows of one case: the incident, pictures by who sent them, work orders, checks."""

from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.queries import Row, servable
from gateway.tables import candidates, evidence_refs, incidents, verifies, witnesses, work_orders

ROWS_MAX = 200
_FACTS = ("class_code", "label", "score", "rule", "rule_version", "zone", "dwell_s", "evidence_record")


def case(tx: sa.Connection, case_id: str) -> Row | None:
    """None for a case that no incident of this gateway became."""
    i = incidents.c
    row = tx.execute(sa.select(incidents).where(i.case_id == case_id).order_by(i.n).limit(1)).mappings().first()
    if row is None:
        return None
    mine = row["incident_id"]
    found: Row = {"incident": dict(row), "pictures": _pictures(tx, mine), "witnesses": _witnesses(tx, mine)}
    return found | {"orders": _orders(tx, mine), "checks": _checks(tx, mine)}


def listed(tx: sa.Connection, where: sa.ColumnElement[bool], limit: int) -> list[Row]:
    """Incidents that became cases, newest first."""
    i = incidents.c
    columns = (i.case_id, i.incident_id, i.case_class, i.class_code, i.label, i.state, i.lat, i.lon, i.first_seen)
    query = sa.select(*columns).where(i.case_id.is_not(None), where).order_by(i.n.desc()).limit(limit)
    return [dict(row) for row in tx.execute(query).mappings()]


def _pictures(tx: sa.Connection, incident_id: str) -> list[Row]:
    """`url` is None for one that is not here (yet, or any more) or may not be shown; `source`: who sent it."""
    e = evidence_refs.c
    query = sa.select(e.sha256, e.kind, e.source).where(e.incident_id == incident_id).order_by(e.source).limit(ROWS_MAX)
    rows = [dict(row) for row in tx.execute(query).mappings()]
    shown = servable(tx, [row["sha256"] for row in rows])
    return [row | {"url": f"/evidence/{row['sha256']}" if row["sha256"] in shown else None} for row in rows]


def _witnesses(tx: sa.Connection, incident_id: str) -> list[Row]:
    """Each candidate of the incident with the rule that fired and its record in the device's evidence chain."""
    c, w = candidates.c, witnesses.c
    query = sa.select(c.device, c.candidate_id, c.received_at, c.payload, w.camera, w.reason).join(
        witnesses, sa.and_(w.device == c.device, w.candidate_id == c.candidate_id)
    )
    rows = []
    for row in tx.execute(query.where(w.incident_id == incident_id).order_by(c.n).limit(ROWS_MAX)).mappings():
        values: dict[str, Any] = dict(row)
        body = msgspec.json.decode(values.pop("payload"))
        rows.append(values | {name: body.get(name) for name in _FACTS})
    return rows


def _orders(tx: sa.Connection, incident_id: str) -> list[Row]:
    o = work_orders.c
    query = sa.select(o.order_id, o.crew, o.version, o.received_version, o.state, o.step)
    return [dict(r) for r in tx.execute(query.where(o.incident_id == incident_id).limit(ROWS_MAX)).mappings()]


def _checks(tx: sa.Connection, incident_id: str) -> list[Row]:
    v = verifies.c
    query = sa.select(v.verify_id, v.device, v.camera, v.verdict).where(v.incident_id == incident_id)
    return [dict(row) for row in tx.execute(query.order_by(v.verify_id).limit(ROWS_MAX)).mappings()]
