"""The link on real brokers: everything put arrives, is receipted once, and survives a killed broker."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import RealBroker, until
from test_wire_contract import a_candidate

from edge.link import Broker, Connection, Incoming, Link, Outbox
from edge.link.mqtt import BACKOFF_MAX_S, backoff_s
from edge.wire import Durable, Presence, Receipt, Refusal, Verify, decode, encode, parse_topic, topic, up_filter


class Centre:
    """A gateway reduced to its promise: remember, acknowledge, receipt. `deaf` receipts nothing for a while."""

    def __init__(self, port: int, client_id: str = "centre") -> None:
        self.seen: Counter[tuple[str, int]] = Counter()
        self.presence: list[Presence] = []
        self.deaf = False
        self.refuse: set[int] = set()
        self._lock = threading.Lock()
        self.connection = Connection(
            Broker(port=port), client_id, subscriptions=[(up_filter(), 1)], on_message=self._take
        )
        self.connection.start()
        assert self.connection.wait_connected(10)

    def _take(self, incoming: Incoming) -> None:
        row, device = parse_topic(incoming.topic)
        message = decode(row, incoming.payload, device)
        if isinstance(message, Presence):
            self.presence.append(message)
        if isinstance(message, Durable) and not self.deaf:
            with self._lock:
                self.seen[(message.epoch, message.seq)] += 1
            bad = message.seq in self.refuse
            receipt = Receipt(
                device=device,
                epoch=message.epoch,
                seqs=[] if bad else [message.seq],
                refused=[Refusal(seq=message.seq, code=100, reason="no")] if bad else [],
            )
            self.connection.publish(topic("down", device, "receipt"), encode(receipt))
        self.connection.ack(incoming)


@pytest.fixture
def centre(broker: RealBroker) -> Iterator[Centre]:
    """A centre on the broker under test."""
    one = Centre(broker.port)
    yield one
    one.connection.stop()


def a_link(broker: RealBroker, folder: Path, **options: object) -> Link:
    """A kiosk's link with a fresh outbox."""
    outbox = Outbox(folder / "kiosk.db", "kiosk-1")
    return Link(outbox, Broker(port=broker.port), "kiosk", handlers={}, rng=random.Random(1), **options)  # type: ignore[arg-type]


def test_what_was_put_before_there_was_a_line_arrives(broker: RealBroker, centre: Centre, tmp_path: Path) -> None:
    """A thousand messages of an offline time, each receipted."""
    link = a_link(broker, tmp_path)
    link.outbox.put(*(a_candidate() for _ in range(1000)))
    link.start()
    assert link.drain(30)
    assert len(centre.seen) == 1000
    link.stop()


def test_a_message_without_a_receipt_is_sent_again(broker: RealBroker, centre: Centre, tmp_path: Path) -> None:
    """The broker's acknowledgement is no receipt."""
    centre.deaf = True
    link = a_link(broker, tmp_path, resend_s=0.3)
    link.start()
    link.send(a_candidate())
    until(lambda: link.counters.sent >= 2, what="second sending")
    assert link.outbox.size[0] == 1
    centre.deaf = False
    assert link.drain(10)
    link.stop()


def test_a_refused_message_is_not_sent_again(broker: RealBroker, centre: Centre, tmp_path: Path) -> None:
    """It lies on the shelf with its reason."""
    centre.refuse.add(1)
    link = a_link(broker, tmp_path)
    link.start()
    link.send(a_candidate())
    assert link.drain(10)
    assert link.outbox.shelf() == [(1, "candidate", 100, "no")]
    link.stop()


def test_birth_and_goodbye_are_published(broker: RealBroker, centre: Centre, tmp_path: Path) -> None:
    """The centre knows who is there."""
    link = a_link(broker, tmp_path)
    link.start()
    until(lambda: any(p.online for p in centre.presence), what="birth")
    link.stop()
    until(lambda: centre.presence and not centre.presence[-1].online, what="goodbye")


def test_a_request_reaches_the_handler_and_rubbish_does_not_stop_the_link(
    broker: RealBroker, centre: Centre, tmp_path: Path
) -> None:
    """A payload that is no message is counted and passed over."""
    got: list[Verify] = []
    link = Link(
        Outbox(tmp_path / "h.db", "handset-1"), Broker(port=broker.port), "handset", handlers={"verify": got.append}
    )
    link.start()
    until(lambda: any(p.device == "handset-1" for p in centre.presence), what="birth")
    asked = Verify(
        verify_id="v-1",
        incident_id="i-1",
        camera="north",
        place_id="p-1",
        case_class="bike",
        label="bicycle",
        box=(1.0, 1.0, 2.0, 2.0),
        frame_width=640,
        frame_height=360,
    )
    centre.connection.publish(topic("down", "handset-1", "verify"), b"rubbish")
    centre.connection.publish(topic("down", "handset-1", "verify"), encode(asked))
    until(lambda: got == [asked], what="the request")
    assert link.counters.down_bad >= 1
    link.stop()


def test_a_killed_broker_loses_nothing(broker: RealBroker, centre: Centre, tmp_path: Path) -> None:
    """SIGKILL of the broker three times in a stream of messages: each arrives and is receipted."""
    link = a_link(broker, tmp_path, resend_s=1.0)
    link.start()
    for _ in range(3):
        for _ in range(100):
            link.send(a_candidate())
        broker.kill()
        link.send(a_candidate())
        broker.start()
    assert link.drain(60)
    assert {seq for _, seq in centre.seen} == set(range(1, 304))
    link.stop()


def test_reconnect_waits_with_jitter_and_a_limit() -> None:
    """A thousand devices do not come back in the same moment, and none waits longer than the limit."""
    rng = random.Random(3)
    waits = [backoff_s(20, rng) for _ in range(1000)]
    assert 0.05 <= min(waits) < 3.0
    assert 27.0 < max(waits) <= BACKOFF_MAX_S
