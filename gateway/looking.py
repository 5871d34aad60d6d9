"""Before a picture is shown: whether its thing lies in the asker's places; who looked goes into the audit log."""

from collections.abc import Callable

import sqlalchemy as sa
from fastapi import HTTPException, Request

from gateway.database import Database
from gateway.people.api import Door
from gateway.people.places import CITY
from gateway.sight import Sight
from gateway.tables import evidence_refs, incidents


def guard(database: Database, sight: Sight, door: Door) -> Callable[[Request, str], None]:
    """What `api.add_routes` asks; raises HTTPException."""

    def ask(request: Request, sha256: str) -> None:
        at = door.places(request, "picture.view")
        if at and CITY not in at and not _within(database, sight, at, sha256):
            raise HTTPException(403, "this picture belongs to another place")
        door.picture(request, sha256)

    return ask


def _within(database: Database, sight: Sight, at: tuple[str, ...], sha256: str) -> bool:
    i, e = incidents.c, evidence_refs.c
    query = sa.select(i.lat, i.lon, i.class_code).join_from(evidence_refs, incidents, i.incident_id == e.incident_id)
    with database.read() as tx:
        return any(sight.sees(at, *row) for row in tx.execute(query.where(e.sha256 == sha256)))
