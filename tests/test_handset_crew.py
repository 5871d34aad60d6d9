"""A handset keeps its orders, answers for each version, and works on where it was after a restart."""

import random
import threading
from pathlib import Path

from conftest import RealBroker, until
from test_link_client import Centre
from test_wire_contract import NOW

from edge.handset.crew import Crew
from edge.handset.orders import CLOSED_KEPT, Orders
from edge.link import Broker, Link, Outbox
from edge.wire import Op, Work, channel, decode, encode, topic


def order(version: int = 1, state: str = "dispatched", order_id: str = "o-1") -> Work:
    """A work order."""
    return Work(
        order_id=order_id,
        version=version,
        state=state,  # type: ignore[arg-type]
        case_id="c-1",
        incident_id="i-1",
        case_class="litter",
        class_code="01-10",
        lat=34.0,
        lon=117.0,
        deadline=NOW,
    )


def offline(folder: Path) -> tuple[Outbox, Link, Orders]:
    """A handset without a network."""
    outbox = Outbox(folder / "h.db", "handset-1")
    return outbox, Link(outbox, Broker(port=1), "handset", handlers={}), Orders(outbox, lambda: 0.0)


def ops(outbox: Outbox) -> list[tuple[str, int]]:
    """(kind, base version) of what waits."""
    found = []
    for pending in outbox.pending(1000):
        op = decode(channel("up", "op"), pending.payload)
        assert isinstance(op, Op)
        found.append((op.kind, op.base_version))
    return found


def test_each_delivery_is_answered_and_only_a_newer_version_is_news(tmp_path: Path) -> None:
    """The centre sends until it hears `received`; a stale copy changes nothing."""
    outbox, link, orders = offline(tmp_path)
    assert orders.receive(order(1), link)
    assert not orders.receive(order(1), link)
    assert orders.receive(order(3, "rework"), link)
    assert not orders.receive(order(2), link)
    assert orders.get("o-1").work.version == 3
    assert ops(outbox) == [("received", 1), ("received", 1), ("received", 3), ("received", 2)]


def test_rework_opens_a_disposed_order_again(tmp_path: Path) -> None:
    """The crew has to go there once more."""
    _, link, orders = offline(tmp_path)
    orders.receive(order(1), link)
    orders.step("o-1", "disposed", link)
    assert orders.open() == []
    orders.receive(order(2, "rework"), link)
    assert [o.step for o in orders.open()] == ["received"]


def test_a_recalled_or_closed_order_is_not_worked_on(tmp_path: Path) -> None:
    """It stays readable, and old ones are kept in bounds."""
    _, link, orders = offline(tmp_path)
    orders.receive(order(1), link)
    orders.receive(order(2, "recalled"), link)
    assert orders.open() == []
    for i in range(CLOSED_KEPT + 5):
        orders.receive(order(1, "closed", f"x-{i}"), link)
    assert len(orders._read("")) == CLOSED_KEPT


def test_a_step_survives_a_restart_together_with_its_op(tmp_path: Path) -> None:
    """State and message are one transaction."""
    outbox, link, orders = offline(tmp_path)
    orders.receive(order(1), link)
    orders.step("o-1", "accepted", link)
    outbox.close()
    again, _, same = offline(tmp_path)
    assert same.get("o-1").step == "accepted"
    assert ops(again) == [("received", 1), ("accepted", 1)]


def test_a_crew_disposes_of_what_it_is_sent(broker: RealBroker, tmp_path: Path) -> None:
    """Over a real broker: received, accepted, arrived, disposed, in this order and once each."""
    centre = Centre(broker.port)
    outbox = Outbox(tmp_path / "h.db", "handset-1")
    crew = Crew(outbox, Broker(port=broker.port), work_s=0.5, rng=random.Random(1))
    stop = threading.Event()
    thread = threading.Thread(target=crew.run, args=(stop,))
    thread.start()
    until(lambda: any(p.online for p in centre.presence), what="birth")
    centre.connection.publish(topic("down", "handset-1", "work"), encode(order()))
    until(lambda: len(centre.seen) == 4 and outbox.size[0] == 0, what="four receipted steps")
    stop.set()
    thread.join(20)
    assert crew.orders.get("o-1").step == "disposed"
    centre.connection.stop()
