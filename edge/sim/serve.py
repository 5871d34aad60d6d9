"""A live camera on the sample street: MPEG-TS with H.264 over TCP, world time running on whether anyone looks or
not."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import av
import msgspec

from edge.sim import truth
from edge.sim.clip import check_rate, h264_stream, picture
from edge.sim.street import Street

GOP_S = 2.0
SEND_TIMEOUT_S = 5.0  # a client that takes nothing for so long is dropped
ACCEPT_POLL_S = 0.2
DROPPED = (OSError, av.FFmpegError)


@dataclass
class _Pipe:
    """Where the muxer writes: a client's socket. After the client has gone, writes are swallowed so that the muxer
    can close."""

    client: socket.socket
    gone: bool = False

    def write(self, data: bytes) -> int:
        if not self.gone:
            try:
                self.client.sendall(data)
            except OSError:
                self.gone = True
        return len(data)


@dataclass
class Live:
    """The camera: one client at a time, the next ones wait in the listen queue."""

    street: Street
    fps: int = 10
    crf: int = 23
    clock: Callable[[], float] = time.monotonic
    stop: threading.Event = field(default_factory=threading.Event)
    began: float = field(init=False)

    def __post_init__(self) -> None:
        check_rate(self.fps)
        self.began = self.clock()

    def now_s(self) -> float:
        """The street's time: seconds since the camera was switched on."""
        return self.clock() - self.began

    def run(self, listener: socket.socket) -> None:
        """Serve clients until `stop` is set."""
        listener.settimeout(ACCEPT_POLL_S)
        while not self.stop.is_set():
            try:
                client, _ = listener.accept()
            except TimeoutError:
                continue
            with client:
                client.settimeout(SEND_TIMEOUT_S)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._stream_to(_Pipe(client))

    def _stream_to(self, pipe: _Pipe) -> None:
        """Stream until the client leaves; every client gets its own encoder and so begins with a key frame."""
        options = {"flush_packets": "1", "max_delay": "0"}
        container = av.open(pipe, "w", format="mpegts", options=options)
        stream = h264_stream(container, self.street, self.fps, GOP_S, self.crf, live=True)
        try:
            while not (self.stop.is_set() or pipe.gone):
                t_s = self._wait_for_frame()
                container.mux(stream.encode(picture(self.street.render(t_s), t_s)))
            container.close()
        except DROPPED:
            pipe.gone = True

    def _wait_for_frame(self) -> float:
        """Sleep to the next multiple of 1 / fps and return it; a machine that is too slow skips frames."""
        number = int(self.now_s() * self.fps) + 1
        self.stop.wait(max(0.0, number / self.fps - self.now_s()))
        return number / self.fps


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    seed: int = 1,
    fps: int = 10,
    width: int = 1280,
    height: int = 720,
    truth_path: str | Path | None = None,
    horizon_s: float = 3600.0,
    stop: threading.Event | None = None,
) -> None:
    """Be a camera at tcp://host:port until SIGTERM, SIGINT or `stop`; port 0 takes a free one.

    Prints {"event": "street.ready", "url": ...} when it listens. truth_path gets header and events up to
    horizon_s, also as UTC.
    ValueError for impossible figures, OSError when port or file cannot be had.
    """
    check_rate(fps)
    if not 0 <= port <= 65535:
        raise ValueError(f"port {port}: give 0 to 65535")
    street = Street(seed, width, height)
    with socket.create_server((host, port), backlog=4) as listener:
        live = Live(street, fps, stop=stop or threading.Event())
        if truth_path is not None:
            truth.write(truth_path, truth.lines(street, fps, horizon_s, datetime.now(UTC)))
        _stop_on_signals(live.stop)
        url = f"tcp://{host}:{listener.getsockname()[1]}"
        sys.stdout.write(msgspec.json.encode({"event": "street.ready", "url": url, "seed": seed}).decode() + "\n")
        sys.stdout.flush()
        live.run(listener)


def _stop_on_signals(stop: threading.Event) -> None:
    """SIGTERM and SIGINT end the camera; in a thread of somebody else's process they are not ours to take."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
