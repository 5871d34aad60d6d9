"""Checks (核查): the camera that saw a thing is asked to look again, until it answers; one answer per request."""

from typing import Any

import msgspec
import sqlalchemy as sa

from edge.wire import Candidate, UnknownReference, Verdict, Verify, encode
from gateway import forward, incidents
from gateway.bulk import Bulk
from gateway.tables import candidates, devices, verifies, witnesses
from gateway.times import to_text


def ask(tx: sa.Connection, case_id: str, incident_id: str, verify_id: str, now: str) -> None:
    """Write down a request for a look; an older one of the same incident is no longer sent."""
    older = sa.and_(verifies.c.incident_id == incident_id, verifies.c.waiting)
    tx.execute(sa.update(verifies).where(older).values(waiting=False))
    candidate = _witness(tx, incident_id)
    if candidate is None:
        return
    message = _verify(candidate, incident_id, verify_id)
    row: dict[str, Any] = {
        "verify_id": verify_id,
        "case_id": case_id,
        "incident_id": incident_id,
        "device": candidate.device,
    }
    row |= {"camera": candidate.camera, "verdict": "", "attempts": 0, "next_at": now, "waiting": True}
    tx.execute(sa.insert(verifies), {**row, "payload": encode(message)})


def answer(tx: sa.Connection, bulk: Bulk, verdict: Verdict, now: str) -> None:
    """A verdict goes to the registry; a second one for the same request changes nothing. Raises UnknownReference."""
    mine = verifies.c.verify_id == verdict.verify_id
    asked = tx.execute(sa.select(verifies).where(mine)).mappings().first()
    if asked is None or asked["device"] != verdict.device or asked["incident_id"] != verdict.incident_id:
        raise UnknownReference(f"verdict on '{verdict.verify_id}': {verdict.device} was never asked this")
    if asked["verdict"]:
        return
    tx.execute(sa.update(verifies).where(mine).values(verdict=verdict.verdict, waiting=False))
    incidents.refer(bulk, verdict.evidence, verdict.incident_id, f"verdict:{verdict.verify_id}")
    _forward(tx, verdict, asked["case_id"], now)


def _witness(tx: sa.Connection, incident_id: str) -> Candidate | None:
    """The newest candidate of an incident, a kiosk's before others': a drone may be far away by now."""
    same = sa.and_(candidates.c.device == witnesses.c.device, candidates.c.candidate_id == witnesses.c.candidate_id)
    query = (
        sa.select(candidates.c.payload)
        .join(witnesses, same)
        .outerjoin(devices, devices.c.device == witnesses.c.device)
        .where(witnesses.c.incident_id == incident_id)
        .order_by(sa.case((devices.c.kind == "kiosk", 0), else_=1), witnesses.c.last_seen.desc())
    )
    payload = tx.scalar(query.limit(1))
    return None if payload is None else msgspec.json.decode(payload, type=Candidate)


def _verify(candidate: Candidate, incident_id: str, verify_id: str) -> Verify:
    return Verify(
        verify_id=verify_id,
        incident_id=incident_id,
        camera=candidate.camera,
        place_id=candidate.place_id,
        case_class=candidate.case_class,
        label=candidate.label,
        box=candidate.box,
        frame_width=candidate.frame_width,
        frame_height=candidate.frame_height,
    )


def _forward(tx: sa.Connection, verdict: Verdict, case_id: str, now: str) -> None:
    body: dict[str, Any] = {
        "check_id": verdict.verify_id,
        "verdict": verdict.verdict,
        "actor": f"{verdict.device}/{verdict.camera}",
    }
    body |= {"at": to_text(verdict.at), "reason": "; ".join(look.reason for look in verdict.looks if look.reason)[:500]}
    body |= {"evidence": [reference.sha256 for reference in verdict.evidence]}
    forward.put(tx, f"verdict:{verdict.verify_id}", verdict.incident_id, f"/cases/{case_id}/verdicts", body, now)
