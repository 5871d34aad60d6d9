"""The gateway's HTTP API and the pictures; everything is read-only here."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import FileResponse, Response, StreamingResponse

from gateway import campaigns, devices, evidence, feed, queries, reviewed
from gateway.counters import Counters
from gateway.database import Database
from gateway.evidence import SHA256, EvidenceStore

Limit = Annotated[int, Query(ge=1, le=5000)]
Number = Annotated[int, Query(ge=0, le=2**53)]
PICTURE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, max-age=3600",
}


def add_routes(
    app: FastAPI,
    database: Database,
    pictures: EvidenceStore,
    counters: Counters,
    guard: Callable[[Request, str], None] = lambda request, sha256: None,
) -> None:
    """Mount everything but health and metrics (gateway/health.py). `guard`: asked before a picture is shown, raises
    HTTPException."""
    _add_lists(app, database)
    _add_counters(app, counters)

    @app.get("/evidence/{sha256}")
    def picture(sha256: str, request: Request) -> Response:
        if not SHA256.fullmatch(sha256):
            raise HTTPException(404, "no such picture")
        with database.read() as tx:
            media_type = evidence.servable(tx, sha256)
        if media_type is None:
            raise HTTPException(404, "no such picture")
        guard(request, sha256)
        if not pictures.moves and (path := pictures.path(sha256)).is_file():
            return FileResponse(path, media_type=media_type, headers=PICTURE_HEADERS)
        try:
            shown = pictures.show(sha256)
        except OSError as error:
            raise HTTPException(503, "the pictures cannot be reached now; try again") from error
        if shown is None:
            raise HTTPException(404, "no such picture")
        headers = {**PICTURE_HEADERS, "Content-Length": str(shown.size_bytes)}
        return StreamingResponse(shown.pieces, media_type=media_type, headers=headers)


def _add_lists(app: FastAPI, database: Database) -> None:
    @app.get("/api/summary")
    def summary() -> Response:
        with database.read() as tx:
            return _json(queries.summary(tx))

    @app.get("/api/feed")
    def events(after: Number = 0, limit: Limit = 500) -> Response:
        with database.read() as tx:
            return _json(feed.after(tx, after, limit))

    @app.get("/api/incidents")
    def incidents(after: Number = 0, limit: Limit = 1000, state: str = "", campaign: str = "") -> Response:
        with database.read() as tx:
            return _json(queries.incident_list(tx, after, limit, state, campaign))

    @app.get("/api/campaigns")
    def on_campaigns(limit: Limit = 100) -> Response:
        with database.read() as tx:
            return _json(campaigns.listed(tx, limit))

    @app.get("/api/candidates")
    def candidates(limit: Limit = 50) -> Response:
        with database.read() as tx:
            return _json(queries.candidate_list(tx, limit))

    @app.get("/api/waiting")
    def waiting(limit: Limit = 50) -> Response:
        with database.read() as tx:
            return _json(reviewed.waiting(tx, limit))

    @app.get("/api/reviewed")
    def decided(after: Number = 0, limit: Annotated[int, Query(ge=1, le=500)] = 200) -> Response:
        with database.read() as tx:
            return _json(reviewed.reviewed(tx, after, limit))

    @app.get("/api/devices")
    def device_list(limit: Limit = 2000) -> Response:
        with database.read() as tx:
            return _json(devices.listed(tx, limit))

    @app.get("/api/dead_letters")
    def dead_letters(limit: Limit = 100) -> Response:
        with database.read() as tx:
            return _json(queries.dead_letter_list(tx, limit))


def _add_counters(app: FastAPI, counters: Counters) -> None:
    @app.get("/api/counters")
    def counted() -> Response:
        return _json(counters.snapshot())


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
