"""Rewards as HTTP: reports with their outcome, months, the ledger's state. No route tells who a pseudonym is."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import FastAPI, Header, HTTPException, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from gateway.registry.reward import lists, month
from gateway.registry.reward.told import GroupingBody, SightingBody, keep_grouping, keep_sighting
from gateway.registry.reward.verify import verify
from gateway.registry.store import Registry, Work
from gateway.times import to_text

MonthText = Annotated[str, Field(pattern=r"^20\d{2}-(0[1-9]|1[0-2])$")]
Key = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=300)]
Outcome = Literal["", "open", "rewarded", "refused", "reversed"]


class PersonBody(BaseModel):
    """Who approves a list, or says that it was paid."""

    person: Annotated[str, Field(min_length=1, max_length=128)]


def add(app: FastAPI, registry: Registry) -> None:
    """The routes below /rewards, and those by which the gateway tells who saw what first."""
    _add_told(app, registry)

    @app.get("/rewards")
    def listed(outcome: Outcome = "", limit: Annotated[int, Query(ge=1, le=5000)] = 200) -> Response:
        with registry.database.read() as tx:
            return _json({"reports": lists.reports(tx, outcome, limit)})

    @app.get("/rewards/verify")
    def verified(expect: Annotated[str, Query(pattern="^([0-9a-f]{64})?$")] = "") -> Response:
        with registry.database.read() as tx:
            found = verify(tx, expect)
        body = {"ok": not found.problems, "rows": found.rows, "months": found.seals, "head": found.head}
        return _json(body | {"problems": found.problems})

    @app.get("/rewards/months/{month_text}")
    def one_month(month_text: MonthText) -> Response:
        with registry.database.read() as tx:
            seal = month.sealed(tx, month_text)
            return _json(_shown(seal, month.listed(seal) if seal else month.draw_up(tx, month_text)))

    @app.post("/rewards/months/{month_text}/approve")
    def approve(month_text: MonthText, body: PersonBody) -> Response:
        return _step(month.approve, month_text, body.person)

    @app.post("/rewards/months/{month_text}/settle")
    def settle(month_text: MonthText, body: PersonBody) -> Response:
        return _step(month.settle, month_text, body.person)

    def _step(step: Any, month_text: str, person: str) -> Response:
        try:
            with registry.database.write() as tx:
                seal = step(tx, month_text, person, registry.now())
        except month.NotNow as error:
            raise HTTPException(409, str(error)) from error
        return _json(_shown(seal, month.listed(seal)))


def _add_told(app: FastAPI, registry: Registry) -> None:
    @app.post("/sightings", status_code=201)
    def sighting(body: SightingBody, key: Key) -> dict[str, Any]:
        def keep(work: Work) -> dict[str, Any]:
            keep_sighting(work.journal.tx, body.incident_id, body, to_text(work.now))
            return {"incident_id": body.incident_id}

        return registry.once(key, ["sighting", body.model_dump()], keep)

    @app.post("/groupings", status_code=201)
    def grouping(body: GroupingBody, key: Key) -> dict[str, Any]:
        def keep(work: Work) -> dict[str, Any]:
            keep_grouping(work.journal.tx, body, to_text(work.now))
            return {"decision": body.decision}

        return registry.once(key, ["grouping", body.model_dump()], keep)


def _shown(seal: dict[str, Any] | None, body: dict[str, Any]) -> dict[str, Any]:
    names = ("approved_by", "approved_at", "settled_by", "settled_at", "hash")
    return body | {name: seal[name] if seal else "" for name in names}


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
