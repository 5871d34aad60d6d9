"""One id from the kiosk's frame to the registry's case: in message, logs, header, case and spans."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from conftest import REPOSITORY, until
from forward_rig import Rig
from gateway_helpers import Centre, candidate
from kiosk_scripted import scripted_tools
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from test_kiosk_rules_replay import Untouched

from edge.kiosk.config import CameraSettings
from edge.kiosk.watcher import Watcher
from edge.link import Broker, Link
from edge.link import spans as spans_module
from edge.link.spans import Exporting, NoSpans, Span, TraceSettings, open_spans
from edge.watch.camera import Shot
from edge.wire import Candidate, NotParsed, channel, decode, encode, trace
from gateway import tracing
from gateway.tables import candidates
from gateway.targets.base import Parcel


class Collector:
    """Takes OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    service = next(
                        a.value.string_value for a in resource.resource.attributes if a.key == "service.name"
                    )
                    outer.spans += [(service, span) for scope in resource.scope_spans for span in scope.spans]
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Not on stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/traces"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def logged(folder: Path, process: str, event: str) -> list[dict[str, Any]]:
    lines = (folder / f"{process}.err").read_text().splitlines()
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    return [row for row in rows if row.get("event") == event]


@pytest.mark.slow
def test_one_id_leads_from_the_kiosks_frame_to_the_registrys_case(tmp_path: Path, collector: Collector) -> None:
    where = {"trace": {"endpoint": collector.url}}
    centre = Centre(tmp_path, gateway=where, registry=where)
    centre.start()
    tools = scripted_tools(tmp_path, 1, Untouched())  # type: ignore[arg-type]
    tools.link = Link(tools.link.outbox, Broker(port=centre.mqtt_port), "kiosk", handlers={})
    tools.spans = open_spans(TraceSettings(collector.url), "zhuomu-kiosk", "kiosk-1")
    tools.link.start()
    watcher = Watcher(CameraSettings("cam", "none"), tools, gone_s=60.0)
    picture = np.random.default_rng(1).integers(0, 255, (240, 640, 3), np.uint8)
    try:
        for number in range(200):
            watcher.take(Shot(picture, datetime.now(UTC), time.monotonic(), number))
            if tools.link.outbox.next_seq > 1:
                break
            time.sleep(0.02)
        centre.until(incidents=1, forward_left=0)
        until(lambda: len(collector.spans) >= 4, 20, "four spans")
        (row,) = centre.registry_http.get("/cases", params={"limit": 5}).json()["cases"][:1]
        case = centre.registry_http.get(f"/cases/{row['case_id']}").json()
        made = case["report"]["trace"]
        spans = {span.name: (service, span) for service, span in collector.spans}
        assert {span.trace_id.hex() for _, span in spans.values()} == {trace.trace_id(made)}
        chain = [("kiosk.file", "zhuomu-kiosk"), ("gateway.take", "zhuomu-gateway")]
        chain += [("gateway.forward", "zhuomu-gateway"), ("registry.report", "zhuomu-registry")]
        before = b""
        for name, service in chain:
            assert (spans[name][0], spans[name][1].parent_span_id) == (service, before)
            before = spans[name][1].span_id
        for process, event in (("gateway", "gateway.take"), ("registry", "registry.report")):
            (line,) = logged(tmp_path, process, event)
            assert line["trace"] == trace.trace_id(made)
    finally:
        tools.spans.stop()
        tools.link.stop()
        centre.stop()


