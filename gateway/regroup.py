"""An operator merges incidents or splits one: written down for ever, carried out at once, respected from then on."""

import hashlib
from collections.abc import Sequence
from itertools import product
from typing import Any

import msgspec
import sqlalchemy as sa

from edge.wire import Candidate
from gateway import feed, firsts, incidents
from gateway.bulk import Bulk
from gateway.lessons import Measured, measure
from gateway.matching import Sighting
from gateway.nearby import sightings_of
from gateway.regroup_tables import decisions, place_pairs
from gateway.tables import campaigns, candidates, evidence_refs, witnesses
from gateway.tables import incidents as incident_rows
from gateway.times import to_text

PAIRS_MAX = 2000
Witness = tuple[str, str]  # (device, candidate_id)
Row = dict[str, Any]


class NotRegrouped(ValueError):
    """It cannot be done; nothing has changed. `str()` says why and what to do."""


def merge(
    tx: sa.Connection, incident_id: str, other_id: str, person: str, reason: str, now: str, two_names: bool = False
) -> Row:
    """`other_id` is the same thing: its witnesses, pictures and numbers go to `incident_id`. Raises NotRegrouped.

    `two_names`: also where the two have different classes, for a person who has both pictures in sight.
    `cancel_case`: the other's case in the registry, which a person has to cancel there (作废); null if it has none."""
    kept, other = check(tx, incident_id, other_id, two_names)
    mine, theirs = sightings_of(tx, incident_id), sightings_of(tx, other_id)
    number = _write_down(tx, "merge", kept, other_id, (mine, theirs), person, reason, now)
    _move(tx, other_id, incident_id, [(s.device, s.candidate_id) for s in theirs], kept["open"])
    _span(tx, incident_id, mine + theirs, now)
    incidents.set_state(tx, other_id, "merged", now)
    firsts.regrouped(tx, "merge", number, (incident_id, other_id), (person, reason), now)
    return {"decision": number, "incident_id": incident_id, "other_id": other_id, "cancel_case": other["case_id"]}


def check(tx: sa.Connection, incident_id: str, other_id: str, two_names: bool = False) -> tuple[Row, Row]:
    """The two incidents, if the second can be merged into the first. Raises NotRegrouped."""
    if incident_id == other_id:
        raise NotRegrouped("an incident cannot be merged into itself; name two")
    kept, other = _incident(tx, incident_id), _incident(tx, other_id)
    if kept["case_class"] != other["case_class"] and not two_names:
        raise NotRegrouped(f"{kept['case_class']} and {other['case_class']} are not one thing; mend the class first")
    if not sightings_of(tx, other_id):
        raise NotRegrouped(f"{other_id} has no witnesses (any more): it was merged before")
    return kept, other


def split(tx: sa.Connection, incident_id: str, moved: Sequence[Witness], person: str, reason: str, now: str) -> Row:
    """These witnesses saw another thing: they become an incident of their own, on its way to the registry. Raises
    NotRegrouped."""
    kept = _incident(tx, incident_id)
    every = {(s.device, s.candidate_id): s for s in sightings_of(tx, incident_id)}
    wanted = list(dict.fromkeys(moved))
    if missing := [w for w in wanted if w not in every]:
        raise NotRegrouped(f"{missing[0][0]}/{missing[0][1]} is no witness of {incident_id}; load the incident again")
    theirs = [every[w] for w in wanted]
    mine = [s for w, s in every.items() if w not in set(wanted)]
    if not theirs or not mine:
        raise NotRegrouped("a split leaves at least one witness on either side; choose some, not all")
    if {_place(s) for s in mine} & {_place(s) for s in theirs}:
        raise NotRegrouped("one camera saw one place on both sides; witnesses of the same place stay together")
    first = min(theirs, key=lambda s: (s.first_seen, s.device, s.candidate_id))
    other_id = _new_id(tx, first, incident_id)
    number = _write_down(tx, "split", kept, other_id, (mine, theirs), person, reason, now)
    bulk = Bulk(tx)
    incidents.found(tx, bulk, other_id, _candidate(tx, first), now)
    bulk.flush()
    _move(tx, incident_id, other_id, wanted, True)
    _span(tx, other_id, theirs, now)
    _span(tx, incident_id, mine, now)
    firsts.regrouped(tx, "split", number, (incident_id, other_id), (person, reason), now)
    return {"decision": number, "incident_id": incident_id, "other_id": other_id, "cancel_case": None}


def listed(tx: sa.Connection, limit: int, incident_id: str = "") -> list[Row]:
    """Decisions, newest first; of one incident if it is named."""
    d = decisions.c
    query = sa.select(decisions).order_by(d.n.desc()).limit(limit)
    if incident_id:
        query = query.where(sa.or_(d.incident_id == incident_id, d.other_id == incident_id))
    return [dict(row) for row in tx.execute(query).mappings()]


def why(tx: sa.Connection, incident_id: str) -> Row:
    """Why these sightings are one incident: each witness with its reason, and what people decided. Raises
    NotRegrouped."""
    _incident(tx, incident_id)
    w = witnesses.c
    columns = (w.device, w.candidate_id, w.camera, w.place_id, w.lat, w.lon, w.error_major_m, w.first_seen, w.last_seen)
    query = sa.select(*columns, w.reason).where(w.incident_id == incident_id).order_by(w.first_seen, w.candidate_id)
    seen = [dict(row) for row in tx.execute(query).mappings()]
    return {"incident_id": incident_id, "witnesses": seen, "decisions": listed(tx, 100, incident_id)}


