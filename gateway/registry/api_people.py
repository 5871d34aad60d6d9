"""The steps that people take, as HTTP: verify, feed back, suspend, extend, close by order, cancel, appeal."""

from typing import Annotated, Any, Literal

from fastapi import FastAPI, Header
from pydantic import BaseModel, Field

from gateway.registry.commands import (
    Appeal,
    AskVerify,
    Cancel,
    Command,
    Extend,
    FeedBack,
    ForceClose,
    Resume,
    Review,
    Suspend,
    Verified,
)
from gateway.registry.duty import asks
from gateway.registry.store import Registry

Name = Annotated[str, Field(min_length=1, max_length=128)]
Reason = Annotated[str, Field(min_length=1, max_length=2000)]
Hashes = Annotated[list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]], Field(max_length=16)]
Key = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=300)]
Answered = dict[str, Any]


class WordBody(BaseModel):
    """A named person's word, with the reason. `crew`: whose handset asks; the city may want a person's word on it."""

    person: Name
    reason: Reason
    crew: Annotated[str, Field(max_length=128)] = ""


class AskBody(BaseModel):
    """Who is sent to look (核实), by whom."""

    person: Name
    collector: Name
    reason: Annotated[str, Field(max_length=2000)] = ""


class VerifiedBody(BaseModel):
    """What the collector found; nothing there needs a reason."""

    collector: Name
    found: Literal["there", "not_there"]
    reason: Annotated[str, Field(max_length=2000)] = ""
    evidence: Hashes = []


class ExtendBody(WordBody):
    """`hours` on the case's own clock."""

    hours: Annotated[float, Field(gt=0, le=8784)]


class ReviewBody(WordBody):
    """One of the two reviews of an appeal."""

    grant: bool


_WORDS: dict[str, type[Suspend | Resume | ForceClose | Cancel | Appeal | FeedBack]] = {
    "feedback": FeedBack,
    "suspend": Suspend,
    "resume": Resume,
    "force-close": ForceClose,
    "cancel": Cancel,
    "appeal": Appeal,
}


def add(app: FastAPI, registry: Registry) -> None:
    """The routes below /cases/{case_id}; each takes an Idempotency-Key."""
    for path, kind in _WORDS.items():
        _add_word(app, registry, path, kind)

    @app.post("/cases/{case_id}/verify")
    def ask(case_id: str, body: AskBody, key: Key) -> Answered:
        return registry.command(case_id, AskVerify(body.person, body.collector, body.reason), key)

    @app.post("/cases/{case_id}/verified")
    def verified(case_id: str, body: VerifiedBody, key: Key) -> Answered:
        found = Verified(body.collector, body.found, body.reason, {"evidence": body.evidence})
        return registry.command(case_id, found, key)

    @app.post("/cases/{case_id}/extend")
    def extend(case_id: str, body: ExtendBody, key: Key) -> Answered:
        return _asked(registry, case_id, Extend(body.person, body.hours, body.reason), body.crew, key)

    @app.post("/cases/{case_id}/review")
    def review(case_id: str, body: ReviewBody, key: Key) -> Answered:
        return registry.command(case_id, Review(body.person, body.grant, body.reason), key)


def _asked(registry: Registry, case_id: str, command: Extend | Suspend, crew: str, key: str) -> Answered:
    if not asks.waits(registry.office, command, crew):
        return registry.command(case_id, command, key)
    request = [case_id, type(command).__name__, command.person, command.reason, crew]
    return registry.once(key, request, lambda work: asks.ask(work, case_id, command, crew))


def _add_word(
    app: FastAPI,
    registry: Registry,
    path: str,
    kind: type[Suspend | Resume | ForceClose | Cancel | Appeal | FeedBack],
) -> None:
    def word(case_id: str, body: WordBody, key: Key) -> Answered:
        command: Command = kind(body.person, body.reason)
        if isinstance(command, Suspend):
            return _asked(registry, case_id, command, body.crew, key)
        return registry.command(case_id, command, key)

    app.add_api_route(f"/cases/{{case_id}}/{path}", word, methods=["POST"], name=path)
