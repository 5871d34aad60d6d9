"""Which witnesses of open incidents a new sighting must be compared with; statements are built once, for speed."""

import math
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam as p

from gateway.matching import DEFAULT, GROUND_M_MAX, METRES_PER_DEGREE, Sighting, Thresholds, best
from gateway.quick import Quick
from gateway.tables import witnesses
from gateway.times import from_text

SAME_CAMERA_ROWS_MAX = 64
GROUND_ROWS_MAX = 256

_w = witnesses.c
_own = sa.and_(_w.device == p("device"), _w.camera == p("camera"))
_COLUMNS = (
    *(_w.device, _w.candidate_id, _w.incident_id, _w.camera, _w.place_id, _w.case_class),
    *(_w.lat, _w.lon, _w.error_major_m, _w.x1, _w.y1, _w.x2, _w.y2, _w.first_seen, _w.last_seen),
)
_newest = sa.select(*_COLUMNS).order_by(_w.last_seen.desc())
_BY_PLACE = Quick(_newest.where(_w.open.is_(True), _own, _w.place_id == p("place_id")).limit(SAME_CAMERA_ROWS_MAX))
_BY_BOX = Quick(
    _newest.where(
        _w.open.is_(True), _own, _w.case_class == p("case_class"), _w.x1.between(p("x_from"), p("x_to"))
    ).limit(SAME_CAMERA_ROWS_MAX)
)
_ON_GROUND = Quick(
    _newest.where(
        _w.open.is_(True),
        _w.case_class == p("case_class"),
        _w.lat.between(p("south"), p("north")),
        _w.lon.between(p("west"), p("east")),
        sa.not_(_own),
    ).limit(GROUND_ROWS_MAX)
)
_OWN_IN = _newest.where(_own, _w.incident_id.in_(p("ids", expanding=True))).limit(GROUND_ROWS_MAX)


def witnesses_near(tx: sa.Connection, new: Sighting, by: Thresholds = DEFAULT) -> list[tuple[str, Sighting]]:
    """(incident id, witness) pairs: the own camera's by place, then by box; else all on the ground around it."""
    values = _values(new, by)
    for query in (_BY_PLACE, _BY_BOX):
        found = _pairs(query.rows(tx, values))
        if best(new, found, by) is not None:
            return found
    around = _pairs(_ON_GROUND.rows(tx, values))
    if not around:
        return []
    ids = sorted({incident_id for incident_id, _ in around})
    return around + _pairs(tx.execute(_OWN_IN, {**values, "ids": ids}))


def sightings_of(tx: sa.Connection, incident_id: str) -> list[Sighting]:
    """All witnesses of an incident, the newest first."""
    return [seen for _, seen in _pairs(tx.execute(_newest.where(_w.incident_id == incident_id)))]


def _values(new: Sighting, by: Thresholds) -> dict[str, Any]:
    north = GROUND_M_MAX / METRES_PER_DEGREE
    east = north / max(0.01, math.cos(math.radians(new.lat)))
    width = new.box[2] - new.box[0]
    return {
        "device": new.device,
        "camera": new.camera,
        "place_id": new.place_id,
        "case_class": new.case_class,
        # IoU >= 0.5 allows a box at most twice as wide, so its left edge lies within one width on either side; a lower
        # one lets it lie farther to the left.
        "x_from": new.box[0] - width * max(1.0, 1.0 / by.iou_min - 1.0),
        "x_to": new.box[0] + width,
        "south": new.lat - north,
        "north": new.lat + north,
        "west": new.lon - east,
        "east": new.lon + east,
    }


def _pairs(rows: Iterable[Any]) -> list[tuple[str, Sighting]]:
    return [(row[2], _sighting(*row)) for row in rows]


def _sighting(
    device: str, name: str, _incident: str, camera: str, place: str, case_class: str, lat: float, lon: float,
    error_m: float, x1: float, y1: float, x2: float, y2: float, first: str, last: str,
) -> Sighting:  # fmt: skip
    """In the order of _COLUMNS."""
    seen = from_text(first), from_text(last)
    return Sighting(device, name, camera, place, case_class, lat, lon, error_m, (x1, y1, x2, y2), *seen)
