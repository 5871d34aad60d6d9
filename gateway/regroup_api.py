"""HTTP for splits and merges; the gate (gateway/people/access.py) decides who is let in."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from fastapi import FastAPI, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from gateway import regroup, teaching
from gateway.database import Database
from gateway.times import Clock, to_text

Name = Annotated[str, Field(min_length=1, max_length=128)]
Reason = Annotated[str, Field(min_length=1, max_length=2000)]
Limit = Annotated[int, Query(ge=1, le=1000)]


class MergeBody(BaseModel):
    """The other incident is the same thing."""

    other_id: Name
    person: Name
    reason: Reason


class WitnessBody(BaseModel):
    """One sighting."""

    device: Name
    candidate_id: Name


class SplitBody(BaseModel):
    """These sightings are of another thing."""

    witnesses: Annotated[list[WitnessBody], Field(min_length=1, max_length=500)]
    person: Name
    reason: Reason


class ApplyBody(BaseModel):
    """A person puts a proposed threshold in force."""

    case_class: teaching.CaseClass
    way: Literal["ground", "frame"]
    person: Name
    reason: Reason


def add_regroup(app: FastAPI, database: Database, clock: Clock, person: Callable[[Request, str], str]) -> None:
    """The routes. `person`: whose word a request is, from the name that it gives."""

    def refused(_request: Request, error: Exception) -> Response:
        return _json({"error": str(error)}, 409)

    app.add_exception_handler(regroup.NotRegrouped, refused)

    @app.post("/api/incidents/{incident_id}/merge")
    def merge(incident_id: str, body: MergeBody, request: Request) -> Response:
        name = person(request, body.person)
        with database.write() as tx:
            return _json(regroup.merge(tx, incident_id, body.other_id, name, body.reason, to_text(clock())))

    @app.post("/api/incidents/{incident_id}/split")
    def split(incident_id: str, body: SplitBody, request: Request) -> Response:
        name = person(request, body.person)
        moved = [(one.device, one.candidate_id) for one in body.witnesses]
        with database.write() as tx:
            return _json(regroup.split(tx, incident_id, moved, name, body.reason, to_text(clock())))

    @app.get("/api/incidents/{incident_id}/why")
    def why(incident_id: str) -> Response:
        with database.read() as tx:
            return _json(regroup.why(tx, incident_id))

    @app.get("/api/decisions")
    def decided(limit: Limit = 100) -> Response:
        with database.read() as tx:
            return _json(regroup.listed(tx, limit))

    @app.get("/api/matching")
    def matching() -> Response:
        with database.read() as tx:
            return _json({"proposals": teaching.proposals(tx), "applied": teaching.in_force(tx)})

    @app.post("/api/matching")
    def apply(body: ApplyBody, request: Request) -> Response:
        name = person(request, body.person)
        with database.write() as tx:
            return _json(teaching.apply(tx, body.case_class, body.way, name, body.reason, to_text(clock())))


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
