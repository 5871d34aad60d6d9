"""The dock service: the pure machine on a broker, with the files it serves and the orders people give. The shell."""

from __future__ import annotations

import queue
import secrets
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

from drone.dji import orders
from drone.dji.cloud import Cloud, Notice
from drone.dji.control import Control, Order, Resolve, Told, path_of
from drone.dji.messages import subscriptions
from drone.dji.order import OrderError
from drone.dji.settings import Settings
from drone.dji.store import Store, restore, state_of
from drone.dji.waylines import Waylines, token_of
from edge.link.mqtt import Connection, Incoming
from edge.live.tokens import KeyUnreadable, Tokens, token_key

QUEUE_MAX = 5000
BEAT_S = 0.2
BATCH_MAX = 500
LIVE_TOKEN_S = 120
CLIENT_ID = "zhuomu-docks"

log = structlog.get_logger()


class Service:
    """Make it, `run` it, `close` it. Raises StoreError and OSError (an address in use) when made.

    dropped: messages beyond QUEUE_MAX that the loop did not keep up with; docks send again what matters.
    """

    def __init__(self, settings: Settings, data: Path, say: Callable[[Notice], None]) -> None:
        self.settings, self._say = settings, say
        self.dropped = 0
        self._incoming: queue.Queue[Incoming] = queue.Queue(QUEUE_MAX)
        self._orders: queue.Queue[tuple[Order, Resolve]] = queue.Queue(100)
        self._answers: list[tuple[Resolve, Told]] = []
        self.store = Store(data)
        saved = self.store.load()
        self.cloud = Cloud(settings, lambda: str(uuid.uuid4()), saved.bound)
        restore(self.cloud, saved)
        self.files = Waylines((settings.files.host, settings.files.port), data, self._token)
        self.files.start()
        self.control = Control(path_of(data), self._submit)
        self.connection = Connection(
            settings.broker, CLIENT_ID, subscriptions=subscriptions(), on_message=self._came, on_up=self._up
        )
        self.connection.start()

    @property
    def files_url(self) -> str:
        """How docks reach our wayline files."""
        return self.settings.files.url or f"http://{self.settings.files.host}:{self.files.server_address[1]}"

    def run(self, stopped: Callable[[], bool]) -> None:
        """Until told to stop."""
        while not stopped():
            self.step()

    def step(self) -> None:
        """Wait a beat for messages, handle what there is, send what is to be sent."""
        now_s, unix_ms = time.monotonic(), time.time_ns() // 1_000_000
        for incoming in self._batch():
            self.cloud.receive(incoming.topic, incoming.payload, now_s, unix_ms)
            self.connection.ack(incoming)
        while not self._orders.empty():
            order, resolve = self._orders.get_nowait()
            orders.carry_out(self, order, partial(self._later, resolve))
        self.cloud.tick(now_s, unix_ms)
        self._save()  # before anything goes out that rests on it, to docks or to people
        while self._answers:
            resolve, told = self._answers.pop(0)
            resolve(told)
        if self.connection.connected:
            for out in self.cloud.take():
                self.connection.publish(out.topic, out.payload)
        else:
            self.cloud.take()  # docks ask again, and our calls are sent again
        while self.cloud.notices:
            self._say(self.cloud.notices.popleft())

    def wayline(self, kmz: bytes, flight_id: str) -> tuple[str, str]:
        """Keep a file to be served: (its URL, its MD5). Raises StoreError."""
        fingerprint = self.store.keep_wayline(flight_id, kmz)
        return f"{self.files_url}/wayline/{secrets.token_urlsafe(24)}/{flight_id}.kmz", fingerprint

    def close(self) -> None:
        """Give everything back."""
        self.connection.stop()
        self.control.close()
        self.files.shutdown()
        self.files.server_close()
        self._save()
        self.store.close()

    def _batch(self) -> list[Incoming]:
        try:
            batch = [self._incoming.get(timeout=BEAT_S)]
        except queue.Empty:
            return []
        while len(batch) < BATCH_MAX and not self._incoming.empty():
            batch.append(self._incoming.get_nowait())
        return batch

    def _save(self) -> None:
        if self.cloud.changed:
            self.cloud.changed = False
            saved = state_of(self.cloud)
            self.store.save(saved)
            self.store.tidy(set(saved.resources))

    def _came(self, incoming: Incoming) -> None:
        try:
            self._incoming.put_nowait(incoming)
        except queue.Full:
            self.dropped += 1

    def _up(self) -> None:
        log.info("docks.connected", broker=self.settings.broker.host, port=self.settings.broker.port)

    def _submit(self, order: Order, resolve: Resolve) -> None:
        try:
            self._orders.put_nowait((order, resolve))
        except queue.Full:
            resolve(Told(error="too many orders at once; try again"))

    def _later(self, resolve: Resolve, told: Told) -> None:
        self._answers.append((resolve, told))

    def live_token(self, camera: str) -> str:
        """Lets a camera publish for LIVE_TOKEN_S, long enough to begin; one for every start. Raises OrderError."""
        try:
            tokens = Tokens(token_key(Path(self.settings.live_key)))
        except KeyUnreadable as error:
            raise OrderError(str(error)) from None
        return tokens.issue("dock", "publish", [camera], int(time.time()) + LIVE_TOKEN_S, "live_start_push")

    def _token(self, flight_id: str) -> str | None:
        for dock in self.cloud.docks.values():
            resource = dock.resources.get(flight_id)
            if resource is not None:
                return token_of(resource.url)
        return None