def test_a_candidate_of_before_is_taken_as_ever_and_a_bad_trace_is_refused(tmp_path: Path) -> None:
    row = channel("up", "candidate")
    old = msgspec.json.decode(encode(candidate(1)))
    del old["trace"]
    decoded = decode(row, msgspec.json.encode(old), "kiosk-1")
    assert isinstance(decoded, Candidate) and decoded.trace == ""
    with pytest.raises(NotParsed, match="trace"):
        decode(row, msgspec.json.encode({**old, "trace": "00-x"}), "kiosk-1")
    rig = Rig(tmp_path)
    mark = trace.begin()
    outcome = rig.commit(candidate(1), candidate(2, trace=mark))
    assert [one.trace for one in outcome.traced] == [mark]
    bodies = [row["body"].get("trace") for row in rig.forwards()]
    assert bodies == [None, mark]
    kept = [msgspec.json.decode(row["payload"])["trace"] for row in rig.rows(candidates.select())]
    assert kept == ["", mark]
    assert rig.commit(candidate(2, trace=mark)).traced == [], "a repeat is no second step"
    rig.close()


def test_the_header_of_a_parcel_is_a_step_below_the_candidates_own(tmp_path: Path) -> None:
    mark = trace.begin()
    headers = Parcel("k", "i", "/reports", {"trace": mark}).headers
    assert headers == {"Idempotency-Key": "k", "traceparent": tracing.onward({"trace": mark})}
    assert trace.trace_id(headers["traceparent"]) == trace.trace_id(mark) != ""
    assert trace.span_id(headers["traceparent"]) != trace.span_id(mark)
    assert Parcel("k", "i", "/reports", {}).headers == {"Idempotency-Key": "k"}


def span(number: int = 1) -> Span:
    return Span("s", trace.begin(), "", number, number + 1)


def test_a_collector_that_is_away_costs_no_time_and_loses_spans_alone_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans_module, "BATCH_WAIT_S", 0.01)
    away = threading.Event()
    counted: dict[str, int] = {}

    def count(name: str, number: int) -> None:
        counted[name] = counted.get(name, 0) + number

    out = Exporting(lambda batch: away.wait(20.0) and False, count)
    out.say(span())
    until(lambda: out._queue.empty(), 10, "the first batch under way")
    for number in range(spans_module.QUEUE_MAX + 5):
        out.say(span(number))
    assert out.counters()["spans_dropped"] == counted["spans_dropped"] == 5
    away.set()
    until(lambda: out.counters()["spans_failed"] == spans_module.QUEUE_MAX + 1, 10, "all given up")
    out.stop()


def test_a_collector_that_refuses_the_connection_raises_nothing() -> None:
    out = open_spans(TraceSettings("http://127.0.0.1:9/v1/traces"), "zhuomu-kiosk")
    out.say(span())
    out.stop()
    assert isinstance(out, Exporting) and out.counters()["spans_sent"] == 0


def test_without_the_extra_everything_runs_and_no_span_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    out = open_spans(TraceSettings("http://127.0.0.1:9/v1/traces"), "zhuomu-kiosk")
    assert isinstance(out, NoSpans)
    out.say(span())
    out.stop()


def test_neither_sdk_nor_exporter_is_loaded_where_no_collector_is_named() -> None:
    words = "import sys, gateway.service, gateway.registry.service, edge.link.spans as s; "
    words += "s.open_spans(s.TraceSettings(), 'x').say(None); "
    words += "sys.exit(any(m.startswith(('opentelemetry.sdk', 'opentelemetry.exporter')) for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", words], cwd=REPOSITORY).returncode == 0


@pytest.mark.slow
def test_a_report_that_was_sent_among_many_may_be_sent_again_alone(tmp_path: Path) -> None:
    """As the forwarder does after a kill: the same key, the same case, whichever way."""
    centre = Centre(tmp_path)
    centre.start("registry")
    body = {
        "incident_id": "i",
        "case_class": "stall",
        "class_code": "04-06",
        "label": "stall",
        "lat": 34.2,
        "lon": 117.2,
        "trace": trace.begin(),
    }
    try:
        many = centre.registry_http.post("/reports/many", json=[{"key": "k", "body": body}])
        alone = centre.registry_http.post("/reports", json=body, headers={"Idempotency-Key": "k"})
        assert (alone.status_code, alone.json()) == (201, many.json()[0]["body"])
    finally:
        centre.stop()
