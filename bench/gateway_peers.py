"""What others do with the same messages: a paho loop, an aiomqtt loop, NATS JetStream with a pulling consumer.

Run as `python -m bench.gateway_peers NAME PORT FILE` each is the receiving process: it writes every candidate that it
can parse into a table of an SQLite file (WAL, synchronous=FULL). The paho and the aiomqtt loop are what people write
first: the client acknowledges by itself, one commit a message. The JetStream consumer acknowledges after its commit,
256 messages at a time. Their publishers trust the broker's PUBACK. None of them sends a receipt, merges, files or
forwards.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from paho.mqtt import MQTTException, publish
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from bench import gateway_parts as parts
from bench.gateway_fleet import Fleet
from bench.gateway_work import Workload
from edge.link.mqtt import _no_delay
from edge.wire import Candidate, up_filter

QUIET_S = 6.0  # nothing new for so long: the consumer has all that it will ever get
QUIET_S_MAX = 60.0
BATCH = 256
ACK_WAIT_S = 3.0  # what a killed consumer had fetched comes again after this, well before it is QUIET_S
PEERS = ("paho_loop", "aiomqtt_loop", "nats_jetstream")
_candidates = msgspec.json.Decoder(Candidate)


class Table:
    """What a peer keeps."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None, timeout=10.0)
        for text in ("pragma journal_mode=wal", "pragma synchronous=full"):
            self.db.execute(text)
        self.db.execute("create table if not exists seen (candidate_id text, size integer)")

    def put(self, topic: str, payload: bytes) -> None:
        """One row for a candidate, one for a picture; what does not parse is dropped."""
        found = topic
        if topic.endswith("candidate"):
            try:
                found = _candidates.decode(payload).candidate_id
            except msgspec.DecodeError:
                return
        self.db.execute("insert into seen values (?, ?)", (found, len(payload)))


def paho_loop(port: int, table: Table) -> None:
    """The example of paho's manual, with TCP_NODELAY, a session and an insert."""
    client = Client(CallbackAPIVersion.VERSION2, client_id="peer", clean_session=False)
    client.on_socket_open = _no_delay
    client.on_connect = lambda c, *_: c.subscribe(up_filter(), 1)
    client.on_message = lambda _c, _d, message: table.put(message.topic, bytes(message.payload))
    while True:
        try:
            client.connect("127.0.0.1", port, 20)
            break
        except OSError:
            time.sleep(0.2)
    client.loop_forever(retry_first_connection=True)


async def aiomqtt_loop(port: int, table: Table) -> None:
    """The example of aiomqtt's manual, connecting again when the line breaks."""
    import aiomqtt

    while True:
        try:
            async with aiomqtt.Client("127.0.0.1", port, identifier="peer", clean_session=False) as client:
                await client.subscribe(up_filter(), 1)
                async for message in client.messages:
                    table.put(str(message.topic), bytes(message.payload))
        except aiomqtt.MqttError:
            await asyncio.sleep(0.2)


async def nats_jetstream(port: int, table: Table) -> None:
    """A durable pull consumer on the stream that nats-server keeps MQTT messages in."""
    import nats
    from nats.errors import Error
    from nats.js.api import ConsumerConfig

    line: Any = None
    pull: Any = None
    while True:
        try:
            if line is None:
                line = await nats.connect(
                    f"nats://127.0.0.1:{port}", max_reconnect_attempts=-1, reconnect_time_wait=0.2, error_cb=_quietly
                )
            if pull is None:
                stream = line.jetstream()
                again = ConsumerConfig(ack_wait=ACK_WAIT_S)
                pull = await stream.pull_subscribe("$MQTT.msgs.zm.1.up.>", "peer", stream="$MQTT_msgs", config=again)
            messages = await pull.fetch(BATCH, timeout=1.0)
        except (Error, OSError):
            await asyncio.sleep(0.1)
            continue
        table.db.execute("begin immediate")
        for message in messages:
            table.put(message.subject.removeprefix("$MQTT.msgs.").replace(".", "/"), message.data)
        table.db.execute("commit")
        try:
            for message in messages:
                await message.ack()
        except (Error, OSError):
            continue  # they come again


async def _quietly(_error: Exception) -> None:
    """A broker that is away for a moment is part of the measurement."""


