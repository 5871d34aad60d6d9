"""One picture stream to many viewers: each picture is made once and handed to all; who is slow loses, not the rest."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from aiortc import InvalidStateError, RTCDataChannel

from edge.live.sender import FanSender

UNITS_WAITING_MAX = 25  # of one viewer, a second: then it starts anew at a key frame
GOP_UNITS_MAX = 300
NOTES_WAITING_MAX = 16
CHANNEL_BYTES_MAX = 64 * 1024  # in a viewer's data channel, on their way
KEY_EVERY_S = 1.0  # however many viewers ask
STEP_TICKS = 90  # between the pictures of a GOP that a new viewer catches up with: 1 ms


@dataclass(frozen=True)
class Unit:
    """One encoded picture: RTP payloads and timestamp."""

    payloads: tuple[bytes, ...]
    timestamp: int
    key: bool


class Viewer:
    """One viewer's queue and task, on the event loop. `waiting`: for a key frame. Counts go to the stream's Counter."""

    def __init__(self, sender: FanSender, counts: "Counter[str]", ask_key: Callable[[], None]) -> None:
        self._sender = sender
        self._counts = counts
        self._ask_key = ask_key
        self._queue: deque[Unit] = deque()
        self._notes: deque[str] = deque(maxlen=NOTES_WAITING_MAX)
        self._channel: RTCDataChannel | None = None
        self._more = asyncio.Event()
        self._room = UNITS_WAITING_MAX
        self.waiting = True
        self.shown = 0
        self.task = asyncio.ensure_future(self._run())

    def begin(self, gop: list[Unit]) -> None:
        """Pictures to catch up with, before any other."""
        self._queue.extend(gop)
        self._room += len(gop)
        self.waiting = not gop
        self._more.set()

    def offer(self, unit: Unit) -> None:
        """A new picture."""
        if self.waiting and not unit.key:
            return
        if len(self._queue) >= self._room:
            self._counts["units_dropped"] += len(self._queue)
            self._queue.clear()
            self.waiting = not unit.key
            if self.waiting:
                self._counts["viewers_behind"] += 1
                self._ask_key()
                return
        self.waiting = False
        self._queue.append(unit)
        self._more.set()

    def note(self, text: str) -> None:
        """A message beside the pictures; the oldest are dropped when the viewer's channel is full."""
        if len(self._notes) == NOTES_WAITING_MAX:
            self._counts["notes_dropped"] += 1
        self._notes.append(text)
        self._flush()

    def attach(self, channel: RTCDataChannel) -> None:
        """The viewer's data channel is open."""
        self._channel = channel
        channel.bufferedAmountLowThreshold = CHANNEL_BYTES_MAX // 2
        channel.on("bufferedamountlow", self._flush)
        self._flush()

    async def stop(self) -> None:
        """End the task."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _run(self) -> None:
        await self._sender.ready.wait()
        while True:
            await self._more.wait()
            self._more.clear()
            while self._queue:
                unit = self._queue.popleft()
                try:
                    await self._sender.send_unit(unit.payloads, unit.timestamp)
                except ConnectionError:
                    self._counts["sends_failed"] += 1
                    return
                self.shown += 1
            self._room = UNITS_WAITING_MAX

    def _flush(self) -> None:
        channel = self._channel
        while self._notes and channel is not None and channel.bufferedAmount < CHANNEL_BYTES_MAX:
            try:
                channel.send(self._notes.popleft())
            except (InvalidStateError, ConnectionError):
                self._channel = None
                return


class Stream:
    """The viewers of one camera. Everything runs on the event loop but `push`, which any thread may call."""

    def __init__(self, loop: asyncio.AbstractEventLoop, want_key: Callable[[], None]) -> None:
        self.loop = loop
        self._want_key = want_key
        self._coming: deque[Unit] = deque(maxlen=UNITS_WAITING_MAX)
        self._key_asked_s = float("-inf")
        self._key_later: asyncio.TimerHandle | None = None
        self._broken = False
        self.viewers: set[Viewer] = set()
        self.counts: Counter[str] = Counter()
        self.newest: int | None = None

    def add(self, sender: FanSender, gop: list[Unit]) -> Viewer:
        """A viewer, who begins with the pictures since the last key frame where a camera cannot be asked for one."""
        viewer = Viewer(sender, self.counts, self.ask_key)
        viewer.begin(hurried(gop))
        self.viewers.add(viewer)
        if viewer.waiting:
            self.ask_key()
        return viewer

    def ask_key(self) -> None:
        """A viewer needs a key frame: at most one in KEY_EVERY_S, the others share it."""
        self.counts["keys_asked"] += 1
        wait_s = self._key_asked_s + KEY_EVERY_S - time.monotonic()
        if wait_s <= 0:
            self._ask_now()
        elif self._key_later is None:
            self._key_later = self.loop.call_later(wait_s, self._ask_now)

    def push(self, unit: Unit) -> None:
        """A new picture, from any thread. With the loop held up, the oldest are dropped, and everybody begins anew at a
        key frame."""
        if len(self._coming) == UNITS_WAITING_MAX:
            self.counts["units_late"] += 1
            self._broken = True
        self._coming.append(unit)
        self._post(self._hand_on)

    def say(self, text: str) -> None:
        """A message for all viewers, from any thread."""
        self._post(self.note, text)

    def note(self, text: str) -> None:
        """A message for all viewers, on the loop."""
        for viewer in self.viewers:
            viewer.note(text)

    async def remove(self, viewer: Viewer) -> None:
        """A viewer has gone."""
        self.viewers.discard(viewer)
        await viewer.stop()

    def close(self) -> None:
        """No key frame is asked for any more."""
        if self._key_later is not None:
            self._key_later.cancel()

    def _post(self, work: Callable[..., None], *args: str) -> None:
        """Nothing that a camera's thread hands over may fail there, even after the server's end."""
        try:
            self.loop.call_soon_threadsafe(work, *args)
        except RuntimeError:
            self.counts["after_the_end"] += 1

    def _ask_now(self) -> None:
        self._key_later = None
        self._key_asked_s = time.monotonic()
        self.counts["keys_wanted"] += 1
        self._want_key()

    def _hand_on(self) -> None:
        if self._broken:
            self._broken = False
            for viewer in self.viewers:
                viewer.waiting = True
            self.ask_key()
        while self._coming:
            unit = self._coming.popleft()
            self.newest = unit.timestamp
            self.counts["units"] += 1
            for viewer in self.viewers:
                viewer.offer(unit)

    def health(self) -> dict[str, Any]:
        """For the kiosk's health message and the page."""
        return {"viewers": len(self.viewers), **self.counts}


def hurried(gop: list[Unit]) -> list[Unit]:
    """A GOP whose pictures follow each other by a millisecond up to the newest, so that a browser decodes them at once
    and shows the last; longer ones than GOP_UNITS_MAX are not used."""
    if not gop or not gop[0].key or len(gop) > GOP_UNITS_MAX:
        return []
    last = gop[-1].timestamp
    return [replace(unit, timestamp=last - (len(gop) - 1 - i) * STEP_TICKS & 0xFFFFFFFF) for i, unit in enumerate(gop)]
