"""Fifty publishers in one loop: each keeps what is not confirmed and sends it again, as a device's outbox does."""

from __future__ import annotations

import random
import selectors
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from bench.gateway_work import Item, Workload
from edge.link.mqtt import _leave_to_loop, _no_delay
from edge.wire import Receipt, down_filter, topic

WINDOW = 64  # messages under way, as edge/link/client.py allows
WINDOW_BYTES = 4 * 1024 * 1024
MISC_EVERY_S = 0.5
ROUND_S = 0.01
STUCK_S = 120.0
AT_ONCE = 64  # new messages between two looks at the sockets and at what is to be killed

Confirm = Literal["receipt", "puback"]
_receipts = msgspec.json.Decoder(Receipt)


@dataclass
class Publisher:
    """One device. `flying`: seq -> (item, first sent, last sent, bytes)."""

    name: str
    todo: deque[Item]
    flying: dict[int, tuple[Item, float, float, int]] = field(default_factory=dict)
    flying_bytes: int = 0
    client: Client | None = None
    mids: dict[int, int] = field(default_factory=dict)
    up: bool = False
    again_at: float = 0.0
    wants_write: bool = False


class Fleet:
    """`confirm`: what a message waits for: our gateway's receipt, or the broker's PUBACK as most clients do."""

    def __init__(self, port: int, work: Workload, confirm: Confirm, resend_s: float, seed: int = 1) -> None:
        self._port = port
        self._work = work
        self._confirm = confirm
        self._resend_s = resend_s
        self._rng = random.Random(seed)
        self._selector = selectors.DefaultSelector()
        self.publishers = [Publisher(name, deque(work.items(name))) for name in work.devices]
        self.total = sum(len(p.todo) for p in self.publishers)
        self.confirmed = 0
        self.refused = 0
        self.handed = 0  # messages given to the broker, repeats and all
        self.latencies_s: list[float] = []

    def run(self, step: Callable[[], bool], rate_per_s: float = 0.0, room: Callable[[], float] = lambda: 1.0) -> float:
        """Send everything and wait for its confirmation; returns the seconds that took. `step` is called some hundred
        times a second and ends the run early by False. `rate_per_s`: no faster than this (0: as fast as it goes).
        `room`: the share of all that may have been begun by now. Raises TimeoutError when nothing was confirmed for
        STUCK_S."""
        began = misc_at = moved_at = time.monotonic()
        started = reached = 0
        while self.confirmed + self.refused < self.total and step():
            now = time.monotonic()
            allowed = self.total if not rate_per_s else int((now - began) * rate_per_s) - started
            started += self._send_new(now, min(allowed, int(room() * self.total) - started, AT_ONCE))
            self._serve()
            if now - misc_at > MISC_EVERY_S:
                self._maintain(now)
                misc_at = now
                moved_at = now if self.confirmed + self.refused > reached else moved_at
                reached = self.confirmed + self.refused
                if now - moved_at > STUCK_S:
                    raise TimeoutError(f"{self.total - reached} messages without an answer for {STUCK_S:g} s")
        return time.monotonic() - began

    def connect(self) -> None:
        """All of them, before the clock starts."""
        deadline = time.monotonic() + 30.0
        while not all(p.up for p in self.publishers):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no MQTT broker answers on port {self._port}")
            self._maintain(time.monotonic())
            self._serve()

    def close(self) -> None:
        """Let the connections go."""
        for p in self.publishers:
            self._drop(p)
        self._selector.close()

    def _send_new(self, now: float, allowed: int) -> int:
        done = 0
        for p in self.publishers:
            while p.up and p.todo and done < allowed and len(p.flying) < WINDOW and p.flying_bytes < WINDOW_BYTES:
                item = p.todo.popleft()
                for _ in range(item.copies):
                    self._send(p, item, now)
                done += 1
        return done

    def _send(self, p: Publisher, item: Item, now: float) -> None:
        assert p.client is not None
        payload = self._work.payload(item)
        _, first, _, size = p.flying.get(item.seq, (item, now, now, 0))
        p.flying_bytes += len(payload) - size
        p.flying[item.seq] = (item, first, now, len(payload))
        sent = p.client.publish(topic("up", p.name, item.channel), payload, qos=1)
        if sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
            p.mids[sent.mid] = item.seq
            self.handed += 1
        self._want_write(p)

    def _serve(self) -> None:
        for key, events in self._selector.select(ROUND_S):
            p: Publisher = key.data
            client = p.client
            if client is None:
                continue
            code = client.loop_read() if events & selectors.EVENT_READ else MQTTErrorCode.MQTT_ERR_SUCCESS
            if code == MQTTErrorCode.MQTT_ERR_SUCCESS and events & selectors.EVENT_WRITE:
                code = client.loop_write()
            if code != MQTTErrorCode.MQTT_ERR_SUCCESS or client.socket() is None:
                self._drop(p)
            else:
                self._want_write(p)

    def _want_write(self, p: Publisher) -> None:
        wants = p.client is not None and p.client.want_write()
        sock = p.client.socket() if p.client is not None else None
        if wants != p.wants_write and sock is not None:
            p.wants_write = wants
            self._selector.modify(sock, selectors.EVENT_READ | (selectors.EVENT_WRITE if wants else 0), p)

    def _maintain(self, now: float) -> None:
        for p in self.publishers:
            if p.client is None:
                if now >= p.again_at:
                    self._connect(p, now)
                continue
            if p.client.loop_misc() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._drop(p)
            elif p.up:
                late = [item for item, _, last, _ in p.flying.values() if now - last > self._resend_s]
                for item in late:
                    self._send(p, item, now)

    def _connect(self, p: Publisher, now: float) -> None:
        client = Client(CallbackAPIVersion.VERSION2, client_id=p.name, clean_session=False, reconnect_on_failure=False)
        client.max_inflight_messages_set(1000)
        client.on_socket_open = _no_delay
        client.on_socket_register_write = _leave_to_loop
        client.on_connect = lambda c, _d, _f, reason, _p: self._connected(p, c, reason)
        client.on_message = lambda _c, _d, message: self._message(p, message)
        client.on_publish = lambda _c, _d, mid, _r, _p: self._published(p, mid)
        try:
            client.connect("127.0.0.1", self._port, keepalive=20)
        except OSError:
            p.again_at = now + self._rng.uniform(0.2, 1.0)
            return
        p.client, p.wants_write = client, False
        self._selector.register(client.socket(), selectors.EVENT_READ, p)  # type: ignore[arg-type]
        self._want_write(p)

    def _connected(self, p: Publisher, client: Client, reason: Any) -> None:
        if reason.is_failure:
            return
        p.up = True
        if self._confirm == "receipt":
            client.subscribe(down_filter(p.name), 1)
        now = time.monotonic()
        for item, *_ in list(p.flying.values()):  # what was under way when the line broke
            self._send(p, item, now)

    def _drop(self, p: Publisher) -> None:
        client, p.client, p.up, p.wants_write = p.client, None, False, False
        p.mids.clear()
        p.again_at = time.monotonic() + self._rng.uniform(0.1, 0.6)
        for key in [k for k in self._selector.get_map().values() if k.data is p]:
            self._selector.unregister(key.fileobj)
        if client is not None and client.socket() is not None:
            client.socket().close()  # type: ignore[union-attr]

    def _published(self, p: Publisher, mid: int) -> None:
        seq = p.mids.pop(mid, None)
        if self._confirm == "puback" and seq is not None:
            self._done(p, seq)

    def _message(self, p: Publisher, message: MQTTMessage) -> None:
        if not message.topic.endswith("/receipt"):
            return
        receipt = _receipts.decode(message.payload)
        for seq in receipt.seqs:
            self._done(p, seq)
        for refusal in receipt.refused:
            self._done(p, refusal.seq, refused=True)

    def _done(self, p: Publisher, seq: int, refused: bool = False) -> None:
        found = p.flying.pop(seq, None)
        if found is None:
            return
        p.flying_bytes -= found[3]
        self.latencies_s.append(time.monotonic() - found[1])
        self.confirmed += not refused
        self.refused += refused
