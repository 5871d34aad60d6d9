"""Live view of a kiosk's cameras: what its HTTP pages ask of it. Everything here runs on the server's event loop."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from edge.live.feed import Feed
from edge.live.hide import Redactors
from edge.live.publish import OnShot, Publishers
from edge.live.refusal import Refused
from edge.live.session import Sessions
from edge.live.settings import LiveSettings
from edge.live.tokens import EVERY, Tokens
from edge.live.viewings import Viewings

TICK_S = 1.0
Make = Callable[[asyncio.AbstractEventLoop], Mapping[str, Feed]]


class Live:
    """Feeds by camera name (`make` gives them when the loop runs), who may see them, and who does. `refused` counts
    reasons."""

    def __init__(
        self,
        settings: LiveSettings,
        make: Make,
        tokens: Tokens,
        log: Viewings,
        now_s: Callable[[], float] = time.time,
        redactors: Redactors | None = None,
        on_published: OnShot | None = None,
    ) -> None:
        self.settings = settings
        self.feeds: Mapping[str, Feed] = {}
        self.sessions = Sessions(settings, log, now_s)
        self.refused: Counter[str] = Counter()
        self._make = make
        self._tokens = tokens
        self._now_s = now_s
        self._redactors = redactors
        self.publishers = Publishers(settings, log, self._published, on_published, now_s)
        self._ticking: asyncio.Task[None] | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """Begin, on the loop that will serve."""
        self.loop = asyncio.get_running_loop()
        self.feeds = self._make(self.loop)
        self._ticking = asyncio.ensure_future(self._tick())

    async def close(self) -> None:
        """End every session and every encoder."""
        self.loop = None
        if self._ticking is not None:
            self._ticking.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticking
        await self.sessions.close()
        await self.publishers.close()
        for feed in self.feeds.values():
            feed.stream.close()
            await asyncio.to_thread(feed.close)

    async def watch(self, camera: str, token: str | None, offer: str, address: str) -> tuple[str, str]:
        """A viewer's offer: (session id, answer). Raises Refused."""
        grant = self._tokens.check(token, "view", camera, self._now_s())
        feed = self._feed(camera)
        await asyncio.to_thread(feed.ready)
        return await self.sessions.begin(feed, grant, offer, address)

    async def leave(self, camera: str, token: str | None, session_id: str) -> None:
        """A viewer goes. Raises Refused."""
        grant = self._tokens.check(token, "view", camera, self._now_s())
        await self.sessions.leave(session_id, self._feed(camera), grant)

    async def publish(self, name: str, token: str | None, offer: str, address: str) -> tuple[str, str]:
        """A publisher's offer: (session id, answer). Raises Refused."""
        grant = self._tokens.check(token, "publish", name, self._now_s())
        if name in self.feeds:
            raise Refused(409, "taken", f"{name!r} is a camera of this kiosk; choose another name", "名称与摄像头重复")
        return await self.publishers.begin(name, grant, offer, address)

    async def unpublish(self, name: str, token: str | None, session_id: str) -> None:
        """A publisher goes. Raises Refused."""
        grant = self._tokens.check(token, "publish", name, self._now_s())
        await self.publishers.leave(name, session_id, grant)

    def cameras(self, token: str | None) -> list[dict[str, Any]]:
        """What a token's holder may see. Raises Refused."""
        grant = self._tokens.check(token, "view", None, self._now_s())
        every = {**self.feeds, **{name: one.feed for name, one in self.publishers.open.items()}}
        return [
            {"name": name, "redacted": feed.redacted}
            for name, feed in every.items()
            if EVERY in grant.cameras or name in grant.cameras
        ]

    def counters(self) -> dict[str, int]:
        """Of all cameras, for the health message."""
        total: Counter[str] = Counter()
        for feed in self.feeds.values():
            total.update({f"live_{what}": n for what, n in feed.health().items() if isinstance(n, int)})
        total.update({f"live_refused_{reason}": count for reason, count in self.refused.items()})
        return dict(total)

    def _feed(self, camera: str) -> Feed:
        published = self.publishers.open.get(camera)
        feed = published.feed if published else self.feeds.get(camera)
        if feed is None:
            raise Refused(404, "camera", f"no camera {camera!r} is shown live here", "没有此摄像头的实时画面")
        return feed

    def _published(self, name: str) -> Feed:
        """A feed for somebody who sends pictures in. Raises Refused: hidden faces are asked for and cannot be."""
        redact = self.settings.redact_published
        if redact and self._redactors is None:
            raise Refused(503, "redaction", "published pictures are to be redacted, and nothing here can", "无法遮挡")
        return Feed(name, self.settings, asyncio.get_running_loop(), self._redactors if redact else None)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            await self.sessions.tick()
            await self.publishers.tick()
            await self.sessions.end_of({one.feed for one in self.publishers.open.values()} | set(self.feeds.values()))
