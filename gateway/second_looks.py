"""Places that wait for somebody to look again (open checks), for the desk and as GeoJSON for `zhuomu drone plan`."""

from typing import Any

import sqlalchemy as sa

from gateway.tables import devices, incidents, verifies

Row = dict[str, Any]
PLACES_MAX = 200  # `zhuomu drone plan` takes no more in one plan


def waiting(tx: sa.Connection) -> list[Row]:
    """Checks that nobody has answered, oldest case first. `kind`: of the device that was asked."""
    v, i = verifies.c, incidents.c
    columns = (
        v.verify_id,
        v.case_id,
        v.device,
        v.camera,
        devices.c.kind,
        i.label,
        i.class_code,
        i.lat,
        i.lon,
        i.last_seen,
    )
    query = sa.select(*columns).select_from(verifies)
    query = query.join(incidents, i.incident_id == v.incident_id)
    query = query.outerjoin(devices, devices.c.device == v.device)
    query = query.where(v.waiting, v.verdict == "").order_by(i.last_seen, v.verify_id).limit(PLACES_MAX)
    return [dict(row) for row in tx.execute(query).mappings()]


def geojson(rows: list[Row]) -> Row:
    """Points of kind "check"; fence and home are the city's own file's."""
    return {"type": "FeatureCollection", "features": [_feature(row) for row in rows]}


def _feature(row: Row) -> Row:
    told = {"kind": "check", "id": row["verify_id"], "name": f"{row['case_id']} {row['label']}"}
    place = {"type": "Point", "coordinates": [round(row["lon"], 7), round(row["lat"], 7)]}
    return {"type": "Feature", "properties": told, "geometry": place}
