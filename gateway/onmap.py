"""What the map draws: the city's own outlines (no tiles from anywhere), its incidents, kiosks, drones and handsets."""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import sqlalchemy as sa
from shapely import box, transform, unary_union
from shapely.geometry import mapping

from gateway.gcj02 import shifted
from gateway.registry.city import City
from gateway.sight import Sight
from gateway.tables import devices, incidents, registry_events, witnesses

Row = dict[str, Any]
Datum = Literal["wgs84", "gcj02"]
OVER_READ = 4  # rows read for one that is shown, where a place is no box
THINGS_MAX = 5000
STEPS_READ = 5000


def shown(lat: float, lon: float, datum: Datum) -> tuple[float, float]:
    """A point as the map draws it."""
    return shifted(lat, lon) if datum == "gcj02" else (lat, lon)


def incident_rows(
    tx: sa.Connection, sight: Sight, at: Iterable[str], since: int, limit: int, datum: Datum
) -> list[Row]:
    """Incidents of these places that changed at or after revision `since`, newest change first."""
    i, at = incidents.c, tuple(at)
    columns = (i.n, i.incident_id, i.case_class, i.class_code, i.label, i.state, i.lat, i.lon, i.case_id, i.revision)
    query = sa.select(*columns, i.first_seen, i.last_seen).where(i.revision >= since, sight.narrowed(at))
    query = query.order_by(i.revision.desc()).limit(limit * OVER_READ)
    rows = [dict(row) for row in tx.execute(query).mappings()]
    seen = [row for row in rows if sight.sees(at, row["lat"], row["lon"], row["class_code"])][:limit]
    return [row | dict(zip(("lat", "lon"), shown(row["lat"], row["lon"], datum), strict=True)) for row in seen]


def outlines(city: City, datum: Datum) -> Row:
    """Districts and subdistricts as GeoJSON, out of their grid cells."""
    features = []
    for kind, places in (("subdistrict", city.subdistricts), ("district", city.districts)):
        for place in places:
            boxes = [box(c.west, c.south, c.east, c.north) for c in city.cells if c.code.startswith(place.code)]
            if boxes:
                drawn = transform(unary_union(boxes, grid_size=1e-7), lambda points: _drawn(points, datum))
                names = {"kind": kind, "code": place.code, "name": place.name}
                features.append({"type": "Feature", "properties": names, "geometry": mapping(drawn)})
    return {"type": "FeatureCollection", "name": city.name, "datum": datum, "features": features}


def things(tx: sa.Connection, sight: Sight, at: Iterable[str], datum: Datum) -> list[Row]:
    """Kiosks, drones and handsets with the newest place that is known of each; `by`: how it is known. One whose place
    nobody told is left out here and stands on the fleet page."""
    known = _by_witness(tx) | _by_step(tx) | {k.code: (k.lat, k.lon, "city's list", "") for k in sight.city.kiosks}
    heard = {row.device: row for row in tx.execute(sa.select(devices).limit(THINGS_MAX))}
    kinds = {kiosk.code: "kiosk" for kiosk in sight.city.kiosks} | {
        name: row.kind for name, row in heard.items() if row.kind
    }
    rows = []
    for name, kind in sorted(kinds.items()):
        if name not in known or not sight.sees(at, known[name][0], known[name][1], ""):
            continue
        lat, lon, by, when = known[name]
        lat, lon = shown(lat, lon, datum)
        online = heard[name].online if name in heard else None
        last = heard[name].last_heard if name in heard else ""
        rows.append({"device": name, "kind": kind, "online": online, "last_heard": last, "lat": lat, "lon": lon})
        rows[-1] |= {"by": by, "at": when}
    return rows


def _by_witness(tx: sa.Connection) -> dict[str, tuple[float, float, str, str]]:
    """The ground that a device saw last: a drone is near it, a kiosk looks at it."""
    w = witnesses.c
    newest = sa.select(w.device, sa.func.max(w.last_seen).label("at")).group_by(w.device).subquery()
    query = sa.select(w.device, w.lat, w.lon, w.last_seen).join(
        newest, sa.and_(newest.c.device == w.device, newest.c.at == w.last_seen)
    )
    return {row.device: (row.lat, row.lon, "what it saw last", row.last_seen) for row in tx.execute(query)}


def _by_step(tx: sa.Connection) -> dict[str, tuple[float, float, str, str]]:
    """Where a crew took its last step."""
    e = registry_events.c
    found: dict[str, tuple[float, float, str, str]] = {}
    kinds = ("accepted", "arrived", "disposed", "returned")
    query = sa.select(e.data, e.at).where(e.kind.in_(kinds)).order_by(e.n.desc()).limit(STEPS_READ)
    for row in tx.execute(query):
        lat, lon = row.data.get("lat"), row.data.get("lon")
        if lat is not None and lon is not None:
            found.setdefault(str(row.data["actor"]), (lat, lon, "its last step", row.at))
    return found


def _drawn(points: np.ndarray, datum: Datum) -> np.ndarray:
    """(N, 2) longitude, latitude -> the same as the map draws them."""
    return np.array([shown(lat, lon, datum)[::-1] for lon, lat in points]).reshape(-1, 2)
