"""The registry's HTTP API; what changes something takes an Idempotency-Key."""

import time
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Body, FastAPI, Header, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from edge.link.spans import NoSpans, Spans
from edge.wire import CaseClass
from edge.wire.trace import TRACEPARENT
from gateway import tracing
from gateway.registry import api_desk, api_evaluation, api_people, queries
from gateway.registry.cases import Answer, CrewStep, Decide, File, Refused, Reject
from gateway.registry.duty import api as duty_api
from gateway.registry.reward import api as reward_api
from gateway.registry.store import KeyReused, Registry, UnknownCase
from gateway.registry.trust import api as trust_api

Name = Annotated[str, Field(min_length=1, max_length=128)]
Text = Annotated[str, Field(max_length=2000)]
Reason = Annotated[str, Field(min_length=1, max_length=2000)]
Hashes = Annotated[list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]], Field(max_length=16)]
Key = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=300)]
OptionalKey = Annotated[str, Header(alias="Idempotency-Key", max_length=300)]
Limit = Annotated[int, Query(ge=1, le=5000)]
Answered = dict[str, Any]
REPORTS_MAX = 500  # in one request and one transaction


class ReportBody(BaseModel):
    """A report (上报) of one incident. `source` and what follows: who saw it first, as the gateway can prove it, where
    it says so; a handset's is a person's report. `seq`: the device's own number in its `epoch`, `received_at`: since
    when that number is proven (UTC): received, or anything that the device numbered after it."""

    incident_id: Name
    case_class: CaseClass
    class_code: Name
    label: Name
    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)
    error_major_m: float = 0.0
    first_seen: str = ""
    device: str = ""
    camera: str = ""
    candidate_id: str = ""
    score: float = 0.0
    rule: str = ""
    source: Literal["kiosk", "drone", "handset"] | None = None
    reporter: Name | None = None
    epoch: Name | None = None
    seq: Annotated[int, Field(ge=0)] | None = None
    trace: Annotated[str, Field(pattern=TRACEPARENT)] | None = None
    received_at: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")] | None = None


class OneOfMany(BaseModel):
    """One report of many, with its own Idempotency-Key."""

    key: Annotated[str, Field(min_length=1, max_length=300)]
    body: ReportBody


class OpBody(BaseModel):
    """A crew's step on its work order."""

    op_id: Name
    order_id: Name
    kind: Literal["accepted", "arrived", "disposed", "returned"]
    base_version: int = Field(ge=0, le=2**53)
    actor: Name
    at: str = ""
    note: Text = ""
    lat: float | None = None
    lon: float | None = None
    evidence: Hashes = []


class VerdictBody(BaseModel):
    """A camera's answer to a check (核查)."""

    check_id: Name
    verdict: Literal["cleared", "still_there", "cannot_see"]
    actor: Name
    at: str = ""
    reason: Text = ""
    evidence: Hashes = []


class ConfirmBody(BaseModel):
    """A named person files a reported case, or does not (then with a reason). `cause` of a rejection: nothing of the
    kind is there (false_alarm), it is there but allowed (permitted), another case has it (duplicate), or
    none of these (other)."""

    person: Name
    file: bool = True
    reason: Text = ""
    cause: Literal["false_alarm", "permitted", "other", "duplicate"] = "false_alarm"


class DecideBody(BaseModel):
    """A named person's word on a case that waits for one."""

    person: Name
    decision: Literal["close", "again", "check"]
    reason: Reason


def build(registry: Registry, spans: Spans | None = None) -> FastAPI:
    """The application; its functions run in FastAPI's thread pool, the database has its one writer."""
    app = FastAPI(title="zhuomu registry", docs_url=None, redoc_url=None)
    _add_errors(app)
    _add_steps(app, registry, spans or NoSpans())
    api_people.add(app, registry)
    _add_queries(app, registry)
    api_evaluation.add(app, registry)
    api_desk.add(app, registry)
    trust_api.add(app, registry)
    reward_api.add(app, registry)
    duty_api.add(app, registry)
    return app


