"""`/api/fleet`: who runs what, and what they should run; reading is free as elsewhere, changing needs a token."""

import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import FastAPI, Header, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, Response
from msgspec import Meta

from edge.wire import WireError
from gateway import fleet, fleet_releases, fleet_view
from gateway.database import Database
from gateway.take import DEVICE
from gateway.times import Clock, to_text

T = TypeVar("T")
BODY_BYTES_MAX = 256 * 1024
Limit = Annotated[int, Query(ge=1, le=5000)]
Token = Annotated[str, Header(alias="Authorization")]
Who = Annotated[str, Meta(min_length=1, max_length=100)]
Why = Annotated[str, Meta(max_length=500)]
Part = Annotated[float, Meta(gt=0, le=1)]


class Order(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A new rollout. `document`: as the kiosks know it (edge/kiosk/wanted.py); `share`: of the scope's devices, rounded
    up; `refusals_max`: so many devices may refuse before it is paused."""

    document: dict[str, Any]
    by: Who
    scope: str = "all"
    share: Part = 1.0
    refusals_max: Annotated[int, Meta(ge=0, le=10_000)] = 0
    why: Why = ""


class Change(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is to become of a rollout."""

    by: Who
    state: Annotated[str, Meta(pattern="^(running|paused|ended)$")] | None = None
    share: Part | None = None


class Group(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A device's group, "" for none."""

    group: Annotated[str, Meta(max_length=63)]


def add_fleet(
    app: FastAPI, database: Database, data: Path, token: str, clock: Clock, on_news: Callable[[], None]
) -> None:
    """Mount it. `token` "": nothing can be changed."""
    _add_reading(app, database, data, clock)

    @app.post("/api/fleet/rollouts")
    async def begin(request: Request, authorization: Token = "") -> Response:
        order = await _asked(request, Order, token, authorization)
        body = msgspec.json.encode(order.document).decode()

        def work() -> int:
            with database.write() as tx:
                args = (order.scope, order.share, order.refusals_max, order.by, order.why, to_text(clock()))
                return fleet.create(tx, body, *args)

        version = await _done(work)
        on_news()
        return _json({"version": version}, 201)

    @app.post("/api/fleet/rollouts/{n}")
    async def change(n: int, request: Request, authorization: Token = "") -> Response:
        asked = await _asked(request, Change, token, authorization)

        def work() -> dict[str, Any]:
            with database.write() as tx:
                row = fleet.change(tx, n, to_text(clock()), asked.by, state=asked.state or "", share=asked.share)
                return fleet_view.rollout(tx, row)

        changed = await _done(work)
        on_news()
        return _json(changed)

    @app.put("/api/fleet/devices/{device}/group")
    async def group(device: str, request: Request, authorization: Token = "") -> Response:
        asked = await _asked(request, Group, token, authorization)
        if not DEVICE.fullmatch(device):
            raise HTTPException(422, f"{device[:64]!r} is no device's name")

        def work() -> None:
            with database.write() as tx:
                fleet.put_into_group(tx, device, asked.group, to_text(clock()))

        await _done(work)
        on_news()
        return _json({"device": device, "group": asked.group})


def _add_reading(app: FastAPI, database: Database, data: Path, clock: Clock) -> None:
    @app.get("/api/fleet/devices")
    def device_list(limit: Limit = 2000, group: str = "") -> Response:
        with database.read() as tx:
            return _json(fleet_view.device_list(tx, clock(), limit, group))

    @app.get("/api/fleet/rollouts")
    def rollouts(limit: Limit = 50) -> Response:
        with database.read() as tx:
            return _json(fleet_view.rollout_list(tx, limit))

    @app.get("/api/fleet/rollouts/{n}")
    def one(n: int) -> Response:
        with database.read() as tx:
            try:
                return _json(fleet_view.rollout(tx, fleet.found(tx, n)))
            except fleet.FleetError as error:
                raise HTTPException(404, str(error)) from error

    @app.get("/api/fleet/releases")
    def releases() -> Response:
        return _json(fleet_releases.listed(data))

    @app.get("/fleet/releases/{release}/{name}")
    def file(release: str, name: str) -> Response:
        path = fleet_releases.path_of(data, release, name)
        if path is None:
            raise HTTPException(404, "no such release or file; see /api/fleet/releases")
        return FileResponse(path, media_type="application/octet-stream", headers={"X-Content-Type-Options": "nosniff"})


async def _asked(request: Request, kind: type[T], token: str, given: str) -> T:
    if not token:
        raise HTTPException(403, "nothing can be changed here: set fleet_token in the gateway's file")
    if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        raise HTTPException(401, "give the fleet's token as Authorization: Bearer")
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > BODY_BYTES_MAX:
            raise HTTPException(413, f"over {BODY_BYTES_MAX} bytes")
    try:
        return msgspec.json.decode(bytes(body), type=kind)
    except msgspec.DecodeError as error:
        raise HTTPException(422, str(error)) from error


async def _done(work: Callable[[], T]) -> T:
    try:
        return await run_in_threadpool(work)
    except (fleet.FleetError, WireError) as error:
        raise HTTPException(422, str(error)) from error


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
