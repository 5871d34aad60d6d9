"""Sessions of viewers: begun with a row in the viewing log, ended with the reason, whatever the reason."""

import asyncio
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from aiortc import RTCDataChannel, RTCPeerConnection

from edge.live import peer as peers
from edge.live.feed import Feed
from edge.live.notes import note, pick
from edge.live.refusal import Refused, full
from edge.live.sender import FanSender
from edge.live.settings import LiveSettings
from edge.live.stream import Viewer
from edge.live.tokens import Grant
from edge.live.viewings import Viewing, Viewings

PICKS_PER_S = 5.0


@dataclass(eq=False)
class Session:
    """One viewer's connection."""

    id: str
    feed: Feed
    grant: Grant
    peer: RTCPeerConnection
    sender: FanSender | None = None
    viewer: Viewer | None = None
    began_s: float = field(default_factory=time.monotonic)
    picks: float = 0.0
    picked_s: float = field(default_factory=time.monotonic)


class Sessions:
    """All viewers of a kiosk, on the event loop. `refused` and `ended` count reasons."""

    def __init__(self, settings: LiveSettings, log: Viewings, now_s: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._log = log
        self._now_s = now_s
        self._open: dict[str, Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.ended: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    async def begin(self, feed: Feed, grant: Grant, offer: str, address: str) -> tuple[str, str]:
        """A new viewer: (session id, SDP answer). Raises Refused."""
        self._refuse_full(feed)
        session = Session(secrets.token_urlsafe(24), feed, grant, peers.new())
        self._open[session.id] = session
        try:
            session.sender, answer = await peers.answer_viewer(session.peer, offer, lambda: self._key(session))
            await self._logged(session, address)
        except (Refused, asyncio.CancelledError):
            del self._open[session.id]
            await session.peer.close()
            raise
        session.peer.on("connectionstatechange", lambda: self._changed(session))
        session.peer.on("datachannel", lambda channel: self._channel(session, channel))
        self._changed(session)
        return session.id, answer

    async def leave(self, session_id: str, feed: Feed, grant: Grant) -> None:
        """The viewer ends it. Raises Refused."""
        session = self._open.get(session_id)
        if session is None or session.feed is not feed or session.grant.id != grant.id:
            raise Refused(404, "session", "no such session of this token; it may have ended", "没有此会话，可能已结束")
        await self.end(session, "the viewer left")

    async def tick(self) -> None:
        """Every second: end what has timed out, keep the watched cameras open."""
        now = time.monotonic()
        for session in list(self._open.values()):
            if why := self._over(session, now):
                await self.end(session, why)
        for feed in {session.feed for session in self._open.values()}:
            feed.watch(bool(feed.stream.viewers))

    async def end_of(self, living: set[Feed]) -> None:
        """End the viewers of what is published no more."""
        for session in list(self._open.values()):
            if session.feed not in living:
                await self.end(session, "the source ended")

    async def end(self, session: Session, why: str) -> None:
        """Close one connection and note why; once."""
        if self._open.pop(session.id, None) is None:
            return
        self.ended[why] += 1
        if session.viewer is not None:
            await session.feed.stream.remove(session.viewer)
        session.feed.watch(bool(session.feed.stream.viewers))
        await asyncio.to_thread(self._log.end, session.id, self._now_s(), why)
        await session.peer.close()

    async def close(self) -> None:
        """End all."""
        for session in list(self._open.values()):
            await self.end(session, "the kiosk stopped")

    def _refuse_full(self, feed: Feed) -> None:
        if len(self._open) >= self._settings.viewers_max:
            raise full("viewers", f"this kiosk has its {self._settings.viewers_max} viewers; try later", "观看人数已满")
        if sum(s.feed is feed for s in self._open.values()) >= self._settings.viewers_per_camera_max:
            limit = self._settings.viewers_per_camera_max
            raise full("camera_viewers", f"this camera has its {limit} viewers; try later", "该摄像头观看人数已满")

    async def _logged(self, session: Session, address: str) -> None:
        grant, feed = session.grant, session.feed
        row = Viewing(
            session.id, "view", grant.name, grant.id, feed.name, grant.why, feed.redacted, address, self._now_s()
        )
        try:
            await asyncio.to_thread(self._log.begin, row)
        except sqlite3.Error as error:
            words = f"the viewing log cannot be written ({error}), so nothing is shown; look at the disk"
            raise full("log", words, "观看日志无法写入，因此不提供画面") from error

    def _over(self, session: Session, now: float) -> str:
        if self._now_s() >= session.grant.until_s:
            return "the token expired"
        if session.viewer is None:
            return "no connection in time" if now - session.began_s > self._settings.connect_s else ""
        unheard_s = session.sender.unheard_s if session.sender else None
        return "the viewer fell silent" if unheard_s is not None and now - unheard_s > self._settings.idle_s else ""

    def _changed(self, session: Session) -> None:
        state = session.peer.connectionState
        if state == "connected" and session.viewer is None and session.sender is not None:
            session.viewer = session.feed.stream.add(session.sender, session.feed.gop())
            session.feed.watch(True)
        elif state in ("failed", "closed"):
            self._later(session, "the connection failed" if state == "failed" else "the viewer closed")

    def _later(self, session: Session, why: str) -> None:
        if session.id in self._open:
            task = asyncio.ensure_future(self.end(session, why))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _key(self, session: Session) -> None:
        session.feed.stream.ask_key()

    def _channel(self, session: Session, channel: RTCDataChannel) -> None:
        if session.viewer is None or channel.label != "meta":
            return
        session.viewer.attach(channel)
        channel.on("message", lambda message: self._picked(session, message))

    def _picked(self, session: Session, message: str | bytes) -> None:
        """A click; a viewer's sixth in a second is passed over."""
        asked, now = pick(message), time.monotonic()
        session.picks = max(0.0, session.picks - (now - session.picked_s) * PICKS_PER_S)
        session.picked_s = now
        if asked is None or session.viewer is None or session.picks >= PICKS_PER_S:
            self.ended["messages_passed_over"] += 1
            return
        session.picks += 1
        session.viewer.note(note("place", id=asked.id, **session.feed.placed(asked)))
