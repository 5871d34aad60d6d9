"""Two hundred reconnects of a camera leave nothing behind: no file handle, no thread, no decoder, no container."""

import gc
import io
import socket
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path

import av
import pytest
from conftest import until
from rtsp_helpers import small_clip

from edge.watch import camera as camera_module
from edge.watch.camera import Camera
from edge.watch.source import Source

RECONNECTS = 200
SETTLED = 20  # pools and caches are there by then
KINDS = ("VideoCodecContext", "InputContainer", "VideoStream")


class Dropping:
    """A camera behind plain TCP (MPEG-TS) that ends every connection after ten seconds of pictures, sent at once."""

    def __init__(self, stream: bytes) -> None:
        self._stream = stream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.connections = 0
        self.url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more."""
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with closing(client):
                try:
                    client.sendall(self._stream)
                except OSError:
                    continue


@pytest.fixture
def dropping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dropping:
    monkeypatch.setattr(camera_module, "BACKOFF_FIRST_S", 0.002)
    monkeypatch.setattr(camera_module, "BACKOFF_MAX_S", 0.004)
    out = io.BytesIO()
    with av.open(str(small_clip(tmp_path / "a.mp4", 10.0))) as source, av.open(out, "w", format="mpegts") as ts:
        stream = ts.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                ts.mux(packet)
    return Dropping(out.getvalue())


def held() -> Counter[str]:
    """What this process holds: handles, threads of the system, PyAV's objects."""
    gc.collect()
    found = Counter(type(one).__name__ for one in gc.get_objects() if type(one).__name__ in KINDS)
    found["handles"] = len(list(Path("/proc/self/fd").iterdir()))
    found["threads"] = len(list(Path("/proc/self/task").iterdir()))
    return found


def after(camera: Camera, server: Dropping, connections: int) -> Counter[str]:
    """What is held after so many of them: the least of some looks, since one connection is always under way."""
    until(lambda: server.connections >= connections, 240.0, f"{connections} connections")
    looks = []
    for _ in range(5):
        until(lambda n=server.connections: server.connections > n, 30.0, "another connection")  # type: ignore[misc]
        looks.append(held())
    return Counter({name: min(look[name] for look in looks) for name in (*KINDS, "handles", "threads")})


@pytest.mark.slow
def test_two_hundred_reconnects_leave_nothing_behind(dropping: Dropping) -> None:
    camera = Camera("c", Source(dropping.url))
    camera.start()
    settled = after(camera, dropping, SETTLED)
    end = after(camera, dropping, RECONNECTS)
    camera.stop()
    dropping.close()
    assert camera.frames >= RECONNECTS and camera.failures >= RECONNECTS
    assert {name: end[name] - settled[name] for name in end if end[name] > settled[name] + 1} == {}


@pytest.mark.slow
def test_a_camera_that_keeps_its_decoders_would_be_found(dropping: Dropping) -> None:
    """Somebody holds on to each connection's stream: the measure sees every one."""
    kept: list[object] = []
    camera = Camera("c", Source(dropping.url, on_packet=lambda packet: kept.append(packet.stream)))
    camera.start()
    settled = after(camera, dropping, SETTLED)
    end = after(camera, dropping, 2 * SETTLED)
    camera.stop()
    dropping.close()
    assert end["VideoCodecContext"] - settled["VideoCodecContext"] >= SETTLED // 2
