"""Spans out by OTLP over HTTP, when a collector is named: `pip install 'zhuomu[trace]'`. Everything works without.

A collector that is away costs nothing and loses spans alone: at most QUEUE_MAX wait; what is over (`spans_dropped`) and
what could not be delivered (`spans_failed`) is counted.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

import structlog
from msgspec import Meta, Struct

from edge.wire import trace

QUEUE_MAX = 2048
BATCH_MAX = 256
BATCH_WAIT_S = 1.0
TIMEOUT_S = 5.0
FLUSH_S = 1.0

log = structlog.get_logger()
Count = Callable[[str, int], None]
Attributes = dict[str, str | int | float | bool]


class TraceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`endpoint`: a collector's address for spans, as "http://collector:4318/v1/traces"; "": none is sent. Trace ids
    are made, carried and logged either way."""

    endpoint: Annotated[str, Meta(pattern=r"^(https?://[^\s]+)?$")] = ""


@dataclass(frozen=True)
class Span:
    """A step that is over. `at`: its own traceparent; `below`: that of the step before it, "" of the first."""

    name: str
    at: str
    below: str
    start_ns: int
    end_ns: int
    attributes: Attributes = field(default_factory=dict)


class Spans(Protocol):
    """Where spans go."""

    def say(self, span: Span) -> None:
        """Never waits, raises nothing."""
        ...

    def counters(self) -> dict[str, int]:
        """Since the start."""
        ...

    def stop(self) -> None:
        """Send what waits, for a moment at most."""
        ...


class NoSpans:
    """None is sent."""

    def say(self, span: Span) -> None:
        """Nothing."""

    def counters(self) -> dict[str, int]:
        """None."""
        return {}

    def stop(self) -> None:
        """Nothing."""


def _not_counted(_name: str, _count: int) -> None:
    """Only `counters` tells."""


class Exporting:
    """`export`: sends spans, False when it failed; called on a thread of its own. `count`: told what is counted."""

    def __init__(self, export: Callable[[Sequence[Span]], bool], count: Count = _not_counted) -> None:
        self._export = export
        self._count = count
        self._queue: queue.Queue[Span] = queue.Queue(QUEUE_MAX)
        self._stop = threading.Event()
        self._counts = {"spans_sent": 0, "spans_dropped": 0, "spans_failed": 0}
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    def say(self, span: Span) -> None:
        """Into the queue."""
        try:
            self._queue.put_nowait(span)
        except queue.Full:
            self._add("spans_dropped", 1)

    def counters(self) -> dict[str, int]:
        """Sent, dropped, failed."""
        return dict(self._counts)

    def stop(self) -> None:
        """What is not out after FLUSH_S is lost."""
        self._stop.set()
        self._thread.join(FLUSH_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._stop.wait(BATCH_WAIT_S)
            while batch := self._take():
                done = self._export(batch)
                self._add("spans_sent" if done else "spans_failed", len(batch))

    def _add(self, name: str, count: int) -> None:
        self._counts[name] += count
        self._count(name, count)

    def _take(self) -> list[Span]:
        batch: list[Span] = []
        while len(batch) < BATCH_MAX:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return batch


def open_spans(settings: TraceSettings, service: str, instance: str = "", count: Count = _not_counted) -> Spans:
    """`service`: zhuomu-kiosk and so on. Without the extra a configured collector gets nothing, and the log says so."""
    if not settings.endpoint:
        return NoSpans()
    try:
        return Exporting(_otlp(settings.endpoint, service, instance), count)
    except ImportError as error:
        log.error("spans.not_sent", reason=f"{error}; pip install 'zhuomu[trace]'", endpoint=settings.endpoint)
        return NoSpans()


def _otlp(endpoint: str, service: str, instance: str) -> Callable[[Sequence[Span]], bool]:
    """Raises ImportError."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExportResult
    from opentelemetry.trace import SpanContext, TraceFlags

    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=TIMEOUT_S)
    resource = Resource({"service.name": service, "service.instance.id": instance})

    def context(traceparent: str, remote: bool) -> Any:
        numbers = int(trace.trace_id(traceparent), 16), int(trace.span_id(traceparent), 16)
        return SpanContext(*numbers, is_remote=remote, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    def export(spans: Sequence[Span]) -> bool:
        made = [
            ReadableSpan(
                one.name,
                context=context(one.at, remote=False),
                parent=context(one.below, remote=True) if one.below else None,
                resource=resource,
                attributes=one.attributes,
                start_time=one.start_ns,
                end_time=one.end_ns,
            )
            for one in spans
        ]
        return exporter.export(made) is SpanExportResult.SUCCESS

    return export
