"""A device's line to the centre: what is put into the outbox goes out until its receipt is back."""

import random
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import structlog

from edge.link.health import fitting
from edge.link.mqtt import Broker, Connection, Incoming
from edge.link.outbox import Outbox, Pending
from edge.link.renewal import Renewal
from edge.link.window import Pace, Window
from edge.wire import (
    Durable,
    Health,
    Message,
    Presence,
    Receipt,
    Versions,
    Vitals,
    WireError,
    WrongSender,
    channel,
    channel_of,
    decode,
    down_filter,
    encode,
    parse_topic,
    topic,
)

RESEND_S = 10.0
OFFSETS = 16  # receipts whose clock is compared: the one that was under way the shortest is nearest the truth
HEALTH_EVERY_S = 10.0

log = structlog.get_logger()
Handler = Callable[[Any], None]


@dataclass
class Counters:
    """Since the start of this process."""

    sent: int = 0
    receipted: int = 0
    refused: int = 0
    down: int = 0
    down_bad: int = 0


class Link:
    """Outbox + connection. `handlers`: down channel name -> function, called on the connection's thread; the MQTT
    acknowledgement follows its return, so a handler that raises gets the message again."""

    def __init__(
        self,
        outbox: Outbox,
        broker: Broker,
        kind: Literal["kiosk", "handset", "drone"],
        *,
        handlers: Mapping[str, Handler],
        software: str = "",
        health: Callable[[], dict[str, dict[str, float | str]]] | None = None,
        losses: Callable[[], dict[str, int]] | None = None,
        condition: Callable[[], tuple[Vitals, Versions]] | None = None,
        rng: random.Random | None = None,
        resend_s: float = RESEND_S,
        pace: Pace | None = None,
    ) -> None:
        self.outbox = outbox
        self.counters = Counters()
        self._kind = kind
        self._software = software
        self._handlers = dict(handlers)
        self._health = health
        self._losses = losses
        self._condition = condition
        self._offsets: deque[float] = deque(maxlen=OFFSETS)
        self.last_receipt_at: datetime | None = None
        self._rng = rng or random.Random()
        self._window = Window(resend_s, self._rng, pace)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._connection = Connection(
            broker,
            client_id=outbox.device,
            subscriptions=[(down_filter(outbox.device), 1)],
            on_message=self._incoming,
            on_up=self._up,
            will=(topic("up", outbox.device, "presence"), encode(self._presence(online=False))),
            rng=self._rng,
        )
        folder = broker.tls.identity if broker.tls is not None else ""
        self._renewal = Renewal(Path(folder)) if folder else None
        self._pump = threading.Thread(target=self._run, name=f"link-{outbox.device}", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the broker can be reached now."""
        return self._connection.connected

    @property
    def last_error(self) -> str:
        """Why the broker could last not be reached, in one line; "" when nothing failed yet."""
        return self._connection.last_error

    @property
    def clock_offset_s(self) -> float | None:
        """The gateway's clock less this one, as receipts tell; too small by a message's way, None before the first."""
        offsets = list(self._offsets)
        return max(offsets) if offsets else None

    def start(self) -> None:
        """Connect and send, for as long as it takes."""
        self._connection.start()
        self._pump.start()
        if self._renewal is not None:
            self._renewal.start()

    def send(self, *messages: Durable, within: Callable[[sqlite3.Connection], None] | None = None) -> list[int]:
        """Into the outbox (see Outbox.put) and out as soon as there is a line. Returns the seqs."""
        seqs = self.outbox.put(*messages, within=within)
        self._wake.set()
        return seqs

    def say(self, message: Message) -> bool:
        """Send what nobody keeps and nobody receipts, once; False when there is no line now."""
        row = channel_of(message)
        told = topic("up", self.outbox.device, row.name)
        return self._connection.publish(told, encode(message), row.qos, row.retained)

    def drain(self, timeout_s: float) -> bool:
        """Wait until nothing is left in the outbox; False when the time is over."""
        deadline = time.monotonic() + timeout_s
        while self.outbox.size[0] and time.monotonic() < deadline:
            self._wake.set()
            self._stop.wait(0.02)
        return self.outbox.size[0] == 0

    def stop(self) -> None:
        """Say goodbye and end both threads; what is left stays in the outbox."""
        self._stop.set()
        self._wake.set()
        if self._renewal is not None:
            self._renewal.stop()
        if self._pump.is_alive():
            self._pump.join(5.0)
        gone = topic("up", self.outbox.device, "presence")
        self._connection.publish(gone, encode(self._presence(online=False)), retain=True)
        self._connection.stop()

    def _run(self) -> None:
        health_at = 0.0
        while not self._stop.is_set():
            self._wake.wait(0.25)
            self._wake.clear()
            if not self._connection.connected:
                continue
            try:
                self._send_pending()
            except sqlite3.Error as error:
                log.error("outbox.unreadable", device=self.outbox.device, error=str(error))
                self._stop.wait(1.0)
            if time.monotonic() >= health_at:
                self._send_health()
                health_at = time.monotonic() + HEALTH_EVERY_S

    def _send_pending(self) -> None:
        while True:
            batch = self._next_batch()
            for message in batch:
                if not self._send_one(message):
                    return
            if not batch:
                return

    def _next_batch(self) -> list[Pending]:
        with self._lock:
            return self._window.next(self.outbox, time.monotonic())

    def _send_one(self, message: Pending) -> bool:
        row = channel("up", message.channel)
        sent = self._connection.publish(
            topic("up", self.outbox.device, message.channel), message.payload, row.qos, row.retained
        )
        if sent:
            self.counters.sent += 1
        return sent

    def _send_health(self) -> None:
        rows, size = self.outbox.size
        vitals, versions = self._condition() if self._condition else (None, None)
        message = Health(
            device=self.outbox.device,
            at=datetime.now(UTC),
            outbox_rows=rows,
            outbox_bytes=size,
            dropped=self.outbox.dropped | (self._losses() if self._losses else {}),
            cameras=self._health() if self._health else {},
            vitals=vitals,
            versions=versions,
        )
        self._connection.publish(topic("up", self.outbox.device, "health"), fitting(message), qos=0)

    def _up(self) -> None:
        with self._lock:
            self._window.clear(self.outbox.next_seq)
        log.info("link.up", device=self.outbox.device, waiting=self.outbox.size[0])
        birth = encode(self._presence(online=True))
        self._connection.publish(topic("up", self.outbox.device, "presence"), birth, retain=True)
        self._wake.set()

    def _presence(self, online: bool) -> Presence:
        at = datetime.now(UTC) if online else None
        return Presence(device=self.outbox.device, kind=self._kind, online=online, software=self._software, at=at)

    def _incoming(self, incoming: Incoming) -> None:
        try:
            row, device = parse_topic(incoming.topic)
            if row.direction != "down" or device != self.outbox.device:
                raise WrongSender(f"topic '{incoming.topic}' is not for {self.outbox.device}")
            message = decode(row, incoming.payload)
        except WireError as error:
            self.counters.down_bad += 1
            log.info("link.down_refused", topic=incoming.topic, code=int(error.code), reason=str(error))
            self._connection.ack(incoming)
            return
        self.counters.down += 1
        try:
            self._dispatch(row.name, message)
        except sqlite3.Error as error:
            log.error("link.not_stored", topic=incoming.topic, error=str(error))
            return
        self._connection.ack(incoming)

    def _dispatch(self, name: str, message: Message) -> None:
        if isinstance(message, Receipt):
            self._receipt(message)
        elif name in self._handlers:
            self._handlers[name](message)
        else:
            log.info("link.unhandled", channel=name)

    def _receipt(self, receipt: Receipt) -> None:
        self.last_receipt_at = now = datetime.now(UTC)
        if receipt.at is not None:
            self._offsets.append((receipt.at - now).total_seconds())
        gone = [*receipt.seqs, *(r.seq for r in receipt.refused)]
        with self._lock:
            self._window.landed(gone)
        for refusal in receipt.refused:
            log.warning("link.refused", seq=refusal.seq, code=refusal.code, reason=refusal.reason)
        self.counters.refused += self.outbox.refused(receipt.epoch, receipt.refused)
        self.counters.receipted += self.outbox.receipted(receipt.epoch, receipt.seqs)
        self._wake.set()
