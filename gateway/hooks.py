"""States that come back by webhook: `POST /hooks/<target>`, signed as we sign ours, idempotent, small."""

import time
from collections.abc import Callable, Mapping

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from gateway import deliveries, signing
from gateway.bulk import Bulk
from gateway.counters import Counters
from gateway.database import Database
from gateway.targets.base import News
from gateway.targets.settings import TargetSettings
from gateway.times import Clock, to_text

BODY_BYTES_MAX = 16 * 1024
log = structlog.get_logger()


class HookBody(msgspec.Struct, kw_only=True):
    """`id`: what the target answered to the report (or our incident id); `state`: its own word, see `states`."""

    id: str
    state: str
    reason: str = ""


def add_hooks(
    app: FastAPI,
    database: Database,
    targets: list[TargetSettings],
    counters: Counters,
    clock: Clock,
    on_news: Callable[[], None],
    wall_s: Callable[[], float] = time.time,
) -> None:
    """Mount the door; targets that are no webhooks have none."""
    known = {t.name: (t, t.secret_texts()) for t in targets if t.kind == "webhook"}

    @app.post("/hooks/{name}")
    async def hook(name: str, request: Request) -> Response:
        target, secrets = known.get(name, (None, [""]))
        body = await _body(request)
        if body is None:
            return _refuse(counters, 413, f"over {BODY_BYTES_MAX} bytes")
        if target is None or not any(_may(target, secret, request.headers, body, wall_s()) for secret in secrets):
            return _refuse(counters, 403, "unknown target, or signature wrong or older than five minutes")
        try:
            told = msgspec.json.decode(body, type=HookBody)
        except msgspec.DecodeError as error:
            return _refuse(counters, 400, f"not a state: {error}")
        found, changed = await run_in_threadpool(_apply, database, target, told, to_text(clock()))
        if not found:
            return _refuse(counters, 404, f"{name} was never given a case '{told.id[:128]}'")
        counters.add("hooks_taken")
        if changed:
            on_news()
        return Response(msgspec.json.encode({"changed": changed}), media_type="application/json")


def _apply(database: Database, target: TargetSettings, told: HookBody, now: str) -> tuple[bool, bool]:
    with database.write() as tx:
        incident_id = deliveries.by_remote(tx, target.name, told.id)
        if incident_id is None:
            return False, False
        bulk = Bulk(tx)
        news = News(incident_id, told.id, told.state[:64], told.reason[:500])
        changed = deliveries.changed(tx, bulk, target.name, dict(target.states), news, now)
        bulk.flush()
    return True, changed


def _may(target: TargetSettings, secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    if target.auth == "header":
        return signing.same(secret, headers.get(target.header, ""))
    stamp, signature = headers.get(signing.TIMESTAMP, ""), headers.get(signing.SIGNATURE, "")
    return signing.genuine(secret, stamp, signature, body, now_s)


async def _body(request: Request) -> bytes | None:
    """At most BODY_BYTES_MAX; None for more."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_MAX:
            return None
    return body


def _refuse(counters: Counters, status: int, reason: str) -> Response:
    counters.add("hooks_refused")
    return Response(msgspec.json.encode({"error": reason}), status, media_type="application/json")
