"""A real RTSP server with a small clip, and a proxy before it that can cut, stall and garble what passes."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from conftest import missing

from bench.rtsp import NoServer, serving

FPS = 10
SIZE = (320, 180)


def small_clip(path: Path, seconds: float, gop_s: float = 1.0, still: bool = False, slices: int = 0) -> Path:
    """An MP4 of moving noise blocks, H.264 without B frames, a key frame every `gop_s`; pictures of so many slices, 0:
    as the encoder likes."""
    rng = np.random.default_rng(7)
    scene = np.kron(rng.integers(0, 255, (9, 16, 3)), np.ones((20, 20, 1))).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 90_000)
        gop = str(round(gop_s * FPS))
        stream.options = {"bf": "0", "g": gop, "keyint_min": gop, "sc_threshold": "0", "preset": "ultrafast"}
        if slices:
            stream.options = {**stream.options, "slices": str(slices)}
        for number in range(round(seconds * FPS)):
            image = scene if still else np.roll(scene, 4 * number, axis=1)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
            frame.pts, frame.time_base = number * 90_000 // FPS, Fraction(1, 90_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@contextmanager
def rtsp(files: dict[str, Path]) -> Iterator[dict[str, str]]:
    """The server; where it is not installed a skip with its reason, in CI a failure."""
    try:
        with serving(files) as urls:
            yield urls
    except NoServer as error:
        missing(str(error))


GARBLE_FROM = 64


class Proxy:
    """Passes TCP on to a server until told otherwise. `mode`: pass, cut (close everything, refuse new ones), stall
    (take connections, pass nothing) or garble (bytes of the pictures are changed)."""

    def __init__(self, url: str) -> None:
        host, _, rest = url.removeprefix("rtsp://").partition("/")
        self._target = (host.split(":")[0], int(host.split(":")[1]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self.mode = "pass"
        self.connections = 0
        self.garbled = 0  # chunks of which bytes were changed
        self.url = f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/{rest}"
        threading.Thread(target=self._accept, daemon=True).start()

    def set(self, mode: str) -> None:
        """Change how it passes; cut also ends what is connected."""
        self.mode = mode
        if mode == "cut":
            self.drop()

    def drop(self) -> None:
        """End what is connected now."""
        with self._lock:
            gone, self._open = self._open, []
        for one in gone:
            _shut(one)

    def close(self) -> None:
        """End everything."""
        self._listener.close()
        self.drop()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.mode == "cut":
                client.close()
                continue
            server = socket.create_connection(self._target)
            self.connections += 1
            with self._lock:
                self._open += [client, server]
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, to: socket.socket, pictures: bool) -> None:
        try:
            while data := source.recv(65536):
                while self.mode == "stall" and source.fileno() >= 0:
                    threading.Event().wait(0.02)
                garble = pictures and self.mode == "garble"
                to.sendall(_garbled(data) if garble else data)
                self.garbled += garble and len(data) > GARBLE_FROM
        except OSError:
            pass
        finally:
            _shut(source)
            _shut(to)


def _garbled(data: bytes) -> bytes:
    """Every 50th byte turned over, the first GARBLE_FROM kept: RTSP's own words survive, pictures do not."""
    out = bytearray(data)
    for i in range(GARBLE_FROM, len(out), 50):
        out[i] ^= 0xFF
    return bytes(out)


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
