"""Duty over HTTP, below /duty and /cases/{case_id}/parties; without a duty plan every route answers 404."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Header, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, BaseModel, Field

from edge.wire import CaseClass
from gateway.registry.duty import asks, callout, handover, leads, now, parties
from gateway.registry.duty.office import Office
from gateway.registry.duty.plan import Right
from gateway.registry.reward.told import Instant
from gateway.registry.store import Registry

Name = Annotated[str, Field(min_length=1, max_length=128)]
Text = Annotated[str, Field(max_length=2000)]
Reason = Annotated[str, Field(min_length=1, max_length=2000)]
Hashes = Annotated[list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]], Field(max_length=16)]
Key = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=300)]
Limit = Annotated[int, Query(ge=1, le=2000)]
Answered = dict[str, Any]


class NotAllowed(PermissionError):
    """The duty plan gives this person no such right."""


class PersonBody(BaseModel):
    """Who says it."""

    person: Name


class HandBody(PersonBody):
    """Everything open of one crew to another."""

    crew: Name
    to: Name
    reason: Reason


class SignBody(PersonBody):
    """`person` of `crew` signs."""

    crew: Name
    device: Text = ""


class CallBody(PersonBody):
    """All crews of a place; the first `wanted` that answer go."""

    level: Literal["area", "subdistrict", "district"]
    code: Name
    words: Reason
    wanted: int = Field(ge=1, le=1000)
    hours: float = Field(gt=0, le=72, default=2.0)


class AnswerBody(BaseModel):
    """A crew goes."""

    crew: Name
    device: Name


class JoinBody(PersonBody):
    """A second party (police, volunteers) and its task."""

    crew: Name
    task: Reason


class LeadBody(PersonBody):
    """A lead for a police unit."""

    crew: Name
    case_id: Text = ""
    offence: Reason
    facts: Reason


class ReceiptBody(PersonBody):
    """The police's receipt, entered by `person`."""

    number: Name
    officer: Name
    at: AwareDatetime


class DecideBody(PersonBody):
    """Grant or refuse what a handset asked for; a refusal needs words."""

    grant: bool
    words: Text = ""


class ReportBody(BaseModel):
    """What a crew or volunteers report from the street; a person looks before it is filed. `source` and what follows:
    as in gateway.registry.api.ReportBody; without them it takes part in no reward."""

    incident_id: Name
    case_class: CaseClass
    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)
    device: Name
    crew: Name
    note: Text = ""
    at: str = ""
    evidence: Hashes = []
    source: Literal["handset"] | None = None
    epoch: Name | None = None
    seq: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    received_at: Instant | None = None


def add(app: FastAPI, registry: Registry) -> None:
    """Mount the routes."""

    def refuse(_request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, 403)

    app.add_exception_handler(NotAllowed, refuse)
    _add_now(app, registry)
    _add_handovers(app, registry)
    _add_callouts(app, registry)
    _add_second_parties(app, registry)
    _add_leads(app, registry)
    _add_asks(app, registry)
    _add_reports(app, registry)


def _add_now(app: FastAPI, registry: Registry) -> None:
    @app.get("/duty/now")
    def on_duty(at: datetime | None = None) -> Answered:
        office = _office(registry)
        if at is not None and at.tzinfo is None:
            raise HTTPException(422, "'at' needs an offset, for example 2026-11-24T06:00:00+08:00")
        with registry.database.read() as tx:
            return now.now(tx, office, at or registry.now())


def _add_handovers(app: FastAPI, registry: Registry) -> None:
    @app.get("/duty/handovers")
    def handovers(open: bool = False, limit: Limit = 200) -> Answered:
        _office(registry)
        with registry.database.read() as tx:
            return {"handovers": handover.listed(tx, open, limit)}

    @app.post("/duty/handovers")
    def hand(body: HandBody, key: Key) -> Answered:
        office = _allowed(registry, body.person, "handover")

        def run(work: Any) -> Answered:
            return {"handover_id": handover.by_person(work, office, body.person, body.crew, body.to, body.reason)}

        return registry.once(key, ["handover", body.model_dump()], run)

    @app.post("/duty/handovers/{handover_id}/signatures")
    def sign(handover_id: str, body: SignBody, key: Key) -> Answered:
        _office(registry)
        request = ["sign", handover_id, body.model_dump()]
        return registry.once(key, request, lambda work: handover.sign(work, handover_id, body.crew, body.person))


