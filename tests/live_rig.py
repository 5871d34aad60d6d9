"""A live view on real parts for tests: a file as a camera, the HTTP server, WHEP viewers made with aiortc."""

import asyncio
import secrets
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from numpy.typing import NDArray

from edge.live.feed import Feed
from edge.live.hide import Redactors
from edge.live.server import LiveServer
from edge.live.service import Live
from edge.live.settings import LiveSettings
from edge.live.tokens import Tokens
from edge.live.viewings import Viewings
from edge.watch.camera import Camera
from edge.watch.packets import Tap
from edge.watch.source import Source

BITS = 10
KEY = bytes(range(32))
WIDTH, HEIGHT, FPS = 640, 360, 25


def numbered(number: int) -> NDArray[np.uint8]:
    """(360, 640, 3): ten black or white columns are the bits of a picture's number; a grey square moves."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for bit in range(BITS):
        image[:200, bit * 64 : bit * 64 + 64] = 255 * (number >> bit & 1)
    left = number * 7 % (WIDTH - 40)
    image[260:300, left : left + 40] = 200
    return image


def number_in(grey: NDArray[np.uint8]) -> int:
    """What `numbered` wrote, read from (H, W) brightness of any size."""
    height, width = grey.shape
    y = slice(height // 6, height // 2)
    cell = width / BITS
    return sum(
        int(grey[y, round(b * cell + cell / 4) : round((b + 0.75) * cell)].mean() > 127) << b for b in range(BITS)
    )


def clip(path: Path, seconds: float = 12.0, gop_s: float = 1.0, b_frames: int = 0) -> Path:
    """A numbered video in H.264."""
    gop = str(round(gop_s * FPS))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"g": gop, "keyint_min": gop, "sc_threshold": "0", "preset": "ultrafast", "bf": str(b_frames)}
        if not b_frames:
            stream.options = {**stream.options, "tune": "zerolatency"}
        for number in range(round(seconds * FPS)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered(number), format="bgr24")))
        container.mux(stream.encode(None))
    return path


class Rig:
    """One camera "north" from a file, served live. Use as a context manager."""

    def __init__(self, path: Path, redactors: Redactors | None = None, **settings: Any) -> None:
        self.settings = LiveSettings(on=True, port=0, redact_published=False, **settings)
        self.tokens = Tokens(KEY, frozenset(self.settings.revoked))
        self.database = path.with_name(f"{secrets.token_hex(8)}.db")
        self._lock = threading.Lock()
        self._conn = sqlite3.connect(self.database, check_same_thread=False)
        self.now_s = time.time
        self.seen: list[Any] = []
        self.redactors = redactors
        self.path = path
        self.camera = self._camera()
        log = Viewings(self.transact, self.settings.viewings_rows_max)
        self.live = Live(self.settings, self._make, self.tokens, log, lambda: self.now_s(), redactors)
        self.server = LiveServer(self.live)
        self.on_shot: Callable[[Any], None] = lambda shot: None

    def __enter__(self) -> "Rig":
        self.server.bind()
        self.server.start()
        while "north" not in self.live.feeds:
            time.sleep(0.01)
        self.camera.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.camera.stop()
        self.server.stop()
        self._conn.close()

    def live_ends(self) -> None:
        """Every session is closed at once, as by a restart."""
        asyncio.run_coroutine_threadsafe(self.live.sessions.close(), self.feed.stream.loop).result(30.0)

    def cut(self, away: bool) -> None:
        """The camera goes away, or comes back as a new connection."""
        if away:
            self.camera.stop()
        else:
            self.camera = self._camera()
            self.camera.start()

    def _camera(self) -> Camera:
        source = Source(str(self.path), on_packet=Tap(self._piece))
        return Camera("north", source, on_shot=self._shot)

    @property
    def feed(self) -> Feed:
        """Of the one camera."""
        return self.live.feeds["north"]

    @property
    def url(self) -> str:
        """Of the server."""
        return f"http://127.0.0.1:{self.server.port}"

    def token(self, until_s: float = 3600.0, **more: Any) -> str:
        """A token for the camera, from now on for so long."""
        given: dict[str, Any] = {"name": "Li Wei", "scope": "view", "cameras": ["north"], "why": "a complaint", **more}
        return self.tokens.issue(until_s=int(time.time() + until_s), **given)

    def transact(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """One transaction."""
        with self._lock, self._conn:
            work(self._conn)

    def _make(self, loop: asyncio.AbstractEventLoop) -> dict[str, Feed]:
        return {"north": Feed("north", self.settings, loop, self.redactors, self._open, recording=True)}

    def _open(self, seconds: float) -> None:
        self.camera.open(seconds)

    def _piece(self, piece: Any) -> None:
        self.feed.piece(piece)

    def _shot(self, shot: Any) -> None:
        self.feed.shot(shot)
        self.on_shot(shot)


@dataclass
class Watching:
    """What a viewer got: numbers read from pictures, their RTP timestamps, messages."""

    numbers: list[int] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    location: str = ""
    channel: Any = None
    pc: Any = None


@asynccontextmanager
async def viewer(rig: Rig, token: str | None = None, camera: str = "north") -> AsyncIterator[Watching]:
    """A WHEP viewer of a rig. Fails when it is refused."""
    got = Watching()
    async with watching(rig.url, token or rig.token(), camera, got):
        yield got


@asynccontextmanager
async def watching(url: str, token: str, camera: str, got: Watching) -> AsyncIterator[None]:
    """A WHEP viewer on aiortc that fills `got`. Fails when it is refused."""
    pc = got.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    pc.addTransceiver("video", direction="recvonly")
    got.channel = pc.createDataChannel("meta", ordered=False, maxRetransmits=0)
    got.channel.on("message", got.notes.append)
    tasks: list[asyncio.Task[None]] = []
    pc.on("track", lambda track: tasks.append(asyncio.ensure_future(_read(track, got))))
    await pc.setLocalDescription(await pc.createOffer())
    headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url) as http:
        answer = await http.post(f"/whep/{camera}", content=pc.localDescription.sdp, headers=headers)
    assert answer.status_code == 201, answer.text
    got.location = answer.headers["location"]
    await pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await pc.close()


async def _read(track: Any, got: Watching) -> None:
    while True:
        frame = await track.recv()
        got.numbers.append(number_in(frame.to_ndarray(format="gray")))
        got.stamps.append(frame.pts)


async def until(condition: Callable[[], object], timeout_s: float = 120.0, what: str = "condition") -> None:
    """Wait on the loop."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"waited {timeout_s} s for {what}"
        await asyncio.sleep(0.02)
