"""What is left after the gateway, the registry or the broker was killed: everything, once."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_helpers import Centre, Device, candidate, eventually, op, verdict

REGISTRY = {"auto_file": ["stall"], "auto_file_unmeasured": True, "crews": ["handset-1"], "recheck_s": 0.3}
pytestmark = pytest.mark.slow


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    centre = Centre(tmp_path, {"resend_s": 0.3}, REGISTRY)
    yield centre
    centre.stop()


@pytest.fixture
def kiosk(centre: Centre) -> Iterator[Device]:
    centre.start("broker")
    device = Device(centre.mqtt_port, "kiosk-1")
    yield device
    device.stop()


def test_a_gateway_killed_at_random_moments_takes_each_of_500_candidates_exactly_once(
    centre: Centre, kiosk: Device
) -> None:
    rng = random.Random(20261122)
    centre.start("gateway")
    marks = sorted(rng.sample(range(20, 480), 3))
    for number in range(1, 501):
        kiosk.send(candidate(number))
        if number in marks:
            enough = min(len(kiosk.receipts) + rng.randrange(10), number)
            eventually(lambda n=enough: len(kiosk.receipts) >= n, "some receipts")  # type: ignore[misc]
            centre.kill("gateway")
            centre.start("gateway")
    kiosk.settle(30.0)
    assert sorted(set(kiosk.receipts)) == list(range(1, 501))
    centre.until(candidates=500, receipts=500, incidents=500, dead_letters=0, forward_left=500)
    ids = [row["candidate_id"] for row in centre.get("/api/candidates", limit=1000)]
    assert len(ids) == len(set(ids)) == 500


def test_a_broker_killed_in_the_middle_loses_nothing(centre: Centre, kiosk: Device) -> None:
    centre.start("gateway")
    kiosk.send(*(candidate(n) for n in range(1, 101)))
    centre.kill("broker")
    centre.start("broker")
    kiosk.send(*(candidate(n) for n in range(101, 201)))
    kiosk.settle(30.0)
    centre.until(candidates=200, receipts=200, incidents=200, dead_letters=0)


def test_after_an_outage_of_the_registry_everything_is_forwarded_once(centre: Centre, kiosk: Device) -> None:
    centre.start("gateway", "registry")
    kiosk.send(*(candidate(n) for n in range(1, 6)))
    centre.until(cases=5)
    centre.kill("registry")
    kiosk.send(*(candidate(n) for n in range(6, 31)))
    kiosk.settle()
    assert centre.summary()["forward_left"] == 25
    centre.start("registry")
    centre.until(30.0, cases=30, forward_left=0, dead_letters=0)
    summary = centre.registry_http.get("/summary").json()
    assert (summary["cases"], summary["by_event"]["reported"]) == (30, 30)


def test_gateway_and_registry_killed_in_the_middle_of_the_loop_end_with_every_case_closed_once(
    centre: Centre, kiosk: Device
) -> None:
    centre.start("gateway", "registry")
    handset = Device(centre.mqtt_port, "handset-1")
    kiosk.send(*(candidate(n) for n in range(1, 11)))
    done: set[tuple[str, int]] = set()
    answered: set[str] = set()

    def work_on() -> bool:
        for work in handset.on("work"):
            if work.state == "dispatched" and (work.order_id, work.version) not in done:
                done.add((work.order_id, work.version))
                handset.send(*(op(work, kind) for kind in ("received", "accepted", "disposed")))
        for asked in kiosk.on("verify"):
            if asked.verify_id not in answered:
                answered.add(asked.verify_id)
                kiosk.send(verdict(asked, "cleared"))
        return len(done) >= 10

    eventually(lambda: work_on() or len(done) >= 3, "some orders")
    centre.kill("gateway")
    centre.start("gateway")
    eventually(work_on, "all orders")
    centre.kill("registry")
    centre.start("registry")
    eventually(lambda: work_on() and len(answered) >= 10, "all checks")
    kiosk.settle()
    handset.settle()
    centre.until(30.0, cases=10, closed=10, disposals=10, verdicts=10, forward_left=0, dead_letters=0)
    handset.stop()
