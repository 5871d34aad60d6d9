"""One loop that drives any number of handsets: threads stop near 340 clients, a selector does not."""

import selectors
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import msgspec
import structlog

from edge.handset.handset import Handset
from edge.wire import Delta

TICK_S = 0.05
CONNECTS_PER_TURN = 50
BULK_WORKERS = 4
BULK_TIMEOUT_S = 10.0
log = structlog.get_logger()


class Loop:
    """`http`: the gateway's address for bulk pages; "" keeps to MQTT."""

    def __init__(self, handsets: Sequence[Handset], http: str = "") -> None:
        self.handsets = list(handsets)
        self._selector = selectors.DefaultSelector()
        self._watched: dict[Handset, tuple[int, int]] = {}
        self._http = httpx.Client(base_url=http, timeout=BULK_TIMEOUT_S, trust_env=False) if http else None
        self._pool = ThreadPoolExecutor(BULK_WORKERS, "bulk")
        self._fetches: dict[Handset, Future[Delta | None]] = {}
        self._swept_s = 0.0

    def run(self, until: Callable[[], bool], each_turn: Callable[[float], None] = lambda now_s: None) -> None:
        """Until `until` says so; `each_turn` is called about twenty times a second (people's own work)."""
        while not until():
            self.turn(TICK_S)
            each_turn(time.monotonic())

    def turn(self, wait_s: float) -> None:
        """Once around: what is readable first, then everybody's own time."""
        end = time.monotonic() + wait_s
        for key, mask in self._selector.select(wait_s):
            key.data.turn(bool(mask & selectors.EVENT_READ), bool(mask & selectors.EVENT_WRITE))
            self._watch(key.data)
        if time.monotonic() - self._swept_s < TICK_S / 2:
            return
        self._swept_s = time.monotonic()
        connects = 0
        for handset in self.handsets:
            if handset.line.sock is None:
                connects += 1
                if connects > CONNECTS_PER_TURN:
                    continue
            handset.turn()
            self._watch(handset)
            self._bulk(handset)
        while time.monotonic() < end and not self._watched:
            time.sleep(0.005)

    def close(self) -> None:
        """End all of them."""
        for handset in self.handsets:
            handset.end()
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._http is not None:
            self._http.close()
        self._selector.close()

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
