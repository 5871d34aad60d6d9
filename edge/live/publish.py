"""WHIP (RFC 9725): somebody who may publish sends a picture in, a drone or its dock; viewers see it as a camera."""

import asyncio
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiortc import MediaStreamTrack, RTCPeerConnection
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from edge.live import peer as peers
from edge.live.feed import Feed
from edge.live.refusal import Refused, full
from edge.live.settings import LiveSettings
from edge.live.tokens import Grant
from edge.live.viewings import Viewing, Viewings
from edge.watch.camera import Shot
from edge.watch.picture import Picture

NAME_CHARS_MAX = 64

MakeFeed = Callable[[str], Feed]
OnShot = Callable[[str, Shot], None]


@dataclass(eq=False)
class Published:
    """One source that is sent in."""

    id: str
    feed: Feed
    grant: Grant
    peer: RTCPeerConnection
    pictures: int = 0
    picture_s: float = field(default_factory=time.monotonic)
    reading: "asyncio.Task[None] | None" = None


class Publishers:
    """All of them, by name, on the event loop. `on_shot` gets each decoded picture too: for who detects in it. `ended`
    counts reasons."""

    def __init__(
        self,
        settings: LiveSettings,
        log: Viewings,
        make: MakeFeed,
        on_shot: OnShot | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._log = log
        self._make = make
        self._on_shot = on_shot
        self._now_s = now_s
        self._tasks: set[asyncio.Task[None]] = set()
        self.open: dict[str, Published] = {}
        self.ended: Counter[str] = Counter()

    async def begin(self, name: str, grant: Grant, offer: str, address: str) -> tuple[str, str]:
        """A publisher's offer: (session id, SDP answer). Raises Refused."""
        self._refuse(name)
        one = Published(secrets.token_urlsafe(24), self._make(name), grant, peers.new())
        self.open[name] = one
        one.peer.on("track", lambda track: self._track(one, track))
        one.peer.on("connectionstatechange", lambda: self._changed(one))
        try:
            answer = await peers.answer_publisher(one.peer, offer)
            await self._logged(one, address)
        except (Refused, asyncio.CancelledError):
            del self.open[name]
            await one.peer.close()
            raise
        return one.id, answer

    async def leave(self, name: str, session_id: str, grant: Grant) -> None:
        """The publisher ends it. Raises Refused."""
        one = self.open.get(name)
        if one is None or one.id != session_id or one.grant.id != grant.id:
            raise Refused(404, "session", "no such session of this token; it may have ended", "没有此会话，可能已结束")
        await self.end(one, "the publisher left")

    async def tick(self) -> None:
        """Every second: end what has timed out."""
        now = time.monotonic()
        for one in list(self.open.values()):
            limit_s = self._settings.idle_s if one.pictures else self._settings.connect_s
            if self._now_s() >= one.grant.until_s:
                await self.end(one, "the token expired")
            elif now - one.picture_s > limit_s:
                await self.end(one, "no picture came")

    async def end(self, one: Published, why: str) -> None:
        """Close one, once."""
        if self.open.get(one.feed.name) is not one:
            return
        del self.open[one.feed.name]
        self.ended[why] += 1
        if one.reading is not None:
            one.reading.cancel()
        one.feed.stream.close()
        await asyncio.to_thread(one.feed.close)
        await asyncio.to_thread(self._log.end, one.id, self._now_s(), why)
        await one.peer.close()

    async def close(self) -> None:
        """End all."""
        for one in list(self.open.values()):
            await self.end(one, "the kiosk stopped")

    def _refuse(self, name: str) -> None:
        if not 0 < len(name) <= NAME_CHARS_MAX:
            raise Refused(400, "name", f"a name has 1 to {NAME_CHARS_MAX} characters", "名称长度不符")
        if name in self.open:
            raise Refused(409, "taken", f"somebody publishes as {name!r} already", "已有人以此名称推流")
        if len(self.open) >= self._settings.publishers_max:
            words = f"this kiosk takes {self._settings.publishers_max} published streams at once; try later"
            raise full("publishers", words, "推流路数已满")

    async def _logged(self, one: Published, address: str) -> None:
        grant, feed = one.grant, one.feed
        row = Viewing(
            one.id, "publish", grant.name, grant.id, feed.name, grant.why, feed.redacted, address, self._now_s()
        )
        try:
            await asyncio.to_thread(self._log.begin, row)
        except sqlite3.Error as error:
            raise full("log", f"the log cannot be written ({error}); look at the disk", "日志无法写入") from error

    def _track(self, one: Published, track: MediaStreamTrack) -> None:
        if track.kind == "video" and one.reading is None:
            one.reading = asyncio.ensure_future(self._read(one, track))

    async def _read(self, one: Published, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, VideoFrame):
                one.pictures += 1
                one.picture_s = time.monotonic()
                shot = Shot(Picture(frame), datetime.now(UTC), one.picture_s, one.pictures, frame.time)
                one.feed.shot(shot)
                if self._on_shot is not None:
                    self._on_shot(one.feed.name, shot)

    def _changed(self, one: Published) -> None:
        if one.peer.connectionState in ("failed", "closed"):
            task = asyncio.ensure_future(self.end(one, "the connection ended"))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
