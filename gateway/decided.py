"""What operators decided before, where a new sighting is placed: never merged again, never split again.

A decision speaks of places (a kiosk's own names for things), so it holds for every later sighting of them and says
nothing about other things that happen to stand there another day; those it teaches by thresholds (gateway/lessons.py).
"""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam as p

from gateway.matching import DEFAULT, Sighting, Thresholds, best
from gateway.nearby import witnesses_near
from gateway.quick import Quick
from gateway.regroup_tables import match_thresholds, place_pairs
from gateway.tables import witnesses

PAIRS_MAX = 500

_d, _w, _t = place_pairs.c, witnesses.c, match_thresholds.c
_mine = sa.and_(_d.device == p("device"), _d.camera == p("camera"), _d.place_id == p("place_id"))
_same = sa.and_(_w.device == _d.other_device, _w.camera == _d.other_camera, _w.place_id == _d.other_place)
_PAIRS = Quick(
    sa.select(_w.incident_id, _d.together, _d.decision)
    .select_from(place_pairs.join(witnesses, _same))
    .where(_mine, _w.open.is_(True))
    .order_by(_d.decision.desc())
    .limit(PAIRS_MAX)
)
_THRESHOLDS = Quick(
    sa.select(_t.ground_sigmas, _t.iou_min).where(_t.case_class == p("case_class")).order_by(_t.n.desc()).limit(1)
)


@dataclass(frozen=True)
class Told:
    """Open incidents that a place was decided to belong to, and those that it must stay out of, each with the number
    of the decision."""

    together: dict[str, int] = field(default_factory=dict)
    apart: dict[str, int] = field(default_factory=dict)


def told(tx: sa.Connection, new: Sighting) -> Told:
    """What decisions say about this sighting's place."""
    found = Told()
    values = {"device": new.device, "camera": new.camera, "place_id": new.place_id}
    for incident_id, together, decision in _PAIRS.rows(tx, values):
        (found.together if together else found.apart).setdefault(incident_id, int(decision))
    return found


def thresholds(tx: sa.Connection, case_class: str) -> Thresholds:
    """What is in force for a class."""
    rows: list[Any] = _THRESHOLDS.rows(tx, {"case_class": case_class})
    return Thresholds(*rows[0]) if rows else DEFAULT


def choose(tx: sa.Connection, new: Sighting) -> tuple[str, str] | None:
    """(incident id, reason) for a new sighting: its own place first, then decisions, then the rule; or None."""
    by, rule = told(tx, new), thresholds(tx, new.case_class)
    near = [pair for pair in witnesses_near(tx, new, rule) if pair[0] not in by.apart]
    joined = [(n, incident_id) for incident_id, n in by.together.items() if incident_id not in by.apart]
    own = any(new.same_camera(w) and w.place_id == new.place_id for _, w in near)
    if joined and not own:
        number, incident_id = max(joined)
        return incident_id, f"an operator said that these places are one thing (decision {number})"
    found = best(new, near, rule)
    if found is None or not by.apart:
        return found
    return found[0], f"{found[1]}; kept out of {len(by.apart)} by decision {max(by.apart.values())}"
