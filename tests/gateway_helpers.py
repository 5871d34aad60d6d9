"""Real parts for the gateway's tests: mosquitto, the processes themselves, a device with a small outbox, messages."""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
from conftest import free_port, iotcore_command, missing, until

from edge.link.mqtt import Broker, Connection, Incoming
from edge.wire import (
    Candidate,
    Delta,
    Durable,
    Evidence,
    Message,
    Op,
    Order,
    Place,
    Presence,
    Pull,
    Receipt,
    Verdict,
    Verify,
    channel_of,
    decode,
    down_filter,
    encode,
    parse_topic,
    topic,
)

REPOSITORY = Path(__file__).parent.parent
EPOCH = "0123456789abcdef"
START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HASH = "a" * 64
_MOSQUITTO = """listener {port} 127.0.0.1
listener {ws_port} 127.0.0.1
protocol websockets
allow_anonymous true
persistence false
max_inflight_messages 1000
max_queued_messages 100000
set_tcp_nodelay true
"""
RUN = "from gateway import cli; import typer; typer.run(cli.{command})"


class Process:
    """One of our processes; `ready` waits for its line on stdout."""

    def __init__(self, command: Sequence[str], stderr: Path) -> None:
        self._stderr = stderr.open("ab")
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        environment.pop("PYTEST_CURRENT_TEST", None)  # NiceGUI looks at it
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._stderr, env=environment, text=True, cwd=stderr.parent
        )

    def ready(self) -> dict[str, Any]:
        """The first line, as JSON."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"ended with {self.process.wait()}: {Path(str(self._stderr.name)).read_text()[-2000:]}"
        return dict(json.loads(line))

    def kill(self) -> None:
        """SIGKILL."""
        self.end(signal.SIGKILL)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._stderr.close()
        return code


class Centre:
    """Broker, registry and gateway on free ports below one folder; each can be stopped and started again."""

    def __init__(self, folder: Path, gateway: dict[str, Any] | None = None, registry: dict[str, Any] | None = None):
        self.folder = folder
        self.mqtt_port, self.http_port, self.registry_port = free_port(), free_port(), free_port()
        self.ws_port = free_port()
        self._settings = {
            "gateway": {
                "data": str(folder / "gateway"),
                "port": self.http_port,
                "registry_url": f"http://127.0.0.1:{self.registry_port}",
                "poll_s": 0.05,
                "console": False,
                "phone_mqtt": f"ws://{{host}}:{self.ws_port}",
                **(gateway or {}),
                "broker": {"port": self.mqtt_port},
            },
            "registry": {"data": str(folder / "registry"), "port": self.registry_port, **(registry or {})},
        }
        self._processes: dict[str, Process] = {}
        self.broker = "mosquitto"
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.http_port}", trust_env=False)
        self.registry_http = httpx.Client(base_url=f"http://127.0.0.1:{self.registry_port}", trust_env=False)

    def start(self, *names: str) -> None:
        """Start `broker`, `registry`, `gateway` (or those that are named) and wait until they serve."""
        for name in names or ("broker", "registry", "gateway"):
            self._processes[name] = self._start(name)
        for name in names or ("broker", "registry", "gateway"):
            if name != "broker":
                self._processes[name].ready()

    def kill(self, name: str) -> None:
        """SIGKILL one of them."""
        self._processes.pop(name).kill()

    def end(self, name: str, number: int = signal.SIGTERM) -> int:
        """End one of them; returns its exit status."""
        return self._processes.pop(name).end(number)

    def stop(self) -> None:
        """SIGKILL whatever still runs."""
        for process in self._processes.values():
            process.kill()
        self._processes.clear()
        self.http.close()
        self.registry_http.close()

    def get(self, path: str, **params: Any) -> Any:
        """JSON of the gateway's API."""
        return self.http.get(path, params=params).raise_for_status().json()

    def summary(self) -> dict[str, int]:
        """The gateway's counts."""
        return dict(self.get("/api/summary"))

    def until(self, timeout_s: float = 20.0, **counts: int) -> None:
        """Wait until the summary shows these counts."""
        try:
            until(lambda: counts.items() <= self.summary().items(), timeout_s, str(counts))
        except BaseException:
            sys.stderr.write(f"the summary is {self.summary()}\n")
            raise

    def _start(self, name: str) -> Process:
        stderr = self.folder / f"{name}.err"
        if name == "broker":
            make = {"mosquitto": _mosquitto, "amqtt": _amqtt, "iotcore": _iotcore}[self.broker]
            return make(self.folder, self.mqtt_port, self.ws_port)
        config = self.folder / f"{name}.toml"
        config.write_text(toml(self._settings[name]))
        return Process([sys.executable, "-c", RUN.format(command=name), "--config", str(config)], stderr)


