"""The base map over HTTP: what there is, and its tiles."""

from typing import Annotated

import msgspec
from fastapi import FastAPI, HTTPException
from fastapi import Path as InPath
from fastapi.responses import Response

from gateway.basemap import ZOOM_MAX, Tiles

Zoom = Annotated[int, InPath(ge=0, le=ZOOM_MAX)]
Place = Annotated[int, InPath(ge=0, lt=2**ZOOM_MAX)]
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=86400"}


def add_basemap(app: FastAPI, tiles: Tiles | None) -> None:
    """Mount `/api/basemap` (null: the plain grid) and `/api/tiles/<z>/<x>/<y>`."""
    about = msgspec.json.encode(tiles.about if tiles else None)

    @app.get("/api/basemap")
    def described() -> Response:
        return Response(about, media_type="application/json")

    @app.get("/api/tiles/{z}/{x}/{y}")
    def tile(z: Zoom, x: Place, y: Place) -> Response:
        inside = max(x, y) < 2**z
        found = tiles.tile(z, x, y) if tiles is not None and inside else None
        if found is None:
            raise HTTPException(404, "no such tile")
        return Response(found[0], media_type=found[1], headers=HEADERS)
