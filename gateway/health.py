"""`/metrics`, `/healthz` (should this process be started again?) and `/readyz` (may it be given work?)."""

from collections.abc import Callable
from typing import Any

import msgspec
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST

from gateway.counters import Counters
from gateway.database import Database


def add_health(
    app: FastAPI,
    database: Database,
    counters: Counters,
    is_up: Callable[[], bool],
    is_well: Callable[[], bool],
    render: Callable[[], bytes],
) -> None:
    """`is_up`: the broker can be reached; `is_well`: every part runs and none is being stopped."""

    @app.get("/healthz")
    def healthz() -> Response:
        return _answer(_state(database, is_up, is_well), counters, "running", "database")

    @app.get("/readyz")
    def readyz() -> Response:
        return _answer(_state(database, is_up, is_well), counters, "running", "database", "broker")

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(render(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _state(database: Database, is_up: Callable[[], bool], is_well: Callable[[], bool]) -> dict[str, bool]:
    try:
        with database.read() as tx:
            tx.execute(sa.select(1))
        answers = True
    except sa.exc.OperationalError:
        answers = False
    return {"running": bool(is_well()), "database": answers, "broker": bool(is_up())}


def _answer(state: dict[str, bool], counters: Counters, *needed: str) -> Response:
    ok = all(state[name] for name in needed)
    body: dict[str, Any] = {"ok": ok, **state, "counters": counters.snapshot()}
    return Response(msgspec.json.encode(body), 200 if ok else 503, media_type="application/json")
