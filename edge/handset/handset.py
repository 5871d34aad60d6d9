"""A whole handset: book, photos, session and line put together; a loop gives it turns."""

import random
import sqlite3
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path

import structlog

from edge.handset.book import Book
from edge.handset.line import Line
from edge.handset.photos import FileBox
from edge.handset.replica import Replica
from edge.handset.session import START_JITTER_S, Session
from edge.link import Broker
from edge.link.mqtt import BACKOFF_MAX_S, backoff_s
from edge.wire import (
    Delta,
    PhotoState,
    Presence,
    Receipt,
    UploadGrant,
    Wipe,
    WireError,
    channel_of,
    decode,
    down_filter,
    encode,
    parse_topic,
    topic,
)

# How often the line's own timers are looked at; well under half a keepalive.
KEEPALIVE_LOOK_S = 4.0
KNOCK_S_MAX = 5.0
log = structlog.get_logger()


class Handset:
    """`jitter_s`: how long after the line came up it may wait before it asks; 60 at a shift's start. `in_memory`: a
    simulated one, whose book ends with the process. `tls`: with its own certificate, where the broker wants one."""

    def __init__(
        self,
        folder: Path,
        device: str,
        broker: Broker,
        rng: random.Random,
        software: str = "",
        jitter_s: float = START_JITTER_S,
        bulk: bool = False,
        in_memory: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.device = device
        self.book = Book(None if in_memory else folder / f"{device}.db", device)
        self.replica = Replica(self.book, FileBox(folder / f"{device}.photos"))
        self.session = Session(self.replica, rng, bulk=bulk, tus=bulk)
        self.jitter_s = jitter_s
        self.bad = 0
        self._rng = rng
        self._software = software
        self._attempt = 0
        self._connect_at_s = 0.0
        will = (topic("up", device, "presence"), encode(self._presence(online=False)))
        self.line = Line(broker, device, down_filter(device), will, self._up, self._incoming, tls)

    def turn(self, readable: bool = False, writable: bool = False) -> None:
        """Connect when it is time, read, say what is due."""
        now_s = time.monotonic()
        if self.line.sock is None:
            self._connect(now_s)
            return
        if not self.line.turn(readable, writable):
            self._lost(now_s)
            return
        for message in self.session.due(now_s):
            self.line.publish(topic("up", self.device, channel_of(message).name), encode(message))

    @property
    def wake_s(self) -> float:
        """When it wants its next turn, by the monotonic clock, if nothing comes in before."""
        if self.line.sock is None:
            return self._connect_at_s
        alive_s = time.monotonic() + KEEPALIVE_LOOK_S
        return min(alive_s, self.session.wake_s) if self.line.up else alive_s

    def end(self) -> None:
        """Say goodbye; what is left stays in the book."""
        self.line.publish(topic("up", self.device, "presence"), encode(self._presence(online=False)), retain=True)
        self.line.bye()
        self.book.close()

    def _connect(self, now_s: float) -> None:
        if now_s < self._connect_at_s:
            return
        if not self.line.connect():
            self._lost(now_s)

    def _lost(self, now_s: float) -> None:
        self.session.down()
        self.line.drop()
        # A broker that is away for a moment must have everybody back soon, and knocking at a closed port costs nothing.
        max_s = KNOCK_S_MAX if self.line.refused else BACKOFF_MAX_S
        self._connect_at_s = now_s + backoff_s(self._attempt, self._rng, max_s)
        self._attempt += 1

    def _up(self) -> None:
        self._attempt = 0
        self.line.publish(topic("up", self.device, "presence"), encode(self._presence(online=True)), retain=True)
        self.session.up(time.monotonic(), self.jitter_s)

    def _incoming(self, name: str, payload: bytes) -> None:
        try:
            row, device = parse_topic(name)
            message = decode(row, payload)
        except WireError as error:
            self.bad += 1
            log.info("handset.down_refused", topic=name, code=int(error.code), reason=str(error))
            return
        if device == self.device and isinstance(message, Receipt | Delta | PhotoState | Wipe):
            self.take(message)
        elif device == self.device and isinstance(message, UploadGrant):
            self.session.granted(message)

    def take(self, message: Receipt | Delta | PhotoState | Wipe) -> None:
        """A message of the centre's, from whichever way."""
        try:
            self.session.handle(message, time.monotonic())
        except sqlite3.Error as error:
            # Not acknowledged to anybody who counts: the centre says it again.
            log.error("handset.not_stored", device=self.device, error=str(error))

    def _presence(self, online: bool) -> Presence:
        at = datetime.now(UTC) if online else None
        return Presence(device=self.device, kind="handset", online=online, software=self._software, at=at)
