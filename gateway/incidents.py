"""Where candidates become incidents: one thing on the street is one incident with all its witnesses."""

import hashlib
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam as p

from edge.wire import Candidate, EvidenceRef
from gateway import campaigns, feed, firsts, forward
from gateway.bulk import Bulk
from gateway.decided import choose
from gateway.matching import Sighting
from gateway.quick import Quick
from gateway.tables import candidates, evidence_refs, incidents, witnesses
from gateway.times import from_text, to_text

_KNOWN = Quick(
    sa.select(witnesses.c.incident_id).where(
        witnesses.c.device == p("device"), witnesses.c.candidate_id == p("candidate_id")
    )
)
_INSERT_INCIDENT = Quick(sa.insert(incidents), tuple(c.name for c in incidents.c if c.name not in ("n", "case_id")))
_INSERT_WITNESS = Quick(sa.insert(witnesses), tuple(c.name for c in witnesses.c))

_i = incidents.c
_SEEN = Quick(sa.select(_i.lat, _i.lon, _i.error_major_m, _i.first_seen, _i.last_seen).where(_i.incident_id == p("of")))
_JOIN = Quick(
    sa.update(incidents)
    .where(_i.incident_id == p("of"))
    .values(lat=p("new_lat"), lon=p("new_lon"), error_major_m=p("new_error_m"))
    .values(first_seen=p("new_first"), last_seen=p("new_last"), revision=p("new"))
)


@dataclass(frozen=True)
class Placed:
    """What became of a candidate. `known`: it had been placed before, under another message."""

    incident_id: str
    is_new: bool
    reason: str
    known: bool = False


def place(tx: sa.Connection, bulk: Bulk, candidate: Candidate, payload: bytes, now: str) -> Placed:
    """Attach a candidate to its incident, or found one and put it on its way to the registry."""
    sighting = sighting_of(candidate)
    before = _KNOWN.rows(tx, {"device": candidate.device, "candidate_id": candidate.candidate_id})
    if before:
        known = str(before[0][0])
        bulk.flush()
        _see_again(tx, candidate, payload, known, now)
        return Placed(known, False, "candidate known already", known=True)
    chosen = choose(tx, sighting)
    incident_id, reason = chosen or (_incident_id(candidate), "first sighting")
    mine = firsts.keep(tx, candidate.device, candidate.candidate_id, candidate.epoch, candidate.seq, now)
    if chosen is None:
        found(tx, bulk, incident_id, candidate, now, mine)
    else:
        _join(tx, incident_id, sighting, now)
    _insert_witness(tx, incident_id, sighting, reason)
    if chosen is not None:
        firsts.joined(tx, incident_id, candidate.candidate_id, mine, now)
    campaigns.note(tx, incident_id, candidate.campaigns, now)
    placed = Placed(incident_id, chosen is None, reason)
    _write_down(bulk, candidate, payload, placed, now)
    return placed


def sighting_of(candidate: Candidate) -> Sighting:
    """The part of a candidate that the matching rule sees."""
    x1, y1, x2, y2 = candidate.box
    width, height = candidate.frame_width, candidate.frame_height
    return Sighting(
        device=candidate.device,
        candidate_id=candidate.candidate_id,
        camera=candidate.camera,
        place_id=candidate.place_id,
        case_class=candidate.case_class,
        lat=candidate.place.lat,
        lon=candidate.place.lon,
        error_major_m=candidate.place.error_major_m,
        box=(x1 / width, y1 / height, x2 / width, y2 / height),
        first_seen=candidate.first_seen,
        last_seen=candidate.last_seen,
    )


def set_state(tx: sa.Connection, incident_id: str, state: str, now: str, **values: Any) -> None:
    """The state of an incident follows its case; a closed one takes no more candidates in."""
    is_open = state not in ("closed", "rejected", "merged")
    row = {"state": state, "open": is_open, "revision": revision(now), **values}
    tx.execute(sa.update(incidents).where(incidents.c.incident_id == incident_id).values(row))
    changed = sa.and_(witnesses.c.incident_id == incident_id, witnesses.c.open != is_open)
    tx.execute(sa.update(witnesses).where(changed).values(open=is_open))


def refer(bulk: Bulk, references: list[EvidenceRef], incident_id: str, source: str) -> None:
    """Remember which pictures belong to an incident, whether their bytes are here yet or not."""
    for reference in {r.sha256: r for r in references}.values():
        row = {"sha256": reference.sha256, "kind": reference.kind, "redacted": reference.redacted}
        bulk.add(evidence_refs, {**row, "incident_id": incident_id, "source": source})


def revision(now: str) -> int:
    """Microseconds since 1970: grows with every change, because writers take their time inside their transaction."""
    return int(from_text(now).timestamp() * 1_000_000)