class Device:
    """A device with its outbox in memory: what was sent and not receipted is sent again by `resend`."""

    def __init__(self, port: int, name: str, epoch: str = EPOCH) -> None:
        self.name = name
        self.epoch = epoch
        self.pending: dict[int, tuple[str, bytes]] = {}
        self.receipts: list[int] = []
        self.refused: dict[int, int] = {}
        self.down: list[tuple[str, Message]] = []
        self.received: list[tuple[str, bytes]] = []
        self._seq = 0
        self._lock = threading.Lock()
        self._connection = Connection(
            Broker(port=port), f"test-{name}", subscriptions=[(down_filter(name), 1)], on_message=self._incoming
        )
        self._connection.start()
        assert self._connection.wait_connected(10.0)

    @property
    def sent(self) -> int:
        """How many messages have got a number; the last one's."""
        return self._seq

    def stop(self) -> None:
        """Go away without a word."""
        self._connection.stop()

    def send(self, *messages: Durable) -> list[int]:
        """Give each its seq and send it; returns the seqs."""
        seqs = []
        for message in messages:
            self._seq += 1
            own = msgspec.structs.replace(message, device=self.name, epoch=self.epoch, seq=self._seq)
            self.put(self._seq, channel_of(own).name, encode(own))
            seqs.append(self._seq)
        return seqs

    def put(self, seq: int, channel: str, payload: bytes) -> None:
        """Send any bytes as if they were message `seq`."""
        with self._lock:
            self.pending[seq] = (channel, payload)
        self.publish(channel, payload)

    def publish(self, channel: str, payload: bytes, retain: bool = False) -> None:
        """Send bytes on a channel of this device, wait for a connection first."""
        until(lambda: self._connection.publish(topic("up", self.name, channel), payload, 1, retain), 20.0, "broker")

    def say(self, message: Message, retain: bool = False) -> None:
        """Send a message that needs no receipt."""
        self.publish(channel_of(message).name, encode(message), retain)

    def resend(self) -> None:
        """Send again what has no receipt."""
        with self._lock:
            again = list(self.pending.items())
        for _, (channel, payload) in sorted(again):
            self.publish(channel, payload)

    def settle(self, timeout_s: float = 20.0) -> None:
        """Until everything has its receipt or refusal, sending again every second."""
        sent_at = time.monotonic()

        def done() -> bool:
            nonlocal sent_at
            if self.pending and time.monotonic() - sent_at > 1.0:
                self.resend()
                sent_at = time.monotonic()
            return not self.pending

        until(done, timeout_s, f"receipts for {self.name}")

    def next_down(self, channel: str, start: int = 0, timeout_s: float = 20.0) -> Any:
        """The message number `start` that came down on a channel."""
        until(lambda: len(self.on(channel)) > start, timeout_s, f"{channel} number {start} at {self.name}")
        return self.on(channel)[start]

    def on(self, channel: str) -> list[Any]:
        """All that came down on a channel."""
        return [message for name, message in list(self.down) if name == channel]

    def _incoming(self, incoming: Incoming) -> None:
        row, _ = parse_topic(incoming.topic)
        message = decode(row, incoming.payload)
        if isinstance(message, Receipt):
            self._receipt(message)
        self.down.append((row.name, message))
        self._connection.ack(incoming)

    def _receipt(self, receipt: Receipt) -> None:
        with self._lock:
            self.receipts += receipt.seqs
            self.refused |= {refusal.seq: refusal.code for refusal in receipt.refused}
            for seq in (*receipt.seqs, *(refusal.seq for refusal in receipt.refused)):
                self.pending.pop(seq, None)


def candidate(number: int = 1, **values: Any) -> Candidate:
    """A candidate; different numbers are different things, 100 m apart."""
    row: dict[str, Any] = {
        "device": "kiosk-1",
        "epoch": EPOCH,
        "seq": number,
        "candidate_id": f"cand-{number}",
        "camera": "cam-1",
        "place_id": f"place-{number}",
        "case_class": "stall",
        "label": "stall",
        "class_code": "04-06",
        "rule": "road-stall",
        "rule_version": "1",
        "zone": "road",
        "score": 0.9,
        "box": (100.0 + number, 100.0, 101.0 + number, 101.0),
        "frame_width": 100_000,
        "frame_height": 1000,
        "first_seen": START,
        "last_seen": START + timedelta(minutes=5),
        "dwell_s": 300.0,
        "place": Place(lat=34.2 + number * 0.001, lon=117.2, error_major_m=1.0, error_minor_m=0.5),
        "model": "street",
        "model_sha256": HASH,
    }
    return Candidate(**(row | values))