def _incident(tx: sa.Connection, incident_id: str) -> Row:
    query = sa.select(incident_rows).where(incident_rows.c.incident_id == incident_id)
    row = tx.execute(query).mappings().first()
    if row is None:
        raise NotRegrouped(f"no incident '{incident_id}'")
    return dict(row)


def _write_down(
    tx: sa.Connection,
    kind: str,
    kept: Row,
    other_id: str,
    sides: tuple[list[Sighting], list[Sighting]],
    person: str,
    reason: str,
    now: str,
) -> int:
    """The decision, and what follows for pairs of places; its number."""
    pairs = list(product({_place(s) for s in sides[0]}, {_place(s) for s in sides[1]}))
    if len(pairs) > PAIRS_MAX:
        raise NotRegrouped(f"{len(pairs)} pairs of places; at most {PAIRS_MAX}: split smaller pieces off")
    row = {"kind": kind, "incident_id": kept["incident_id"], "other_id": other_id, "case_class": kept["case_class"]}
    row |= {"person": person, "reason": reason, "at": now, "measured": msgspec.to_builtins(_measured(*sides))}
    done = tx.execute(sa.insert(decisions).values(row))
    number = int((done.inserted_primary_key or (0,))[0])
    for one, two in pairs:
        for mine, theirs in ((one, two), (two, one)):
            if mine != theirs:
                _pair(tx, mine, theirs, kind == "merge", number)
    bulk = Bulk(tx)
    text = f"{person} {kind}: {kept['incident_id']} and {other_id}: {reason}"
    feed.append(bulk, now, "incident", text, {"decision": number, "incident_id": kept["incident_id"]})
    bulk.flush()
    return number


def _measured(mine: list[Sighting], theirs: list[Sighting]) -> Measured:
    """What the decision teaches: a threshold is a class's, so of two names for one thing it teaches nothing."""
    return measure(mine, theirs) if len({s.case_class for s in (*mine, *theirs)}) == 1 else Measured()


def _pair(tx: sa.Connection, mine: tuple[str, ...], theirs: tuple[str, ...], together: bool, number: int) -> None:
    d = place_pairs.c
    names = ("device", "camera", "place_id", "other_device", "other_camera", "other_place")
    key = dict(zip(names, (*mine, *theirs), strict=True))
    same = sa.and_(*(d[name] == value for name, value in key.items()))
    values = {"together": together, "decision": number}
    if not tx.execute(sa.update(place_pairs).where(same).values(values)).rowcount:
        tx.execute(sa.insert(place_pairs), {**key, **values})


def _move(tx: sa.Connection, source: str, target: str, moved: Sequence[Witness], is_open: bool) -> None:
    """Witnesses, candidates and the pictures that these brought. Numbers on posters are copied: both sides may carry
    them."""
    c, w, r, n = candidates.c, witnesses.c, evidence_refs.c, campaigns.c
    for device, name in moved:
        mine = sa.and_(w.device == device, w.candidate_id == name)
        tx.execute(sa.update(witnesses).where(mine).values(incident_id=target, open=is_open))
        mine = sa.and_(c.device == device, c.candidate_id == name)
        tx.execute(sa.update(candidates).where(mine).values(incident_id=target))
        named = sa.and_(r.incident_id == source, r.source == f"candidate:{device}:{name}")
        tx.execute(sa.update(evidence_refs).where(named).values(incident_id=target))
    known = sa.select(n.campaign).where(n.incident_id == target)
    more = sa.select(sa.literal(target), n.campaign, n.first_at).where(
        n.incident_id == source, n.campaign.not_in(known)
    )
    tx.execute(sa.insert(campaigns).from_select(["incident_id", "campaign", "first_at"], more))


def _span(tx: sa.Connection, incident_id: str, seen: list[Sighting], now: str) -> None:
    """Where and when, anew out of its witnesses: the place with the smallest error, the first and the last time."""
    surest = min(seen, key=lambda s: s.error_major_m)
    values: Row = {"lat": surest.lat, "lon": surest.lon, "error_major_m": surest.error_major_m}
    values |= {
        "first_seen": to_text(min(s.first_seen for s in seen)),
        "last_seen": to_text(max(s.last_seen for s in seen)),
    }
    mine = incident_rows.c.incident_id == incident_id
    tx.execute(sa.update(incident_rows).where(mine).values(**values, revision=incidents.revision(now)))


def _candidate(tx: sa.Connection, seen: Sighting) -> Candidate:
    c = candidates.c
    query = sa.select(c.payload).where(c.device == seen.device, c.candidate_id == seen.candidate_id)
    return msgspec.json.decode(tx.execute(query).scalar_one(), type=Candidate)


def _new_id(tx: sa.Connection, first: Sighting, incident_id: str) -> str:
    # Derived, as gateway/incidents.py does; the count of decisions makes it new when the same is split off again.
    count = tx.scalar(sa.select(sa.func.count()).select_from(decisions)) or 0
    text = f"{first.device}\n{first.candidate_id}\n{incident_id}\n{count}"
    return "inc-" + hashlib.sha256(text.encode()).hexdigest()[:20]


def _place(seen: Sighting) -> tuple[str, str, str]:
    return seen.device, seen.camera, seen.place_id