def _add_errors(app: FastAPI) -> None:
    def answer(status: int) -> Any:
        def handler(_request: Request, error: Exception) -> Response:
            return JSONResponse({"error": str(error)}, status)

        return handler

    app.add_exception_handler(Refused, answer(409))
    app.add_exception_handler(UnknownCase, answer(404))
    app.add_exception_handler(KeyReused, answer(422))


def _add_steps(app: FastAPI, registry: Registry, spans: Spans) -> None:
    @app.post("/reports", status_code=201)
    def report(body: ReportBody, key: Key) -> Answered:
        began_ns, told = time.time_ns(), body.model_dump(exclude_none=True)
        answer = registry.report(key, told)
        tracing.reported(spans, told, str(answer["case_id"]), began_ns)
        return answer

    @app.post("/reports/many")
    def reports(many: Annotated[list[OneOfMany], Body(min_length=1, max_length=REPORTS_MAX)]) -> list[Answered]:
        began_ns, told = time.time_ns(), [(one.key, one.body.model_dump(exclude_none=True)) for one in many]
        answers = registry.report_many(told)
        for (_, body), answer in zip(told, answers, strict=True):
            if answer["status"] < 300:
                tracing.reported(spans, body, str(answer["body"]["case_id"]), began_ns)
        return answers

    @app.post("/cases/{case_id}/ops")
    def op(case_id: str, body: OpBody, key: Key) -> Answered:
        data = {"op_id": body.op_id, "at": body.at, "lat": body.lat, "lon": body.lon, "evidence": body.evidence}
        step = CrewStep(body.kind, body.order_id, body.base_version, body.actor, body.note, data)
        return registry.command(case_id, step, key)

    @app.post("/cases/{case_id}/verdicts")
    def verdict(case_id: str, body: VerdictBody, key: Key) -> Answered:
        data = {"at": body.at, "evidence": body.evidence}
        return registry.command(case_id, Answer(body.check_id, body.verdict, body.actor, body.reason, data), key)

    @app.post("/cases/{case_id}/confirm")
    def confirm(case_id: str, body: ConfirmBody, key: OptionalKey = "") -> Answered:
        if body.file:
            return registry.command(case_id, File(body.person, body.reason), key)
        if not body.reason.strip():
            raise HTTPException(422, "a case that is not filed needs a reason")
        return registry.command(case_id, Reject(body.person, body.reason, body.cause), key)

    @app.post("/cases/{case_id}/decide")
    def decide(case_id: str, body: DecideBody, key: OptionalKey = "") -> Answered:
        return registry.command(case_id, Decide(body.person, body.decision, body.reason), key)


def _add_queries(app: FastAPI, registry: Registry) -> None:
    @app.get("/cases")
    def cases(state: str = "", after: str = "", limit: Limit = 100) -> Response:
        with registry.database.read() as tx:
            return _json({"cases": queries.case_list(tx, state, after, limit)})

    @app.get("/cases/{case_id}")
    def case(case_id: str) -> Response:
        with registry.database.read() as tx:
            found = queries.case(tx, case_id)
        if found is None:
            raise UnknownCase(f"no case '{case_id}'")
        return _json(found)

    @app.get("/events")
    def events(after: Annotated[int, Query(ge=0, le=2**53)] = 0, limit: Limit = 500) -> Response:
        with registry.database.read() as tx:
            return _json({"events": queries.event_feed(tx, after, limit), "newest": queries.newest_event(tx)})

    @app.get("/summary")
    def summary() -> Answered:
        with registry.database.read() as tx:
            return queries.summary(tx)

    @app.get("/healthz")
    def healthz() -> Answered:
        with registry.database.read() as tx:
            return {"ok": True, "cases": queries.cases_ever(tx)}


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
