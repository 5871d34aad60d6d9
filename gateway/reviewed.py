"""What people decided about candidates: cases that wait for a decision, and decisions with what they were about."""

from collections import defaultdict
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.queries import Row, servable
from gateway.tables import candidates, incidents, registry_events

AUTO_FILE = "auto_file"  # who files in the registry when no person does
_NAMES = ("camera", "place_id", "label", "score", "box", "frame_width", "frame_height", "model", "model_sha256")
_STEPS = ("filed", "rejected", "disposed", "verdict")


def waiting(tx: sa.Connection, limit: int) -> list[Row]:
    """Incidents whose case is neither filed nor rejected, oldest first, each with its first candidate."""
    i, c = incidents.c, candidates.c
    query = sa.select(i.case_id, i.lat, i.lon, c.device, c.case_class, c.received_at, c.payload)
    query = query.join_from(incidents, candidates, c.n == first_of(i.incident_id))
    query = query.where(i.open, i.state == "reported", i.case_id.is_not(None)).order_by(i.n).limit(limit)
    rows = [dict(row) for row in tx.execute(query).mappings()]
    bodies = [msgspec.json.decode(row.pop("payload")) for row in rows]
    shown = servable(tx, [picture["sha256"] for body in bodies for picture in body.get("evidence", [])])
    names = ("camera", "place_id", "class_code", "label", "score", "rule")
    return [
        row | {name: body[name] for name in names} | {"evidence": _pictures(body, shown)}
        for row, body in zip(rows, bodies, strict=True)
    ]


def reviewed(tx: sa.Connection, after: int, limit: int) -> Row:
    """Candidates after number `after`, in the order in which they came, each with what was decided about its case.

    `decision`: confirmed (filed by a person), rejected (by a person), unreviewed (filed by the city's standing order),
    waiting, or witness: a further candidate of the incident, whose picture is not the one that the desk was shown.
    `next`: the number to go on from; None after the last page.
    """
    i, c = incidents.c, candidates.c
    query = sa.select(candidates, i.case_id, (c.n == first_of(c.incident_id)).label("first"))
    query = query.join(incidents, i.incident_id == c.incident_id).where(c.n > after).order_by(c.n).limit(limit)
    rows = [dict(row) for row in tx.execute(query).mappings()]
    bodies = [msgspec.json.decode(row.pop("payload")) for row in rows]
    shown = servable(tx, [picture["sha256"] for body in bodies for picture in body.get("evidence", [])])
    steps = _steps(tx, [row["case_id"] for row in rows if row["case_id"]])
    told = [
        row
        | {name: body[name] for name in (*_NAMES, "first_seen", "last_seen")}
        | {"evidence": _pictures(body, shown)}
        | (decision(steps[row["case_id"]]) if row["first"] else decision([]) | {"decision": "witness"})
        for row, body in zip(rows, bodies, strict=True)
    ]
    return {"candidates": told, "next": rows[-1]["n"] if len(rows) == limit else None}


def decision(steps: list[Row]) -> Row:
    """Pure: a case's steps, oldest first, to the decision about it. A step from before the mirror kept names has no
    actor, so nobody is known to have looked: unreviewed. `handled`: a crew disposed of it and a camera saw it gone."""
    kinds = [step["kind"] for step in steps]
    out: Row = {"decision": "waiting", "person": "", "reason": "", "cause": "", "decided_at": ""}
    cleared = any(s["kind"] == "verdict" and s["data"].get("verdict") == "cleared" for s in steps)
    out["handled"] = "disposed" in kinds and cleared
    for step in steps:
        if step["kind"] not in ("filed", "rejected"):
            continue
        data = step["data"]
        who = str(data.get("actor", ""))
        by_person = who not in ("", AUTO_FILE)
        word = {"filed": "confirmed", "rejected": "rejected"}[step["kind"]] if by_person else "unreviewed"
        out |= {"decision": word, "person": who if by_person else "", "reason": data.get("reason", "")}
        out |= {"cause": data.get("cause", ""), "decided_at": step["at"]}
    return out


def first_of(incident_id: sa.ColumnElement[str]) -> sa.ScalarSelect[int]:
    """The number of the incident's first candidate: the one that its case was reported with."""
    other = candidates.alias()
    return sa.select(sa.func.min(other.c.n)).where(other.c.incident_id == incident_id).scalar_subquery()


def _steps(tx: sa.Connection, case_ids: list[str]) -> dict[str, list[Row]]:
    e = registry_events.c
    query = sa.select(registry_events).where(e.kind.in_(_STEPS), e.case_id.in_(case_ids)).order_by(e.n)
    found: dict[str, list[Row]] = defaultdict(list)
    for row in tx.execute(query).mappings():
        found[row["case_id"]].append(dict(row))
    return found


def _pictures(body: dict[str, Any], shown: set[str]) -> list[Row]:
    """`url` is None for a picture that is not here (yet, or any more) or may not be shown."""
    return [
        {
            "sha256": picture["sha256"],
            "kind": picture["kind"],
            "url": f"/evidence/{picture['sha256']}" if picture["sha256"] in shown else None,
        }
        for picture in body.get("evidence", [])
    ]
