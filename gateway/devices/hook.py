"""The broker's questions in EMQX's form: `POST /mqtt/authn` and `POST /mqtt/authz` answer allow, deny or ignore.

EMQX 5 (HTTP authentication and authorization, `emqx.io` docs "Use HTTP Service"): the request is JSON with the names
below, the answer `{"result": "allow" | "deny" | "ignore", "is_superuser": bool}` with status 200. Any broker that can
ask by HTTP is served the same way. The door opens only to whoever sends the secret as `X-Zhuomu-Hook`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from edge.link.passwords import matches
from edge.wire.access import GATEWAY_USER, may_publish, may_subscribe
from gateway import signing
from gateway.counters import Counters
from gateway.database import Database
from gateway.devices import known
from gateway.times import Clock
from gateway.tries import body_of

HEADER = "X-Zhuomu-Hook"
BODY_BYTES_MAX = 16 * 1024


class AuthnBody(msgspec.Struct):
    """`cert_common_name`: EMQX's `${cert_common_name}`, set when it has verified a client's certificate."""

    clientid: str
    username: str = ""
    password: str = ""
    cert_common_name: str = ""


class AuthzBody(msgspec.Struct):
    """`action`: EMQX's word for what is asked."""

    username: str
    topic: str
    action: str
    clientid: str = ""


def authn(database: Database, clock: Clock, gateway_password: str, asked: AuthnBody) -> str:
    """allow | deny. A device is its own client id, so none can push another out."""
    with database.read() as tx:
        standing, stored = known.standing(tx, clock()), known.passwords(tx)
    if asked.username == GATEWAY_USER and not asked.cert_common_name:
        return "allow" if signing.same(gateway_password, asked.password) else "deny"
    device = asked.cert_common_name or asked.username
    if device not in standing.active or asked.clientid != device:
        return "deny"
    if asked.cert_common_name:
        return "allow"
    return "allow" if matches(asked.password, stored.get(device, "")) else "deny"


def authz(asked: AuthzBody) -> str:
    """allow | deny; ignore for an action that we have no rule for."""
    rule = {"publish": may_publish, "subscribe": may_subscribe}.get(asked.action)
    if rule is None:
        return "ignore"
    return "allow" if rule(asked.username, asked.topic) else "deny"


def add_hook(
    app: FastAPI,
    database: Database,
    counters: Counters,
    clock: Clock,
    secrets: Sequence[str],
    gateway_password: str,
) -> None:
    """Mount both; `secrets`: all that are good now (two during a rotation), none keeps the door shut."""

    @app.post("/mqtt/authn")
    async def on_authn(request: Request) -> Response:
        return await answer(request, AuthnBody, lambda asked: authn(database, clock, gateway_password, asked))

    @app.post("/mqtt/authz")
    async def on_authz(request: Request) -> Response:
        return await answer(request, AuthzBody, authz)

    async def answer(request: Request, kind: type[Any], decide: Callable[[Any], str]) -> Response:
        given = request.headers.get(HEADER, "")
        if not any(signing.same(secret, given) for secret in secrets):
            return _told(counters, 403, {"error": f"{HEADER} is missing or wrong"})
        body = await body_of(request, BODY_BYTES_MAX)
        try:
            asked = msgspec.json.decode(body or b"", type=kind)
        except msgspec.DecodeError as error:
            return _told(counters, 400, {"error": f"not what is expected here: {error}"})
        result = await run_in_threadpool(decide, asked)
        counters.add(f"broker_{result}")
        superuser = {"is_superuser": False} if kind is AuthnBody else {}
        return Response(msgspec.json.encode({"result": result, **superuser}), media_type="application/json")


def _told(counters: Counters, status: int, body: dict[str, str]) -> Response:
    counters.add("hooks_refused")
    return Response(msgspec.json.encode(body), status, media_type="application/json")
