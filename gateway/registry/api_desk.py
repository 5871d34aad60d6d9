"""Routes of the registry's API for a desk: map, queue, the page of one case, search by number. They change nothing."""

from datetime import timedelta
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import Response

from gateway.registry import desk
from gateway.registry.store import Registry, UnknownCase
from gateway.tiles import Box

Code = Annotated[str, Query(max_length=64)]
Codes = Annotated[list[str], Query(max_length=64)]
Days = Annotated[int, Query(ge=0, le=desk.RECENT_DAYS_MAX)]
Edge = Annotated[str, Query(max_length=100)]


def add(app: FastAPI, registry: Registry) -> None:
    """Onto the application."""

    @app.get("/map")
    def map_view(
        box: Edge,
        limit: Annotated[int, Query(ge=1, le=desk.MAP_MAX)] = 500,
        class_code: Codes = [],  # noqa: B006 (FastAPI copies it)
        subdistrict: Codes = [],  # noqa: B006
        recent_days: Days = 0,
    ) -> Response:
        since = registry.now() - timedelta(days=recent_days) if recent_days else None
        with registry.database.read() as tx:
            return _json(desk.map_view(tx, _box(box), limit, class_code, subdistrict, since))

    @app.get("/queue")
    def queue(
        after: Code = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        district: Code = "",
        subdistrict: Code = "",
        patrol_area: Code = "",
        department: Code = "",
        class_code: Code = "",
    ) -> Response:
        where = desk.Filter(district, subdistrict, patrol_area, department, class_code)
        with registry.database.read() as tx:
            return _json(desk.queue(tx, after, limit, where))

    @app.get("/cases/{case_id}/page")
    def page(case_id: str) -> Response:
        with registry.database.read() as tx:
            found = desk.case_page(tx, case_id)
        if found is None:
            raise UnknownCase(f"no case '{case_id}'")
        return _json(found)

    @app.get("/search")
    def search(number: Annotated[str, Query(min_length=1, max_length=128)]) -> Response:
        with registry.database.read() as tx:
            return _json({"cases": desk.search(tx, number, desk.local_day(registry.now()))})


def _box(text: str) -> Box:
    """`south,west,north,east` in degrees."""
    try:
        south, west, north, east = (float(part) for part in text.split(","))
        return Box(south, west, north, east)
    except ValueError as error:
        raise HTTPException(422, f"box '{text}': give south,west,north,east in degrees, WGS-84") from error


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
