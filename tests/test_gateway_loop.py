"""The gateway between devices and registry: work orders, checks, the whole loop. Each test has a thing of its own."""

from collections.abc import Iterator
from typing import Any

import pytest
from gateway_helpers import Centre, Device, candidate, eventually, op, verdict

from edge.wire import ErrorCode, Presence, Verify, Work

REGISTRY = {"auto_file": ["stall"], "auto_file_unmeasured": True, "crews": ["handset-1"], "recheck_s": 0.3}


class Street:
    """A centre with one kiosk and one handset."""

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        self.kiosk = Device(centre.mqtt_port, "kiosk-1")
        self.handset = Device(centre.mqtt_port, "handset-1")

    def see(self, number: int) -> None:
        """The kiosk sees thing `number`."""
        self.kiosk.send(candidate(number))

    def orders(self, number: int) -> list[Work]:
        """All that came to the handset about a thing."""
        return [w for w in self.handset.on("work") if round(w.lat * 1000) == 34_200 + number]

    def order(self, number: int, count: int = 1) -> Work:
        """Wait until an order on a thing came `count` times."""
        eventually(lambda: len(self.orders(number)) >= count, f"order on {number}, {count} times")
        return self.orders(number)[count - 1]

    def checks(self, number: int) -> list[Verify]:
        """All verify requests about a thing."""
        return [v for v in self.kiosk.on("verify") if v.place_id == f"place-{number}"]

    def check(self, number: int, count: int = 1) -> Verify:
        """Wait for the `count`th different verify request."""
        eventually(lambda: len({v.verify_id for v in self.checks(number)}) >= count, f"check {count} of {number}")
        return self.checks(number)[-1]

    def do(self, work: Work, *kinds: str) -> None:
        """The crew's steps, receipted."""
        self.handset.send(*(op(work, kind) for kind in kinds))
        self.handset.settle()

    def incident(self, number: int) -> dict[str, Any]:
        """The incident as the API shows it."""
        rows = self.centre.get("/api/incidents")
        return next((r for r in rows if r["witnesses"][0]["place_id"] == f"place-{number}"), {"state": "none"})

    def steps(self, number: int) -> list[str]:
        """The kinds of the registry's events of a thing's case."""
        case = self.centre.registry_http.get(f"/cases/{self.incident(number)['case_id']}").json()
        return [event["kind"] for event in case["events"]]


@pytest.fixture(scope="module", params=["mosquitto", "amqtt"])
def street(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Street]:
    centre = Centre(tmp_path_factory.mktemp("centre"), {"resend_s": 0.3}, REGISTRY)
    centre.broker = request.param
    centre.start()
    street = Street(centre)
    yield street
    street.kiosk.stop()
    street.handset.stop()
    centre.stop()


def test_the_whole_loop_from_candidate_to_closed_with_a_rework_and_a_blocked_view(street: Street) -> None:
    street.see(1)
    work = street.order(1)
    street.do(work, "received", "accepted", "arrived", "disposed")
    street.kiosk.send(verdict(street.check(1), "cannot_see"))
    street.kiosk.send(verdict(street.check(1, 2), "still_there"))
    eventually(lambda: street.orders(1)[-1].state == "rework", "rework")
    again = street.orders(1)[-1]
    assert (again.order_id, again.version, again.attempt) == (work.order_id, 2, 2)
    street.do(again, "received", "accepted", "disposed")
    street.kiosk.send(verdict(street.check(1, 3), "cleared"))
    eventually(lambda: street.orders(1)[-1].state == "closed", "the order closed on the handset")
    row = street.incident(1)
    assert (row["state"], row["case_id"], len(row["witnesses"])) == ("closed", work.case_id, 1)
    box = [row["witnesses"][0][corner] for corner in ("x1", "y1", "x2", "y2")]
    assert box == pytest.approx([101 / 100_000, 0.1, 102 / 100_000, 0.101])
    assert [k for k in street.steps(1) if k in ("disposed", "verdict", "rework", "closed")] == [
        *("disposed", "verdict", "verdict", "rework", "disposed", "verdict", "closed")
    ]


def test_a_work_order_is_sent_again_until_the_handset_has_it_and_then_no_more(street: Street) -> None:
    street.see(2)
    street.do(street.order(2, 2), "received")
    before = len(street.orders(2))
    street.see(3)
    street.order(3, 3)  # time enough for two more of the first, had they come
    assert len(street.orders(2)) <= before + 1
    street.do(street.orders(3)[0], "received")


def test_a_handset_that_left_is_sent_nothing_and_gets_its_orders_when_it_comes_up(street: Street) -> None:
    handset = street.handset
    handset.say(Presence(device="handset-1", kind="handset", online=False), retain=True)
    rows = lambda: {r["device"]: r["online"] for r in street.centre.get("/api/devices")}  # noqa: E731
    eventually(lambda: rows().get("handset-1") is False, "offline")
    street.see(4)
    eventually(lambda: street.incident(4)["state"] == "dispatched", "dispatched")
    assert street.orders(4) == []
    handset.say(Presence(device="handset-1", kind="handset", online=True), retain=True)
    street.do(street.order(4), "received")


def test_a_check_is_asked_again_until_a_verdict_comes_and_a_second_verdict_changes_nothing(street: Street) -> None:
    street.see(5)
    street.do(street.order(5), "received", "accepted", "disposed")
    eventually(lambda: len(street.checks(5)) >= 3, "the same request three times")
    asked = street.checks(5)[0]
    assert (asked.camera, asked.place_id, asked.box) == ("cam-1", "place-5", candidate(5).box)
    street.kiosk.send(verdict(asked, "cleared"), verdict(asked, "still_there"))
    street.kiosk.settle()
    eventually(lambda: street.incident(5)["state"] == "closed", "closed")
    assert street.steps(5).count("verdict") == 1


def test_ops_that_overtake_each_other_lose_nothing(street: Street) -> None:
    street.see(6)
    street.do(street.order(6), "disposed", "arrived", "accepted", "received")
    street.check(6)
    assert street.steps(6).count("disposed") == 1
    assert street.handset.refused == {}


def test_an_op_sent_under_two_seqs_happens_once(street: Street) -> None:
    street.see(7)
    work = street.order(7)
    street.handset.send(op(work, "disposed", "same"), op(work, "disposed", "same"))
    street.handset.settle()
    street.check(7)
    assert street.steps(7).count("disposed") == 1
    assert street.handset.refused == {}


def test_a_second_disposal_of_the_same_version_is_refused_and_shown(street: Street) -> None:
    street.see(8)
    work = street.order(8)
    street.do(work, "accepted", "disposed")
    [seq] = street.handset.send(op(work, "disposed", op_id="another"))
    street.handset.settle()
    assert street.handset.refused.pop(seq) == ErrorCode.FORBIDDEN_STATE
    letter = street.centre.get("/api/dead_letters")[0]
    assert (letter["device"], letter["code"]) == ("handset-1", ErrorCode.FORBIDDEN_STATE)
