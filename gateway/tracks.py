"""Where handsets were (轨迹): kept apart from everything else, for a limited time and number, and every look is written
down."""

from typing import Any

import msgspec
import sqlalchemy as sa

from edge.wire import Op
from gateway.duty_tables import track_views, tracks
from gateway.times import to_text

POINTS_MAX = 20_000
DEVICES_STEP = 100  # looked at for too many points in one step of retention
_T = tracks.c


def keep(tx: sa.Connection, op: Op, crew: str) -> Op:
    """The points of a track into their table; returns the operation without them, so that they end with it."""
    rows = [
        {"device": op.device, "crew": crew, "at": to_text(p.at), "lat": p.lat, "lon": p.lon, "accuracy_m": p.accuracy_m}
        for p in op.points
    ]
    if rows:
        tx.execute(sa.insert(tracks), rows)
    return msgspec.structs.replace(op, points=[])


def look(tx: sa.Connection, device: str, span: tuple[str, str], person: str, reason: str, now: str) -> dict[str, Any]:
    """A handset's way in [since, until) as GeoJSON, WGS-84, at most POINTS_MAX points; who looked and why stays."""
    since, until = span
    mine = sa.and_(_T.device == device, _T.at >= since, _T.at < until)
    query = sa.select(_T.at, _T.lat, _T.lon, _T.crew).where(mine).order_by(_T.at, _T.n)
    rows = list(tx.execute(query.limit(POINTS_MAX)))
    view = {"at": now, "person": person, "reason": reason, "device": device, "since": since, "until": until}
    tx.execute(sa.insert(track_views), {**view, "points": len(rows)})
    way = {"type": "LineString", "coordinates": [[row.lon, row.lat] for row in rows]}
    crews = sorted({row.crew for row in rows})
    properties = {"device": device, "crews": crews, "times": [row.at for row in rows]}
    return {"type": "Feature", "geometry": way if len(rows) > 1 else None, "properties": properties}


def views(tx: sa.Connection, limit: int) -> list[dict[str, Any]]:
    """Who looked, newest first."""
    rows = tx.execute(sa.select(track_views).order_by(track_views.c.n.desc()).limit(limit)).mappings()
    return [dict(row) for row in rows]


def sweep(tx: sa.Connection, before: str, limit: int) -> int:
    """What is older goes, at most `limit` points; the list of looks stays."""
    old = sa.select(_T.n).where(_T.at < before).limit(limit)
    return drop(tx, list(tx.scalars(old)))


def waits(tx: sa.Connection, before: str) -> bool:
    """Whether something is older."""
    return tx.scalar(sa.select(_T.n).where(_T.at < before).limit(1)) is not None


def crowded(tx: sa.Connection, after: str, keep: int, limit: int) -> tuple[list[int], str]:
    """Points of handsets that have more than `keep`, their oldest ones, at most `limit`; and where to go on: the last
    handset that was looked at, "" when there is none after it."""
    found: list[int] = []
    for _ in range(DEVICES_STEP):
        device = tx.scalar(sa.select(sa.func.min(_T.device)).where(_T.device > after))
        if device is None:
            return found, ""
        room = limit - len(found)
        newest = sa.select(_T.n).where(_T.device == device).order_by(_T.at.desc(), _T.n.desc())
        over = list(tx.scalars(newest.offset(keep).limit(room)))
        found += over
        if len(over) == room:
            return found, after  # there may be more of this one
        after = str(device)
    return found, after


def drop(tx: sa.Connection, numbers: list[int]) -> int:
    """These points."""
    if numbers:
        tx.execute(sa.delete(tracks).where(_T.n.in_(numbers)))
    return len(numbers)
