"""A camera for `zhuomu bench live`: numbered pictures, in real time, through the kiosk's own live path."""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from edge.live.feed import Feed
from edge.live.server import LiveServer
from edge.live.service import Live
from edge.live.settings import LiveSettings
from edge.live.tokens import Tokens
from edge.live.viewings import Viewings
from edge.watch.camera import Shot
from edge.watch.packets import Tap
from edge.watch.picture import Picture

FPS = 25
BITS = 12
BAR_SHARE = 0.12  # of the height: the number's bar along the top
CAMERA = "bench"
GOP_S = 2.0
CLIP_S = 20.0  # played again and again


def numbered(base: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
    """(H, W, 3): the picture with the bits of a number as black and white blocks along its top."""
    image = base.copy()
    bar, step = round(image.shape[0] * BAR_SHARE), image.shape[1] / BITS
    for bit in range(BITS):
        image[:bar, round(bit * step) : round((bit + 1) * step)] = 255 * (number >> bit & 1)
    return image


def kept(size: tuple[int, int], b_frames: int) -> Path:
    """The camera's recording, made once."""
    path = Path(gettempdir()) / "zhuomu-bench" / f"live-noisy-{size[0]}x{size[1]}-{b_frames}.mp4"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = encoded(path.with_suffix(f".{secrets.token_hex(4)}.mp4"), size, CLIP_S, b_frames)
        made.rename(path)
    return path


def encoded(path: Path, size: tuple[int, int], seconds: float, b_frames: int) -> Path:
    """A camera's stream: numbered, a GOP of 2 s, 4 Mbit/s, a thing that moves before a mosaic, and a sensor's
    noise, so that the encoder has as much to do and sends as much as its rate allows."""
    rng = np.random.default_rng(1)
    width, height = size
    base = np.asarray(rng.integers(60, 160, (height // 16, width // 16, 3)), np.uint8).repeat(16, 0).repeat(16, 1)
    noise = [np.asarray(rng.integers(0, 24, base.shape), np.uint8) for _ in range(5)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, bit_rate=4_000_000)
        stream.width, stream.height, stream.pix_fmt = base.shape[1], base.shape[0], "yuv420p"
        gop = str(round(GOP_S * FPS))
        options = {"preset": "superfast", "g": gop, "keyint_min": gop, "sc_threshold": "0", "bf": str(b_frames)}
        stream.options = {**options, **({} if b_frames else {"tune": "zerolatency"})}
        for number in range(round(seconds * FPS)):
            image = numbered(np.asarray(cv2.add(base, noise[number % len(noise)]), np.uint8), number)
            left = number * 9 % (width - 200)
            image[height // 2 : height // 2 + 200, left : left + 160] = (40, 90, 200)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    return path


class Player(threading.Thread):
    """A camera's connection: each packet in its time, decoded where that is needed, as `edge.watch.camera` does it.
    `sent`: when each picture was given to the live path, by its number (monotonic seconds, once a round)."""

    def __init__(self, path: Path, feed: Feed, decode: bool) -> None:
        super().__init__(name="bench-camera", daemon=True)
        self._path, self.feed, self._decode = path, feed, decode
        self._ending = threading.Event()
        self.sent: defaultdict[int, list[float]] = defaultdict(list)

    def end(self) -> None:
        """Stop playing."""
        self._ending.set()
        self.join(5.0)

    def run(self) -> None:
        """Play until told to end."""
        while not self._ending.is_set():
            self._once()

    def _once(self) -> None:
        began, shown = time.monotonic(), 0
        tap = Tap(self.feed.piece)
        with av.open(str(self._path)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            for packet in container.demux(stream):
                if not packet.size or packet.dts is None or packet.time_base is None:
                    continue
                due = began + float((packet.dts - (stream.start_time or 0)) * packet.time_base)
                if self._ending.wait(max(0.0, due - time.monotonic())):
                    return
                if not self._decode and packet.pts is not None:
                    self.sent[round(packet.pts * packet.time_base * FPS)].append(time.monotonic())
                tap(packet)
                for frame in stream.codec_context.decode(packet) if self._decode else []:
                    shown += 1
                    self._show(frame, shown)

    def _show(self, frame: av.VideoFrame, count: int) -> None:
        now = time.monotonic()
        assert frame.time is not None
        self.sent[round(frame.time * FPS)].append(now)
        self.feed.shot(Shot(Picture(frame), datetime.now(UTC), now, count, frame.time))


@contextmanager
def serving(way: str, size: tuple[int, int], viewers_max: int) -> Iterator[tuple[str, str, Player]]:
    """A live view of one camera: (address, token, the camera, which begins to play at its `start`). `way`: "passed", an
    H.264 camera as it is; "encoded": one with B frames, decoded and encoded once."""
    with TemporaryDirectory() as folder:
        path = kept(size, 0 if way == "passed" else 2)
        settings = LiveSettings(on=True, port=0, viewers_max=viewers_max, viewers_per_camera_max=viewers_max)
        tokens = Tokens(secrets.token_bytes(32))
        conn = sqlite3.connect(Path(folder) / "log.db", check_same_thread=False)
        live = Live(settings, lambda loop: {CAMERA: Feed(CAMERA, settings, loop, None)}, tokens, _log(conn))
        server = LiveServer(live)
        server.bind()
        server.start()
        while CAMERA not in live.feeds:
            time.sleep(0.01)
        player = Player(path, live.feeds[CAMERA], way == "encoded")
        token = tokens.issue("bench", "view", ["*"], int(time.time() + 3600), "a measurement")
        try:
            yield f"http://127.0.0.1:{server.port}", token, player
        finally:
            player.end()
            server.stop()
            conn.close()


def _log(conn: sqlite3.Connection) -> Viewings:
    lock = threading.Lock()

    def transact(work: Callable[[sqlite3.Connection], None]) -> None:
        with lock, conn:
            work(conn)

    return Viewings(transact, 1000)
