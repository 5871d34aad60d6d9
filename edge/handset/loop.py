"""One loop that drives any number of handsets: threads stop near 340 clients, a selector does not."""

import heapq
import selectors
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import msgspec
import structlog

from edge.handset import tus
from edge.handset.handset import Handset
from edge.wire import Delta, PhotoState

TICK_S = 0.05
# Connecting blocks: after so long the others are looked at first.
CONNECT_S_MAX = 0.02
BULK_WORKERS = 4
BULK_TIMEOUT_S = 10.0
log = structlog.get_logger()


class Loop:
    """`http`: the gateway's address for bulk pages and large photos; "" keeps to MQTT."""

    def __init__(self, handsets: Sequence[Handset], http: str = "") -> None:
        self.handsets = list(handsets)
        self._selector = selectors.DefaultSelector()
        self._watched: dict[Handset, tuple[int, int]] = {}
        self._http = httpx.Client(base_url=http, timeout=BULK_TIMEOUT_S, trust_env=False) if http else None
        self._pool = ThreadPoolExecutor(BULK_WORKERS, "bulk")
        self._fetches: dict[Handset, Future[Delta | None]] = {}
        self._uploads: dict[Handset, tuple[tus.Photo, Future[bool]]] = {}
        self._closing = threading.Event()
        # Who is to be looked at when; an entry whose time is no longer the handset's is passed over.
        self._times: list[tuple[float, int]] = []
        self._time_of = [0.0] * len(self.handsets)
        self._number = {handset: i for i, handset in enumerate(self.handsets)}
        for i, handset in enumerate(self.handsets):
            handset.session.on_poke = lambda i=i: self._at(i, 0.0)  # type: ignore[misc]
            heapq.heappush(self._times, (0.0, i))

    def run(self, until: Callable[[], bool], each_turn: Callable[[float], None] = lambda now_s: None) -> None:
        """Until `until` says so; `each_turn` is called about twenty times a second (people's own work)."""
        next_s = 0.0
        while not until():
            self.turn(TICK_S)
            now_s = time.monotonic()
            if now_s >= next_s:
                each_turn(now_s)
                next_s = now_s + TICK_S

    def turn(self, wait_s: float) -> None:
        """Once around: what is readable first, then those whose time has come."""
        first_s = self._times[0][0] if self._times else float("inf")
        for key, mask in self._selector.select(max(0.0, min(wait_s, first_s - time.monotonic()))):
            key.data.turn(bool(mask & selectors.EVENT_READ), bool(mask & selectors.EVENT_WRITE))
            self._turned(key.data)
        for handset in list(self._fetches):
            self._bulk(handset)
        for handset in list(self._uploads):
            self._upload(handset)
        began_s = time.monotonic()
        connecting = True
        for i in self._due(began_s):
            handset = self.handsets[i]
            if handset.line.sock is None and not connecting:
                self._at(i, began_s)
                continue
            handset.turn()
            self._turned(handset)
            self._bulk(handset)
            self._upload(handset)
            connecting = connecting and time.monotonic() - began_s < CONNECT_S_MAX

    def close(self) -> None:
        """End all of them; an upload ends between two chunks."""
        self._closing.set()
        for handset in self.handsets:
            handset.end()
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._http is not None:
            self._http.close()
        self._selector.close()

    def _due(self, now_s: float) -> list[int]:
        due = []
        while self._times and self._times[0][0] <= now_s:
            at_s, i = heapq.heappop(self._times)
            if at_s == self._time_of[i]:
                self._time_of[i] = float("inf")
                due.append(i)
        return due

    def _at(self, i: int, at_s: float) -> None:
        if at_s != self._time_of[i]:
            self._time_of[i] = at_s
            heapq.heappush(self._times, (at_s, i))

    def _turned(self, handset: Handset) -> None:
        """After a handset's turn: when is the next, and what is waited for at its socket."""
        self._at(self._number[handset], handset.wake_s)
        self._watch(handset)

    def _watch(self, handset: Handset) -> None:
        """Keep the selector's view of a handset's socket true."""
        sock = handset.line.sock
        want = selectors.EVENT_READ | (selectors.EVENT_WRITE if handset.line.wants_write else 0)
        now = (sock.fileno(), want) if sock is not None else None
        old = self._watched.get(handset)
        if now == old:
            return
        if old is not None:
            del self._watched[handset]
            try:
                self._selector.unregister(old[0])
            except (KeyError, ValueError, OSError):
                log.debug("handset.socket_gone", device=handset.device)
        if now is not None and now[0] >= 0:
            self._selector.register(now[0], want, handset)
            self._watched[handset] = now

    def _upload(self, handset: Handset) -> None:
        """Large photos over HTTP, one under way for each handset."""
        under_way = self._uploads.get(handset)
        if under_way is not None and under_way[1].done():
            photo, done = self._uploads.pop(handset)
            self._uploaded(handset, photo, done.result())
        if self._http is None or handset in self._uploads or self._closing.is_set():
            return
        if (grant := handset.session.leaves.take()) is None:
            return
        found = next((row for row in handset.replica.photos_waiting() if row[0] == grant.sha256), None)
        if found is None:  # it arrived by another way meanwhile
            handset.session.leaves.ended(grant.sha256, True)
            return
        sha256, size_bytes, media_type, kind, _ = found
        photo = tus.Photo(handset.device, sha256, size_bytes, media_type, kind, grant.path, grant.token)
        work = (self._http, photo, handset.replica.box.read, self._closing.is_set)
        self._uploads[handset] = (photo, self._pool.submit(tus.send, *work))

    def _uploaded(self, handset: Handset, photo: tus.Photo, done: bool) -> None:
        if done:
            handset.session.leaves.ended(photo.sha256, True)
            handset.take(PhotoState(sha256=photo.sha256, have_bytes=photo.size_bytes, done=True))
        else:
            handset.session.upload_failed(photo.sha256, time.monotonic())

    def _bulk(self, handset: Handset) -> None:
        """Pages over HTTP, one under way for each handset; when one fails, MQTT brings it."""
        fetch = self._fetches.get(handset)
        if fetch is not None and fetch.done():
            del self._fetches[handset]
            delta = fetch.result()
            if delta is None:
                handset.session.bulk_failed(time.monotonic())
            else:
                handset.take(delta)
        bulk = handset.session.bulk
        if bulk is None or handset in self._fetches or self._http is None:
            return
        params = {"cursor": handset.book.cursor, "epoch": handset.book.epoch}
        self._fetches[handset] = self._pool.submit(_fetch, self._http, bulk.path, bulk.token, params)


def _fetch(http: httpx.Client, path: str, token: str, params: dict[str, str]) -> Delta | None:
    try:
        answer = http.get(path, params=params, headers={"Authorization": f"Bearer {token}"})
        answer.raise_for_status()
        return msgspec.json.decode(answer.content, type=Delta)
    except (httpx.HTTPError, msgspec.DecodeError) as error:
        log.info("handset.bulk_failed", reason=f"{type(error).__name__}: {error}")
        return None