def _add_callouts(app: FastAPI, registry: Registry) -> None:
    @app.get("/duty/callouts")
    def callouts(limit: Limit = 200) -> Answered:
        _office(registry)
        with registry.database.read() as tx:
            return {"callouts": callout.listed(tx, limit)}

    @app.post("/duty/callouts")
    def call(body: CallBody, key: Key) -> Answered:
        office = _allowed(registry, body.person, "callout")
        values = (body.person, body.level, body.code, body.words, body.wanted, body.hours)
        request = ["callout", body.model_dump()]
        return registry.once(key, request, lambda work: callout.call(work, office, *values))

    @app.post("/duty/callouts/{callout_id}/answers")
    def answer(callout_id: str, body: AnswerBody, key: Key) -> Answered:
        _office(registry)
        request = ["answer", callout_id, body.model_dump()]
        return registry.once(key, request, lambda work: callout.answer(work, callout_id, body.crew, body.device))


def _add_second_parties(app: FastAPI, registry: Registry) -> None:
    @app.get("/cases/{case_id}/parties")
    def joined(case_id: str) -> Answered:
        _office(registry)
        with registry.database.read() as tx:
            return {"parties": parties.of_case(tx, case_id)}

    @app.post("/cases/{case_id}/parties")
    def join(case_id: str, body: JoinBody, key: Key) -> Answered:
        office = _allowed(registry, body.person, "joint")
        crew = office.plan.by_name.get(body.crew)
        if crew is None:
            raise HTTPException(404, f"no crew '{body.crew}' in the duty plan")

        def run(work: Any) -> Answered:
            case = work.journal.load(case_id)
            return {"order_id": parties.join(work.journal, case, crew, body.person, body.task, work.now)}

        return registry.once(key, ["join", case_id, body.model_dump()], run)


def _add_leads(app: FastAPI, registry: Registry) -> None:
    @app.get("/duty/leads")
    def listed(waiting: bool = False, limit: Limit = 200) -> Answered:
        _office(registry)
        with registry.database.read() as tx:
            return {"leads": leads.listed(tx, waiting, limit)}

    @app.post("/duty/leads")
    def hand(body: LeadBody, key: Key) -> Answered:
        office = _allowed(registry, body.person, "lead")
        values = (body.person, body.crew, body.case_id, body.offence, body.facts)
        return registry.once(key, ["lead", body.model_dump()], lambda work: leads.hand(work, office, *values))

    @app.post("/duty/leads/{lead_id}/receipt")
    def receipt(lead_id: str, body: ReceiptBody, key: Key) -> Answered:
        _allowed(registry, body.person, "lead")
        values = (lead_id, body.number, body.officer, body.at, body.person)
        request = ["receipt", lead_id, body.model_dump()]
        return registry.once(key, request, lambda work: leads.receive(work, *values))


def _add_asks(app: FastAPI, registry: Registry) -> None:
    @app.get("/duty/asks")
    def listed(waiting: bool = True, limit: Limit = 200) -> Answered:
        _office(registry)
        with registry.database.read() as tx:
            return {"asks": asks.listed(tx, waiting, limit)}

    @app.post("/duty/asks/{ask_id}/decide")
    def decide(ask_id: str, body: DecideBody, key: Key) -> Answered:
        _allowed(registry, body.person, "approve")
        values = (ask_id, body.person, body.grant, body.words)
        return registry.once(key, ["decide", ask_id, body.model_dump()], lambda work: asks.decide(work, *values))


def _add_reports(app: FastAPI, registry: Registry) -> None:
    @app.post("/duty/reports", status_code=201)
    def report(body: ReportBody, key: Key) -> Answered:
        code = next((c.code for c in registry.standard.classes if c.case_class == body.case_class), "")
        if not code:
            raise HTTPException(422, f"standard {registry.standard.version} has no class for '{body.case_class}'")
        row = body.model_dump(exclude_none=True) | {"class_code": code, "label": body.case_class, "camera": "handset"}
        return registry.once(key, ["report", row], lambda work: work.report(row, auto=False))


def _office(registry: Registry) -> Office:
    if registry.office is None:
        raise HTTPException(404, "no duty plan: name one in the registry's settings (duty = FILE)")
    return registry.office


def _allowed(registry: Registry, person: str, right: Right) -> Office:
    office = _office(registry)
    if not office.plan.may(person, right):
        raise NotAllowed(f'{person} may not do this: the duty plan wants [[people]] with may = ["{right}"]')
    return office