def _incident_id(candidate: Candidate) -> str:
    # Derived, not random: the same messages give the same ids in every run.
    text = f"{candidate.device}\n{candidate.candidate_id}"
    return "inc-" + hashlib.sha256(text.encode()).hexdigest()[:20]


def found(
    tx: sa.Connection, bulk: Bulk, incident_id: str, candidate: Candidate, now: str, told: firsts.Body | None = None
) -> None:
    """A new incident, and its report on the way to the registry. `told`: its place in the order of sightings."""
    row = {
        "incident_id": incident_id,
        "case_class": candidate.case_class,
        "class_code": candidate.class_code,
        "label": candidate.label,
        "state": "found",
        "open": True,
        "lat": candidate.place.lat,
        "lon": candidate.place.lon,
        "error_major_m": candidate.place.error_major_m,
        "first_seen": to_text(candidate.first_seen),
        "last_seen": to_text(candidate.last_seen),
        "revision": revision(now),
    }
    _INSERT_INCIDENT.run(tx, row)
    forward.put_new(
        bulk, forward.report_key(incident_id), incident_id, "/reports", {**_report(row, candidate), **(told or {})}, now
    )


def _report(row: dict[str, Any], candidate: Candidate) -> dict[str, Any]:
    names = ("incident_id", "case_class", "class_code", "label", "lat", "lon", "error_major_m", "first_seen")
    source = {"device": candidate.device, "camera": candidate.camera, "candidate_id": candidate.candidate_id}
    traced = {"trace": candidate.trace} if candidate.trace else {}
    more = {"score": candidate.score, "rule": candidate.rule, **traced}
    return {**{name: row[name] for name in names}, **source, **more}


def _join(tx: sa.Connection, incident_id: str, sighting: Sighting, now: str) -> None:
    lat, lon, error_m, first, last = _SEEN.rows(tx, {"of": incident_id})[0]
    if sighting.error_major_m < error_m:
        lat, lon, error_m = sighting.lat, sighting.lon, sighting.error_major_m
    seen = min(first, to_text(sighting.first_seen)), max(last, to_text(sighting.last_seen))
    place = {"new_lat": lat, "new_lon": lon, "new_error_m": error_m}
    _JOIN.run(tx, {**place, "of": incident_id, "new_first": seen[0], "new_last": seen[1], "new": revision(now)})


def _see_again(tx: sa.Connection, candidate: Candidate, payload: bytes, incident_id: str, now: str) -> None:
    campaigns.note(tx, incident_id, candidate.campaigns, now)
    seen = to_text(candidate.last_seen)
    w, c = witnesses.c, candidates.c
    same = sa.and_(w.device == candidate.device, w.candidate_id == candidate.candidate_id)
    # Messages overtake each other, the more so when several gateways share them: older news change nothing.
    if not tx.execute(sa.update(witnesses).where(same, w.last_seen <= seen).values(last_seen=seen)).rowcount:
        return
    same = sa.and_(c.device == candidate.device, c.candidate_id == candidate.candidate_id)
    tx.execute(sa.update(candidates).where(same).values(payload=payload))
    older = sa.and_(incidents.c.incident_id == incident_id, incidents.c.last_seen < seen)
    tx.execute(sa.update(incidents).where(older).values(last_seen=seen, revision=revision(now)))


def _insert_witness(tx: sa.Connection, incident_id: str, sighting: Sighting, reason: str) -> None:
    names = ("device", "candidate_id", "camera", "place_id", "case_class", "lat", "lon", "error_major_m")
    row = {name: getattr(sighting, name) for name in names}
    row |= dict(zip(("x1", "y1", "x2", "y2"), sighting.box, strict=True))
    row |= {"first_seen": to_text(sighting.first_seen), "last_seen": to_text(sighting.last_seen)}
    _INSERT_WITNESS.run(tx, {**row, "incident_id": incident_id, "open": True, "reason": reason})


def _write_down(bulk: Bulk, candidate: Candidate, payload: bytes, placed: Placed, now: str) -> None:
    row = {"device": candidate.device, "candidate_id": candidate.candidate_id, "case_class": candidate.case_class}
    bulk.add(candidates, {**row, "incident_id": placed.incident_id, "received_at": now, "payload": payload})
    refer(bulk, candidate.evidence, placed.incident_id, f"candidate:{candidate.device}:{candidate.candidate_id}")
    what = f"{candidate.case_class} {candidate.class_code} {candidate.label}"
    where = f"{candidate.device}/{candidate.camera}"
    data = {"candidate_id": candidate.candidate_id, "device": candidate.device, "incident_id": placed.incident_id}
    text = f"{what} at {where}, score {candidate.score:.2f}"
    feed.append(bulk, now, "candidate", text, {**data, "reason": placed.reason})
    if placed.is_new:
        feed.append(bulk, now, "incident", f"{what} at {where} {candidate.place_id}", data)
