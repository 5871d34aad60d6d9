"""Measured precision and thresholds as HTTP."""

from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from gateway.registry.store import Registry
from gateway.registry.trust import applied, report
from gateway.registry.trust.propose import proposals
from gateway.times import to_text

Days = Annotated[int, Query(ge=1, le=3660)]
By = Literal["cell", "camera", "class_code", "hour", "camera_class"]
_BY: dict[By, tuple[str, ...]] = {
    "cell": ("camera", "class_code", "hour"),
    "camera": ("camera",),
    "class_code": ("class_code",),
    "hour": ("hour",),
    "camera_class": ("camera", "class_code"),
}


class SettleBody(BaseModel):
    """A named person applies a proposal, or dismisses it."""

    person: Annotated[str, Field(min_length=1, max_length=128)]
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    apply: bool


def add(app: FastAPI, registry: Registry) -> None:
    """The routes below /trust."""

    def since(days: int) -> str:
        return to_text(registry.now() - timedelta(days=days))

    @app.get("/trust")
    def precision(days: Days = 90, by: By = "cell") -> Response:
        with registry.database.read() as tx:
            return _json({"days": days, "rows": report.precision(tx, since(days), _BY[by])})

    @app.get("/trust/history")
    def history() -> Response:
        with registry.database.read() as tx:
            return _json({"rows": report.history(tx)})

    @app.get("/trust/thresholds")
    def listed() -> Response:
        with registry.database.read() as tx:
            return _json({"rows": applied.listed(tx)})

    @app.post("/trust/thresholds", status_code=201)
    def propose(days: Days = 90) -> dict[str, Any]:
        with registry.database.write() as tx:
            return {"numbers": applied.keep(tx, proposals(tx, since(days)), to_text(registry.now()))}

    @app.post("/trust/thresholds/{number}")
    def settle(number: int, body: SettleBody) -> Response:
        try:
            with registry.database.write() as tx:
                now = to_text(registry.now())
                return _json(applied.settle(tx, number, body.apply, body.person, body.reason, now))
        except applied.NotApplied as error:
            raise HTTPException(409, str(error)) from error


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
