"""The steps of a candidate's trace at the centre: taken in, handed on, reported: each a line in the log and a span."""

import time
from dataclasses import dataclass
from typing import Any

import structlog

from edge.link.spans import Attributes, Span, Spans
from edge.wire import trace

TAKEN, SENT, REPORTED = "gateway.take", "gateway.forward", "registry.report"
log = structlog.get_logger()


@dataclass(frozen=True)
class Traced:
    """A candidate that came with a trace and was placed."""

    trace: str
    candidate_id: str
    incident_id: str


def taken(spans: Spans, one: Traced, began_ns: int) -> None:
    """Its batch is committed."""
    words: Attributes = {"candidate": one.candidate_id, "incident": one.incident_id}
    _tell(spans, TAKEN, trace.step(one.trace, TAKEN), one.trace, began_ns, words)


def onward(body: dict[str, Any]) -> str:
    """The traceparent that goes out with a parcel, "" where there is none. `body`: the parcel's."""
    mine = trace.step(str(body.get("trace", "")), TAKEN)
    return trace.step(mine, SENT)


def sent(spans: Spans, body: dict[str, Any], target: str, began_ns: int) -> None:
    """A parcel has arrived."""
    if mine := onward(body):
        words: Attributes = {"incident": str(body.get("incident_id", "")), "target": target}
        _tell(spans, SENT, mine, trace.step(str(body["trace"]), TAKEN), began_ns, words)


def reported(spans: Spans, body: dict[str, Any], case_id: str, began_ns: int) -> None:
    """The registry has a case for it."""
    if before := onward(body):
        words: Attributes = {"incident": str(body.get("incident_id", "")), "case": case_id}
        _tell(spans, REPORTED, trace.step(before, REPORTED), before, began_ns, words)


def _tell(spans: Spans, name: str, at: str, below: str, began_ns: int, words: Attributes) -> None:
    log.info(name, trace=trace.trace_id(at), **words)
    spans.say(Span(name, at, below, began_ns, time.time_ns(), words))
