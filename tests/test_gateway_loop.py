"""The gateway between devices and registry: forwarding, work orders, checks, outages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_helpers import EPOCH, START, Centre, Device, candidate, eventually

from edge.wire import ErrorCode, Op, Presence, Verdict, Verify, Work

REGISTRY = {"auto_file": ["stall"], "crews": ["handset-1"], "recheck_s": 0.3}


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    centre = Centre(tmp_path, {"resend_s": 0.3}, REGISTRY)
    centre.start()
    yield centre
    centre.stop()


@pytest.fixture
def kiosk(centre: Centre) -> Iterator[Device]:
    device = Device(centre.mqtt_port, "kiosk-1")
    yield device
    device.stop()


@pytest.fixture
def handset(centre: Centre) -> Iterator[Device]:
    device = Device(centre.mqtt_port, "handset-1")
    yield device
    device.stop()


def op(work: Work, kind: str, op_id: str = "", note: str = "") -> Op:
    return Op(
        device="handset-1",
        epoch=EPOCH,
        seq=1,
        op_id=op_id or f"{work.order_id}-{work.version}-{kind}",
        order_id=work.order_id,
        kind=kind,  # type: ignore[arg-type]
        base_version=work.version,
        at=START,
        note=note,
    )


def verdict(asked: Verify, word: str) -> Verdict:
    return Verdict(
        device="kiosk-1",
        epoch=EPOCH,
        seq=1,
        verify_id=asked.verify_id,
        incident_id=asked.incident_id,
        camera=asked.camera,
        verdict=word,  # type: ignore[arg-type]
        at=START,
        looks=[],
    )


def steps(device: Device, work: Work, *kinds: str) -> None:
    device.send(*(op(work, kind) for kind in kinds))
    device.settle()


def test_the_whole_loop_from_candidate_to_closed_with_a_rework_and_a_blocked_view(
    centre: Centre, kiosk: Device, handset: Device
) -> None:
    kiosk.send(candidate(1))
    work = handset.next_down("work")
    steps(handset, work, "received", "accepted", "arrived", "disposed")
    first = kiosk.next_down("verify")
    kiosk.send(verdict(first, "cannot_see"))
    eventually(lambda: len({v.verify_id for v in kiosk.on("verify")}) == 2, "the second check")
    kiosk.send(verdict(kiosk.on("verify")[-1], "still_there"))
    eventually(lambda: any(w.state == "rework" for w in handset.on("work")), "rework")
    again = next(w for w in handset.on("work") if w.state == "rework")
    assert (again.order_id, again.version, again.attempt) == (work.order_id, 2, 2)
    steps(handset, again, "received", "accepted", "disposed")
    eventually(lambda: len({v.verify_id for v in kiosk.on("verify")}) == 3, "the third check")
    kiosk.send(verdict(kiosk.on("verify")[-1], "cleared"))
    centre.until(cases=1, closed=1, disposals=2, verdicts=3, work_orders=1, dead_letters=0, forward_left=0)
    eventually(lambda: handset.on("work")[-1].state == "closed", "the order closed on the handset")
    row = centre.get("/api/incidents")[0]
    assert (row["state"], row["case_id"], len(row["witnesses"])) == ("closed", work.case_id, 1)


def test_a_work_order_is_sent_again_until_the_handset_has_it_and_then_no_more(
    centre: Centre, kiosk: Device, handset: Device
) -> None:
    kiosk.send(candidate(1))
    work = handset.next_down("work", 2)
    steps(handset, work, "received")
    sent = centre.get("/api/counters")["work_sent"]
    late = candidate(2)
    kiosk.send(late)  # something that happens after it, so that we know time has passed
    eventually(
        lambda: len([w for w in handset.on("work") if w.order_id != work.order_id]) >= 3, "another order, 3 times"
    )
    same = [w for w in handset.on("work") if w.order_id == work.order_id]
    assert sent <= len(same) + 1


def test_a_handset_that_comes_up_gets_its_orders_at_once_and_one_that_left_gets_none(
    centre: Centre, kiosk: Device, handset: Device
) -> None:
    handset.say(Presence(device="handset-1", kind="handset", online=False), retain=True)
    eventually(
        lambda: [r["online"] for r in centre.get("/api/devices") if r["device"] == "handset-1"] == [False], "off"
    )
    kiosk.send(candidate(1))
    centre.until(work_orders=1)
    assert handset.on("work") == []
    handset.say(Presence(device="handset-1", kind="handset", online=True), retain=True)
    assert handset.next_down("work").state == "dispatched"


def test_a_check_is_asked_again_until_a_verdict_comes_and_the_second_verdict_changes_nothing(
    centre: Centre, kiosk: Device, handset: Device
) -> None:
    kiosk.send(candidate(1))
    steps(handset, handset.next_down("work"), "received", "accepted", "disposed")
    asked = kiosk.next_down("verify", 2)
    assert (asked.camera, asked.place_id, asked.box) == ("cam-1", "place-1", candidate(1).box)
    kiosk.send(verdict(asked, "cleared"), verdict(asked, "still_there"))
    kiosk.settle()
    centre.until(closed=1, verdicts=1, dead_letters=0)


def test_ops_that_overtake_each_other_lose_nothing(centre: Centre, kiosk: Device, handset: Device) -> None:
    kiosk.send(candidate(1))
    steps(handset, handset.next_down("work"), "disposed", "arrived", "accepted", "received")
    centre.until(disposals=1, dead_letters=0, forward_left=0)


def test_a_second_disposal_of_the_same_version_is_refused_and_shown(
    centre: Centre, kiosk: Device, handset: Device
) -> None:
    kiosk.send(candidate(1))
    work = handset.next_down("work")
    steps(handset, work, "accepted", "disposed")
    [seq] = handset.send(op(work, "disposed", op_id="another"))
    handset.settle()
    assert handset.refused == {seq: ErrorCode.FORBIDDEN_STATE}


def test_an_op_sent_under_two_seqs_happens_once(centre: Centre, kiosk: Device, handset: Device) -> None:
    kiosk.send(candidate(1))
    work = handset.next_down("work")
    handset.send(op(work, "disposed", "same"), op(work, "disposed", "same"))
    handset.settle()
    centre.until(disposals=1, dead_letters=0)


@pytest.mark.slow
def test_after_an_outage_of_the_registry_everything_is_forwarded_once(
    centre: Centre, kiosk: Device, handset: Device
) -> None:
    kiosk.send(*(candidate(n) for n in range(1, 6)))
    centre.until(cases=5)
    centre.kill("registry")
    kiosk.send(*(candidate(n) for n in range(6, 31)))
    kiosk.settle()
    assert centre.summary()["forward_left"] == 25
    centre.start("registry")
    centre.until(30.0, cases=30, forward_left=0, dead_letters=0)
    assert centre.registry_http.get("/summary").json()["cases"] == 30
    assert centre.registry_http.get("/summary").json()["by_event"]["reported"] == 30


@pytest.mark.slow
def test_gateway_and_registry_killed_in_the_middle_of_the_loop_end_with_every_case_closed_once(
    centre: Centre, kiosk: Device, handset: Device
) -> None:
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
