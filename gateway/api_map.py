"""The map over HTTP: each asks for what the asker's places hold."""

from functools import lru_cache
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from gateway import onmap, second_looks
from gateway.database import Database
from gateway.people.api import Door
from gateway.sight import Sight

Number = Annotated[int, Query(ge=0, le=2**53)]
Limit = Annotated[int, Query(ge=1, le=5000)]


def add_map(app: FastAPI, database: Database, sight: Sight, door: Door) -> None:
    """Mount `/api/map`, `/api/city`, `/api/things`. `datum`: wgs84 or gcj02, in which the points are told."""

    @lru_cache(maxsize=2)
    def outlines(datum: onmap.Datum) -> bytes:
        return msgspec.json.encode(onmap.outlines(sight.city, datum))

    @app.get("/api/map")
    def on_map(request: Request, since: Number = 0, limit: Limit = 1500, datum: onmap.Datum = "wgs84") -> Response:
        at = door.places(request, "case.view")
        with database.read() as tx:
            return _json(onmap.incident_rows(tx, sight, at, since, limit, datum))

    @app.get("/api/city")
    def city(datum: onmap.Datum = "wgs84") -> Response:
        return Response(outlines(datum), media_type="application/json")

    @app.get("/api/things")
    def things(request: Request, datum: onmap.Datum = "wgs84") -> Response:
        at = door.places(request, "case.view")
        with database.read() as tx:
            return _json(onmap.things(tx, sight, at, datum))


def add_second_looks(app: FastAPI, database: Database) -> None:
    """Mount `/api/second_looks`: places that wait for a look, as `zhuomu drone plan` reads them."""

    @app.get("/api/second_looks")
    def places() -> Response:
        with database.read() as tx:
            return _json(second_looks.geojson(second_looks.waiting(tx)))


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