def measure(peer: str, folder: Path, candidates: int, publishers: int) -> dict[str, Any]:
    """One peer: fault-free first, then broker and receiver killed twice each. Raises NotThere, TimeoutError."""
    if peer == "nats_jetstream":
        broker, port = parts.nats(folder)  # its own port for the receiver, MQTT for the publishers
    else:
        broker = parts.broker(folder)
        port = broker.port
    file = folder / f"{peer}.sqlite3"
    Table(file).db.close()
    receiver = parts.python(peer, folder, "bench.gateway_peers", peer, str(port), str(file))
    broker.start()
    try:
        receiver.start()
        _heard(broker, file)
        clean = _run(broker, receiver, file, Workload(candidates, publishers), [])
        kills = [(0.2, receiver), (0.4, broker), (0.6, receiver), (0.8, broker)]
        work = Workload(candidates, publishers, first=20_000_000)
        faulty = _run(broker, receiver, file, work, [(at, f"{p.name} killed", p.kill_and_start) for at, p in kills])
    finally:
        receiver.kill()
        broker.kill()
    return {**clean, "lost": faulty["lost"], "doubled": faulty["doubled"], "faults": faulty["faults"]}


def _run(broker: parts.Part, receiver: parts.Part, file: Path, work: Workload, plan: list[Any]) -> dict[str, Any]:
    fleet = Fleet(broker.port, work, "puback", resend_s=10.0)
    fleet.connect()
    faults, used, before = parts.Faults(plan), (receiver.cpu_s(), broker.cpu_s()), _rows(file)

    def step() -> bool:
        faults.step(fleet.confirmed / fleet.total)
        return True

    took_s = fleet.run(step)
    fleet.close()
    if plan:
        _heard(broker, file)  # whoever was killed last is back and takes in what waits
    waited_s = _quiet(file)
    seen = _seen(file)
    valid = work.valid()
    rows = [count for found, count in seen.items() if found in valid]
    lasted = took_s + waited_s
    return {
        "messages_per_s": round((_rows(file) - before) / lasted, 1),
        "rate_per_s": round(len(rows) / lasted, 1),
        "puback_per_s": round(fleet.total / took_s, 1),
        "cpu_us_per_message": round((receiver.cpu_s() - used[0]) * 1e6 / fleet.handed, 1),
        "broker_cpu_us_per_message": round((broker.cpu_s() - used[1]) * 1e6 / fleet.handed, 1),
        "lost": len(valid) - len(rows),
        "doubled": sum(rows) - len(rows),
        "faults": faults.done,
    }


def _heard(broker: parts.Part, file: Path) -> None:
    """Knock until the receiver has heard it: it says nothing by itself when it has subscribed. Raises TimeoutError."""
    word = f"zm/1/up/knock-{time.monotonic_ns()}/health"
    deadline = time.monotonic() + parts.START_S
    while not _seen(file).get(word):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the receiver hears nothing on port {broker.port}")
        with suppress(OSError, MQTTException):
            publish.single(word, b"{}", qos=1, hostname="127.0.0.1", port=broker.port, client_id="knock")
        time.sleep(0.2)


def _quiet(file: Path) -> float:
    """Wait for the receiver's last row; the seconds until it came."""
    began = last_at = time.monotonic()
    last = _rows(file)
    while time.monotonic() - last_at < QUIET_S and time.monotonic() - began < QUIET_S_MAX:
        time.sleep(0.2)
        now = _rows(file)
        if now != last:
            last, last_at = now, time.monotonic()
    return last_at - began


def _rows(file: Path) -> int:
    with sqlite3.connect(file) as db:
        return int(db.execute("select count(*) from seen").fetchone()[0])


def _seen(file: Path) -> dict[str, int]:
    with sqlite3.connect(file) as db:
        return dict(db.execute("select candidate_id, count(*) from seen group by candidate_id").fetchall())


if __name__ == "__main__":
    kept = Table(Path(sys.argv[3]))
    if sys.argv[1] == "paho_loop":
        paho_loop(int(sys.argv[2]), kept)
    else:
        loops = {"aiomqtt_loop": aiomqtt_loop, "nats_jetstream": nats_jetstream}
        asyncio.run(loops[sys.argv[1]](int(sys.argv[2]), kept))
