"""Catching up on much over HTTP: the same pages with the same cursor, for whom the token names. Lists for people."""

from typing import Annotated, Any

import msgspec
import sqlalchemy as sa
from fastapi import FastAPI, Header, HTTPException, Query
from fastapi.responses import Response

from gateway.database import Database
from gateway.sync import handsets, pages
from gateway.sync.books import SqlReader
from gateway.sync.tokens import Tokens
from gateway.times import Clock

Place = Annotated[str, Query(max_length=200)]
Epoch = Annotated[str, Query(pattern=r"^[0-9a-f]{8,32}$")]
Limit = Annotated[int, Query(ge=1, le=5000)]


def add_routes(app: FastAPI, database: Database, tokens: Tokens, clock: Clock) -> None:
    """`/api/sync/page` for handsets, `/api/handsets...` to look at."""

    @app.get("/api/sync/page")
    def page(epoch: Epoch, cursor: Place = "", authorization: Annotated[str, Header(max_length=400)] = "") -> Response:
        device = tokens.device(authorization.removeprefix("Bearer "), clock())
        if device is None:
            raise HTTPException(401, "no token, or one that is no longer good: ask for a page over MQTT, it brings one")
        with database.read() as tx:
            if handsets.is_revoked(tx, device):
                raise HTTPException(403, f"handset {device} was revoked")
            return _json(pages.page(SqlReader(tx), device, epoch, cursor, clock()))

    @app.get("/api/handsets")
    def listed(limit: Limit = 5000) -> Response:
        with database.read() as tx:
            return _json(handsets.listed(tx, limit))

    @app.get("/api/handsets/reviews")
    def reviews(limit: Limit = 500) -> Response:
        with database.read() as tx:
            return _json(handsets.reviews(tx, limit))

    @app.get("/api/handsets/{device}/unsent")
    def unsent(device: str) -> Response:
        with database.read() as tx:
            return _json(_unsent(tx, device))


def _unsent(tx: sa.Connection, device: str) -> dict[str, Any]:
    try:
        return handsets.unsent_work(tx, device)
    except handsets.UnknownHandset as error:
        raise HTTPException(404, str(error)) from error


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
