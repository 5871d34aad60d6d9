"""Clients of a group share what comes where the broker can do that, and get everything where it cannot."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import RealBroker, embedded, free_port, iotcore_command, mosquitto, until

from edge.link.mqtt import Broker, Connection, Group, Incoming

MESSAGES = 40


def _iotcore_5(folder: Path) -> RealBroker:
    port = free_port()
    return RealBroker("iotcore", port, iotcore_command(folder, port, version=5))


SHARING = {"mosquitto": mosquitto, "iotcore": _iotcore_5}


def running(make: Callable[[Path], RealBroker], folder: Path) -> Iterator[RealBroker]:
    broker = make(folder)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture(params=list(SHARING))
def sharing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RealBroker]:
    yield from running(SHARING[request.param], tmp_path)


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[RealBroker]:
    yield from running(embedded, tmp_path)


class Member:
    """One client of the group; `acks=False` takes messages and never says so."""

    def __init__(self, broker: RealBroker, name: str, acks: bool = True, receive_max: int = 100) -> None:
        self.got: list[str] = []
        self._acks = acks
        self._lock = threading.Lock()
        self.connection = Connection(
            Broker(port=broker.port),
            name,
            subscriptions=[("births/+", 1)],
            on_message=self._message,
            group=Group("team", [("work/+", 1)], receive_max),
        )
        self.connection.start()
        assert self.connection.wait_connected(30.0)
        # Its own message comes back when the subscriptions are in force.
        until(lambda: self._say(f"births/{name}") and f"births/{name}" in self.got, 30.0, f"{name} subscribed")

    def _say(self, topic: str) -> bool:
        return self.connection.publish(topic, b"")

    def work(self) -> list[str]:
        with self._lock:
            return [topic for topic in self.got if topic.startswith("work/")]

    def _message(self, incoming: Incoming) -> None:
        with self._lock:
            self.got.append(incoming.topic)
        if self._acks:
            self.connection.ack(incoming)


def test_each_message_goes_to_one_member_and_both_have_some(sharing: RealBroker) -> None:
    one, two = Member(sharing, "one"), Member(sharing, "two")
    for number in range(MESSAGES):
        assert one.connection.publish(f"work/{number}", b"x")
    until(lambda: len(one.work() + two.work()) >= MESSAGES, 30.0, "all messages")
    assert sorted(one.work() + two.work()) == sorted(f"work/{number}" for number in range(MESSAGES))
    assert one.work() and two.work()
    one.connection.stop()
    two.connection.stop()


def test_no_more_than_receive_maximum_are_under_way_to_a_member(tmp_path: Path) -> None:
    """mosquitto alone: rumqttd pays no heed to it."""
    broker = mosquitto(tmp_path)
    broker.start()
    lazy = Member(broker, "lazy", acks=False, receive_max=7)
    for number in range(MESSAGES):
        assert lazy.connection.publish(f"work/{number}", b"x")
    until(lambda: len(lazy.got) >= 7, 30.0, "the first seven")
    echo = Member(broker, "echo")  # a whole conversation later
    assert len(lazy.got) == 7
    lazy.connection.stop()
    echo.connection.stop()
    broker.kill()


def test_a_broker_of_mqtt_3_gives_every_message_to_every_member(plain: RealBroker) -> None:
    one, two = Member(plain, "one"), Member(plain, "two")
    for number in range(MESSAGES):
        assert one.connection.publish(f"work/{number}", b"x")
    everything = sorted(f"work/{number}" for number in range(MESSAGES))
    until(lambda: len(one.work()) >= MESSAGES and len(two.work()) >= MESSAGES, 30.0, "all messages at both")
    assert sorted(set(one.work())) == sorted(set(two.work())) == everything
    one.connection.stop()
    two.connection.stop()
