"""The review queue: cases that wait for a person, each with all that a person needs to decide, and its neighbours."""

import math
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.matching import METRES_PER_DEGREE
from gateway.queries import Row, servable
from gateway.reviewed import first_of
from gateway.sight import Sight
from gateway.tables import candidates, incidents
from gateway.times import from_text, to_text

QUEUE_MAX = 200
OVER_READ = 4
NEAR_M = 50.0  # cases within 50 m and 24 h are shown together before filing
NEAR_H = 24.0
NEIGHBOURS_MAX = 9
_FACTS = (
    *("camera", "place_id", "class_code", "label", "score", "rule", "rule_version", "zone", "dwell_s", "model"),
    *("first_seen", "last_seen", "standard", "filing_condition", "limit", "campaigns"),
    *("evidence_record", "evidence_missing"),
)


def waiting(tx: sa.Connection, sight: Sight, at: Iterable[str], limit: int = QUEUE_MAX) -> list[Row]:
    """What waits in these places, oldest first: incident, device, class and place of each."""
    i, at = incidents.c, tuple(at)
    columns = (i.n, i.incident_id, i.case_id, i.case_class, i.class_code, i.label, i.lat, i.lon, i.first_seen)
    query = sa.select(*columns).where(i.open, i.state == "reported", i.case_id.is_not(None), sight.narrowed(at))
    rows = [dict(row) for row in tx.execute(query.order_by(i.n).limit(limit * OVER_READ)).mappings()]
    return [row for row in rows if sight.sees(at, row["lat"], row["lon"], row["class_code"])][:limit]


def one(tx: sa.Connection, incident_id: str) -> Row | None:
    """A waiting incident with its first candidate's facts and pictures (by kind: before, frame, crop)."""
    i, c = incidents.c, candidates.c
    query = sa.select(i.incident_id, i.case_id, i.state, i.case_class, i.lat, i.lon, i.first_seen.label("since"))
    query = query.add_columns(c.device, c.received_at, c.payload)
    query = query.join_from(incidents, candidates, c.n == first_of(i.incident_id))
    row = tx.execute(query.where(i.incident_id == incident_id)).mappings().first()
    if row is None:
        return None
    found = dict(row)
    body = msgspec.json.decode(found.pop("payload"))
    found |= {name: body.get(name) for name in _FACTS}
    return found | {"pictures": _pictures(tx, body), "neighbours": neighbours(tx, found)}


def neighbours(tx: sa.Connection, of: Row) -> list[Row]:
    """Other incidents within 50 m and 24 h, nearest first, with `distance_m` and `apart_h`."""
    i, at = incidents.c, from_text(of["since"])
    north = NEAR_M / METRES_PER_DEGREE
    east = north / max(0.01, math.cos(math.radians(of["lat"])))
    span = timedelta(hours=NEAR_H)
    query = sa.select(i.incident_id, i.case_id, i.case_class, i.class_code, i.label, i.state, i.lat, i.lon, i.last_seen)
    query = query.add_columns(i.first_seen).where(
        i.incident_id != of["incident_id"],
        i.lat.between(of["lat"] - north, of["lat"] + north),
        i.lon.between(of["lon"] - east, of["lon"] + east),
        i.first_seen <= to_text(at + span),
        i.last_seen >= to_text(at - span),
    )
    rows = []
    for row in tx.execute(query.limit(NEIGHBOURS_MAX * 20)).mappings():
        distance_m = _apart_m(of, row)
        if distance_m <= NEAR_M:
            apart_h = (from_text(row["first_seen"]) - at).total_seconds() / 3600
            rows.append({**row, "distance_m": distance_m, "apart_h": apart_h})
    return sorted(rows, key=lambda row: (row["distance_m"], row["incident_id"]))[:NEIGHBOURS_MAX]


def _apart_m(a: Any, b: Any) -> float:
    """Flat earth: good for 50 m."""
    north = (a["lat"] - b["lat"]) * METRES_PER_DEGREE
    east = (a["lon"] - b["lon"]) * METRES_PER_DEGREE * math.cos(math.radians(a["lat"]))
    return math.hypot(north, east)


def _pictures(tx: sa.Connection, body: Row) -> dict[str, str]:
    """Kind -> address, of those that are here and may be shown."""
    told = body.get("evidence", [])
    shown = servable(tx, [picture["sha256"] for picture in told])
    return {p["kind"]: f"/evidence/{p['sha256']}" for p in reversed(told) if p["sha256"] in shown}
