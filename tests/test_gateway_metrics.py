"""Metrics and health: numbers that follow what happened, readable by Prometheus, and a dashboard that asks for them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gateway_helpers import Centre, Device, candidate, eventually
from prometheus_client.parser import text_string_to_metric_families

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    """A whole centre after two good candidates, one sent twice, one bad one; then the registry is stopped."""
    centre = Centre(tmp_path_factory.mktemp("centre"))
    centre.start()
    device = Device(centre.mqtt_port, "kiosk-1")
    device.send(candidate(1), candidate(2), candidate(3, box=(9.0, 9.0, 1.0, 1.0)))
    device.settle()
    device.put(1, "candidate", b'{"epoch": "0123456789abcdef", "seq": 1}')
    device.settle()
    centre.until(forward_left=0)
    centre.end("registry")
    device.send(candidate(4))
    device.settle()
    yield centre
    device.stop()
    centre.stop()


def samples(centre: Centre) -> dict[tuple[str, ...], float]:
    """(name, label values...) -> value, read by Prometheus's own parser."""
    answer = centre.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    found: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found[sample.name, *(sample.labels[name] for name in sorted(sample.labels))] = sample.value
    return found


def test_the_intake_is_counted_by_channel_and_result_and_each_message_is_timed(centre: Centre) -> None:
    found = samples(centre)
    counts = {result: found.get(("zhuomu_intake_messages_total", "candidate", result), 0.0) for result in RESULTS}
    assert counts["accepted"] == 3.0 and counts["refused"] == 2.0
    assert found["zhuomu_receipt_latency_seconds_count",] >= 4.0
    assert found["zhuomu_receipt_latency_seconds_bucket", "+Inf"] == found["zhuomu_receipt_latency_seconds_count",]


RESULTS = ("accepted", "refused", "repeat", "heard")


def test_dead_letters_are_told_by_reason_and_devices_by_kind(centre: Centre) -> None:
    found = samples(centre)
    assert sum(value for key, value in found.items() if key[0] == "zhuomu_dead_letters") == 2.0
    assert found["zhuomu_dead_letters", "not_parsed"] == 1.0
    assert found["zhuomu_devices", "unknown", "heard"] == 1.0
    assert found["zhuomu_broker_connected",] == found["zhuomu_database_up",] == 1.0


def test_while_the_registry_is_down_the_outbox_grows_and_its_breaker_opens(centre: Centre) -> None:
    def seen() -> bool:
        found = samples(centre)
        waiting = found.get(("zhuomu_forward_rows", "pending", "unrouted"), 0.0)
        return waiting == 1.0 and found["zhuomu_forward_breaker", "open", "registry"] == 1.0

    eventually(seen, "a row that waits behind an open breaker")


def test_every_metric_that_the_dashboard_asks_for_exists(centre: Centre) -> None:
    dashboard = json.loads((REPOSITORY / "configs" / "grafana" / "zhuomu-gateway.json").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    names = {name for expression in asked for name in re.findall(r"zhuomu_\w+", expression)}
    text = centre.http.get("/metrics").text
    known = set(re.findall(r"^# TYPE (zhuomu_\w+)", text, re.MULTILINE))
    known |= {f"{name}_bucket" for name in known}
    assert len(asked) >= 10
    assert names <= known, names - known


def test_healthy_and_ready_are_two_questions(centre: Centre) -> None:
    """Without a broker the gateway must not be started again, and must not be given work either. The module's last."""
    assert [centre.http.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
    centre.end("broker")
    eventually(lambda: _status(centre.http, "/readyz") == 503, "not ready")
    body = centre.http.get("/healthz")
    assert (body.status_code, body.json()["ok"], body.json()["broker"]) == (200, True, False)


def _status(client: httpx.Client, path: str) -> int:
    return client.get(path).status_code
