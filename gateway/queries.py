"""What can be asked of the gateway's database: the summary, incidents, candidates, devices, dead letters."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway import campaigns, forward, tables
from gateway.tables import (
    candidates,
    dead_letters,
    evidence,
    evidence_refs,
    incidents,
    messages,
    registry_events,
    witnesses,
    work_orders,
)

Row = dict[str, Any]


def summary(tx: sa.Connection) -> dict[str, int]:
    """Counts: ours of what was taken in, the registry's of what became of it."""
    steps = registry_events.c
    kinds = tx.execute(sa.select(steps.kind, sa.func.count(sa.distinct(steps.case_id)).label("n")).group_by(steps.kind))
    cases = {row.kind: row.n for row in kinds}
    every = tx.execute(
        sa.select(steps.kind, sa.func.count().label("n"))
        .where(steps.kind.in_(("disposed", "verdict")))
        .group_by(steps.kind)
    )
    times = {row.kind: row.n for row in every}
    return {
        "candidates": _count(tx, candidates),
        "receipts": _count(tx, messages, messages.c.code.is_(None)),
        "dead_letters": _count(tx, dead_letters),
        "incidents": _count(tx, incidents),
        "cases": cases.get("filed", 0),
        "work_orders": _count(tx, work_orders),
        "disposals": times.get("disposed", 0),
        "verdicts": times.get("verdict", 0),
        "closed": cases.get("closed", 0),
        "forward_left": forward.left(tx),
    }


def incident_list(tx: sa.Connection, after: int, limit: int, state: str = "", campaign: str = "") -> list[Row]:
    """Incidents newest first (`after` 0) or those after number `after`, oldest first, with their witnesses (x1 to y2:
    the box in that camera's picture, as shares of it) and the campaigns that their posters belong to. `campaign`: only
    those that carry this telephone number."""
    query = sa.select(incidents).where(incidents.c.n > after)
    query = query.where(incidents.c.state == state) if state else query
    query = query.where(incidents.c.incident_id.in_(_carrying(campaign))) if campaign else query
    query = query.order_by(incidents.c.n if after else incidents.c.n.desc()).limit(limit)
    rows = [dict(row) for row in tx.execute(query).mappings()]
    ids = [row["incident_id"] for row in rows]
    seen_by, carried = _witnesses(tx, ids), campaigns.of_incidents(tx, ids)
    return [
        row | {"witnesses": seen_by[row["incident_id"]], "campaigns": carried.get(row["incident_id"], [])}
        for row in rows
    ]


def _carrying(campaign: str) -> sa.Select[tuple[str]]:
    return sa.select(tables.campaigns.c.incident_id).where(tables.campaigns.c.campaign == campaign)


def candidate_list(tx: sa.Connection, limit: int) -> list[Row]:
    """The newest candidates with their pictures; a picture has a url only when it may be shown."""
    newest = sa.select(candidates).order_by(candidates.c.n.desc()).limit(limit)
    rows = [dict(row) for row in tx.execute(newest).mappings()]
    bodies = [msgspec.json.decode(row.pop("payload")) for row in rows]
    shown = servable(tx, [picture["sha256"] for body in bodies for picture in body.get("evidence", [])])
    carried = campaigns.of_incidents(tx, [row["incident_id"] for row in rows])
    return [
        row | _candidate(body, shown) | {"campaigns": carried.get(row["incident_id"], [])}
        for row, body in zip(rows, bodies, strict=True)
    ]


def dead_letter_list(tx: sa.Connection, limit: int) -> list[Row]:
    """The newest dead letters; the payload as text as far as it is any."""
    newest = sa.select(dead_letters).order_by(dead_letters.c.n.desc()).limit(limit)
    rows = [dict(row) for row in tx.execute(newest).mappings()]
    return [row | {"payload": bytes(row["payload"])[:2000].decode(errors="replace")} for row in rows]


def _count(tx: sa.Connection, table: sa.Table, where: sa.ColumnElement[bool] | None = None) -> int:
    query = sa.select(sa.func.count()).select_from(table)
    return tx.scalar(query if where is None else query.where(where)) or 0


def _witnesses(tx: sa.Connection, ids: list[str]) -> dict[str, list[Row]]:
    w = witnesses
    named = (w.c.incident_id, w.c.device, w.c.camera, w.c.place_id, w.c.candidate_id, w.c.reason)
    box = (w.c.x1, w.c.y1, w.c.x2, w.c.y2)
    found: dict[str, list[Row]] = defaultdict(list)
    for row in tx.execute(sa.select(*named, *box).where(w.c.incident_id.in_(ids)).order_by(w.c.first_seen)).mappings():
        values = dict(row)
        found[values.pop("incident_id")].append(values)
    return found


def servable(tx: sa.Connection, hashes: list[str]) -> set[str]:
    """Those of the pictures that are stored and may be shown."""
    refused = sa.select(evidence_refs.c.sha256).where(
        evidence_refs.c.sha256.in_(hashes), evidence_refs.c.redacted.is_(False)
    )
    e = evidence.c
    query = sa.select(e.sha256).where(e.sha256.in_(hashes), e.stored, e.redacted, e.sha256.not_in(refused))
    return set(tx.scalars(query))


def _candidate(body: Row, shown: Iterable[str]) -> Row:
    names = ("camera", "place_id", "class_code", "label", "score", "rule", "rule_version", "zone", "dwell_s", "model")
    pictures = [
        {**picture, "url": f"/evidence/{picture['sha256']}" if picture["sha256"] in shown else None}
        for picture in body.get("evidence", [])
    ]
    place = {"lat": body["place"]["lat"], "lon": body["place"]["lon"], "error_major_m": body["place"]["error_major_m"]}
    times = {name: body[name] for name in ("first_seen", "last_seen")}
    return {**{name: body[name] for name in names}, **place, **times, "box": body["box"], "evidence": pictures}