def picture(data: bytes, **values: Any) -> Evidence:
    """Evidence with its right hash."""
    row: dict[str, Any] = {"device": "kiosk-1", "epoch": EPOCH, "seq": 1, "media_type": "image/jpeg", "kind": "crop"}
    row |= {"sha256": hashlib.sha256(data).hexdigest(), "redacted": True, "data": data}
    return Evidence(**(row | values))


class Phone(Device):
    """A handset by hand: asks for the log whenever a delta comes that does not fit, and keeps every order it saw."""

    def __init__(self, port: int, name: str, epoch: str = EPOCH) -> None:
        self.cursor = ""
        self.through = 0
        self.orders: list[Order] = []
        self.entries: list[Any] = []
        super().__init__(port, name, epoch)
        self.say(Presence(device=name, kind="handset", online=True), retain=True)
        self.pull()

    def pull(self, ask: bool = True) -> None:
        """Where we stand."""
        where = {"cursor": self.cursor, "through": self.through, "ask": ask}
        self.say(Pull(device=self.name, epoch=self.epoch, **where))  # type: ignore[arg-type]

    def _incoming(self, incoming: Incoming) -> None:
        super()._incoming(incoming)
        delta = self.down[-1][1]
        if not isinstance(delta, Delta):
            return
        fits = delta.after == self.cursor
        if fits:
            self.entries += delta.entries
            self.orders += [entry for entry in delta.entries if isinstance(entry, Order)]
            self.cursor = delta.next
            self.through = self.through if delta.more else delta.through
        where = {"cursor": self.cursor, "through": self.through, "ask": not fits or delta.more}
        self._connection.publish(
            topic("up", self.name, "sync"),
            encode(Pull(device=self.name, epoch=self.epoch, **where)),  # type: ignore[arg-type]
        )


def op_id(name: str) -> str:
    """The same UUID for the same name."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def op(work: Order, kind: Any, name: str = "", note: str = "", **values: Any) -> Op:
    """A step of handset-1 on an order."""
    return Op(
        device="handset-1",
        epoch=EPOCH,
        seq=1,
        op_id=op_id(name or f"{work.order_id}-{work.version}-{kind}"),
        **values,
        order_id=work.order_id,
        kind=kind,
        base_version=work.version,
        at=START,
        note=note,
    )


def verdict(asked: Verify, word: Any) -> Verdict:
    """kiosk-1's answer to a verify request."""
    return Verdict(
        device="kiosk-1",
        epoch=EPOCH,
        seq=1,
        verify_id=asked.verify_id,
        incident_id=asked.incident_id,
        camera=asked.camera,
        verdict=word,
        at=START,
        looks=[],
    )


def eventually(condition: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
    """`until` with its name first."""
    until(condition, timeout_s, what)


def toml(values: dict[str, Any]) -> str:
    """Settings as TOML: flat values first, then the one table; JSON's strings, numbers and lists are TOML's."""
    flat = [f"{name} = {json.dumps(value)}" for name, value in values.items() if not isinstance(value, dict)]
    tables = [f"[{name}]\n{toml(value)}" for name, value in values.items() if isinstance(value, dict)]
    return "\n".join([*flat, *tables]) + "\n"


def _mosquitto(folder: Path, port: int, ws_port: int) -> Process:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        missing("mosquitto (apt-get install mosquitto)")
    config = folder / "mosquitto.conf"
    config.write_text(_MOSQUITTO.format(port=port, ws_port=ws_port))
    process = Process([str(program), "-c", str(config)], folder / "mosquitto.err")
    until(lambda: _listens(port), 10.0, "mosquitto")
    return process


def _amqtt(folder: Path, port: int, ws_port: int) -> Process:
    run = f"asyncio.run(serve('127.0.0.1', {port}, ws_port={ws_port}))"
    code = f"import asyncio; from edge.link.broker import serve; {run}"
    process = Process([sys.executable, "-c", code], folder / "amqtt.err")
    until(lambda: _listens(port), 10.0, "amqtt")
    return process


def _iotcore(folder: Path, port: int, _ws_port: int) -> Process:
    """Without WebSockets: the phone page is tested on the other two."""
    process = Process(iotcore_command(folder, port), folder / "iotcore.err")
    until(lambda: _listens(port), 20.0, "iotcore")
    return process


def _listens(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0
