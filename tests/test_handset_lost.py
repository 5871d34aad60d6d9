"""A lost handset on mosquitto: its session is cut at once, its queue dropped, it is wiped at its next contact."""

import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import missing
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from bench.handsets import orders
from bench.handsets.processes import Centre
from bench.processes import NoMosquitto
from edge.handset.handset import Handset
from edge.handset.loop import Loop
from edge.wire import Point, down_filter, topic
from gateway import tables
from gateway.database import Database, sqlite_url
from gateway.sync import handsets
from gateway.times import to_text

DEVICE = "h-1"
WAIT_S = 30.0


class Thief:
    """Whoever holds the phone: connected under its name with a session that the broker keeps; wipes nothing."""

    def __init__(self, port: int) -> None:
        self.heard: list[str] = []
        self.session_kept: list[bool] = []
        self.client = Client(CallbackAPIVersion.VERSION2, DEVICE, clean_session=False, reconnect_on_failure=False)
        self.client.on_connect = self._connected
        self.client.on_message = lambda _client, _data, message: self.heard.append(message.topic)
        self.client.connect("127.0.0.1", port, 30)
        self.until(lambda: bool(self.session_kept))

    def until(self, condition: Callable[[], bool]) -> bool:
        """Read until it holds; False when the connection ended before."""
        end_s = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < end_s
            if self.client.loop(0.05) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return False
        return True

    def leave(self) -> None:
        """Without a word: the session stays with the broker."""
        sock: Any = self.client.socket()
        sock.close()

    def _connected(self, client: Client, _data: Any, flags: Any, _reason: Any, _properties: Any) -> None:
        self.session_kept.append(bool(flags.session_present))
        client.subscribe(down_filter(DEVICE), 1)


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    orders.write(tmp_path / "gateway", [DEVICE], 3)
    centre = Centre(tmp_path)
    try:
        centre.start_broker()
        centre.start_gateway()
    except NoMosquitto as error:
        centre.stop()
        missing(str(error))
    yield centre
    centre.stop()


def _revoke(centre: Centre) -> float:
    """As `zhuomu gateway handsets revoke` does; returns when it was committed."""
    url = sqlite_url(centre.folder / "gateway" / "gateway.sqlite3")
    database = Database(url, tables.metadata, tables.SCHEMA_VERSION)
    with database.write() as tx:
        handsets.revoke(tx, DEVICE, "lost on the bus", to_text(datetime.now(UTC)))
    database.close()
    return time.monotonic()


def _begun(centre: Centre, folder: Path) -> str:
    """The handset fetches its orders, accepts one at the centre and disposes of it offline; returns the order."""
    loop = Loop([_handset(centre, folder)])
    handset = loop.handsets[0]
    _drive(loop, lambda: handset.session.current)
    order_id = handset.replica.orders()[0].order_id
    handset.replica.do("accepted", datetime.now(UTC), str(uuid.uuid4()), order_id)
    handset.session.poke()
    _drive(loop, lambda: not handset.replica.pending())
    loop.close()
    handset = _handset(centre, folder)
    here = [Point(at=datetime.now(UTC), lat=34.0, lon=117.0)]
    handset.replica.do("disposed", datetime.now(UTC), str(uuid.uuid4()), order_id, points=here)
    handset.book.close()
    return order_id


def _handset(centre: Centre, folder: Path) -> Handset:
    return Handset(folder, DEVICE, centre.broker, random.Random(1), "test", 0.0)


def _drive(loop: Loop, condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + WAIT_S
    loop.run(lambda: condition() or time.monotonic() > end_s)
    assert condition()


def test_a_revoked_handset_is_cut_its_queue_dropped_itself_wiped_and_its_work_listed(
    centre: Centre, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order_id = _begun(centre, tmp_path / "phones")
    thief = Thief(centre.port)
    revoked_s = _revoke(centre)
    assert not thief.until(lambda: False)  # the session ends
    cut_s = time.monotonic() - revoked_s
    with capsys.disabled():
        sys.stdout.write(f"\nrevoked handset: live session cut after {cut_s:.2f} s\n")
    assert topic("down", DEVICE, "wipe") in thief.heard

    lost = Loop([_handset(centre, tmp_path / "phones")])
    _drive(lost, lambda: lost.handsets[0].replica.wiped)
    _drive(lost, lambda: _unsent(centre)["told"] is not None)
    lost.close()
    told = _unsent(centre)
    assert [order["order_id"] for order in told["orders"]] == [order_id]  # begun and never ended
    assert [head["op_kind"] for head in told["told"]["heads"]] == ["disposed"]  # done offline, never brought out


def test_what_the_broker_holds_for_a_handset_that_is_away_is_dropped_when_it_is_revoked(
    centre: Centre, tmp_path: Path
) -> None:
    _begun(centre, tmp_path / "phones")
    thief = Thief(centre.port)
    thief.leave()
    again = Client(CallbackAPIVersion.VERSION2, "clerk")
    again.connect("127.0.0.1", centre.port)
    again.loop_start()
    again.publish(topic("down", DEVICE, "delta"), b"{}", 1).wait_for_publish(WAIT_S)
    again.disconnect()
    again.loop_stop()
    _revoke(centre)
    end_s = time.monotonic() + WAIT_S
    while not _cut(centre):
        assert time.monotonic() < end_s
        time.sleep(0.02)
    back = Thief(centre.port)
    assert back.session_kept == [False]
    assert back.until(lambda: True) and topic("down", DEVICE, "delta") not in back.heard
    back.leave()


def _unsent(centre: Centre) -> dict[str, Any]:
    answer = httpx.get(f"{centre.http}/api/handsets/{DEVICE}/unsent", trust_env=False)
    return dict(answer.raise_for_status().json())


def _cut(centre: Centre) -> bool:
    url = sqlite_url(centre.folder / "gateway" / "gateway.sqlite3")
    database = Database(url, tables.metadata, tables.SCHEMA_VERSION)
    with database.read() as tx:
        found = handsets.to_cut(tx)
    database.close()
    return not found
