"""RTSP cameras from a real server: both transports, cut, stalled, garbled and frozen streams, many reconnects."""

import random
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import free_port, until
from rtsp_helpers import Proxy, rtsp, small_clip

from edge.watch import camera as camera_module
from edge.watch.camera import Camera
from edge.watch.decode import BaseRate
from edge.watch.source import Source, Transport

RECONNECTS = 12


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a camera that shows a moving picture for a minute."""
    clip = small_clip(tmp_path_factory.mktemp("rtsp") / "a.mp4", 60.0)
    with rtsp({"a": clip}) as urls:
        yield urls["a"]


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    """The same camera over a network that can fail."""
    made = Proxy(url)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tenths of a second between attempts, and little patience."""
    monkeypatch.setattr(camera_module, "BACKOFF_FIRST_S", 0.02)
    monkeypatch.setattr(camera_module, "BACKOFF_MAX_S", 0.1)
    monkeypatch.setattr("edge.watch.source.READ_TIMEOUT_S", 2.0)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_camera_gives_pictures_over_both_transports(url: str, transport: Transport) -> None:
    camera = Camera("c", Source(url, transport))
    camera.start()
    until(lambda: camera.frames >= 5, what="five pictures")
    shot = camera.take(1.0)
    camera.stop()
    assert shot is not None and shot.image.shape == (180, 320, 3) and camera.failures == 0


def test_a_key_frame_that_comes_in_slices_is_given_whole(url: str, tmp_path: Path) -> None:
    """The server sends each slice of a key frame with stream parameters before it. Every key frame that is given is the
    clip's own, to the last line, and none counts as damaged but a first one that began before its time was known."""
    camera = Camera("c", Source(url), rate=BaseRate(base_s=1.0))
    camera.start()
    shots = []
    while len(shots) < 3:
        shot = camera.take(30.0)
        assert shot is not None
        shots.append(shot.image)
    camera.stop()
    with av.open(str(small_clip(tmp_path / "a.mp4", 8.0))) as clip:
        own = [f.to_ndarray(format="bgr24").astype(int) for f in clip.decode(video=0) if f.key_frame]
    for image in shots:
        assert min(float(np.abs(image - one).mean()) for one in own) < 1.0
    assert camera.counts["damaged"] <= 2


def test_key_frames_alone_are_decoded_until_the_camera_is_opened(url: str) -> None:
    """Two seconds apart while closed; then, also from the middle of a GOP, all of them."""
    camera = Camera("c", Source(url), rate=BaseRate(base_s=2.0))
    camera.start()
    until(lambda: camera.frames >= 2, what="two key frames")
    assert camera.counts["skipped"] >= 10 and camera.frames <= 4
    before = camera.frames
    camera.open(2.0)
    until(lambda: camera.frames >= before + 10, what="full rate")
    camera.stop()


def test_every_packet_is_offered_whether_it_is_decoded_or_not(url: str) -> None:
    sizes: list[int] = []
    camera = Camera("c", Source(url, on_packet=lambda packet: sizes.append(packet.size)), rate=BaseRate())
    camera.start()
    until(lambda: len(sizes) >= 15, what="fifteen packets")
    camera.stop()
    assert all(sizes) and camera.frames < 15


def test_a_camera_that_is_cut_comes_back_and_the_cause_is_counted(proxy: Proxy) -> None:
    camera = Camera("c", Source(proxy.url), rng=random.Random(1))
    camera.start()
    until(lambda: camera.frames >= 3, what="pictures")
    proxy.set("cut")
    until(lambda: camera.failures >= 2, what="failures")
    proxy.set("pass")
    before = camera.frames
    until(lambda: camera.frames >= before + 3, what="pictures again")
    camera.stop()
    assert sum(camera.reasons.values()) == camera.failures
    assert any(str(name).startswith("failed_") for name in camera.health())


def test_a_camera_that_sends_nothing_is_given_up_and_opened_again(proxy: Proxy) -> None:
    """The connection stands, nothing comes: the watchdog ends it."""
    camera = Camera("c", Source(proxy.url))
    camera.start()
    until(lambda: camera.frames >= 3, what="pictures")
    proxy.set("stall")
    until(lambda: camera.failures >= 1, 30.0, "the watchdog")
    proxy.drop()
    proxy.set("pass")
    before = camera.frames
    until(lambda: camera.frames > before, 30.0, "pictures again")
    camera.stop()


def test_garbage_in_the_stream_ends_nothing(proxy: Proxy) -> None:
    """Bytes turned over on the way: whatever FFmpeg makes of it, pictures come again when the line is clean."""
    camera = Camera("c", Source(proxy.url))
    camera.start()
    until(lambda: camera.frames >= 3, what="pictures")
    proxy.set("garble")
    until(lambda: proxy.garbled >= 20, 30.0, "garbage on the line")
    proxy.set("pass")
    before = camera.frames
    until(lambda: camera.frames >= before + 5, 30.0, "pictures again")
    camera.stop()


def test_a_camera_that_fails_slows_no_other(url: str, proxy: Proxy) -> None:
    """One hangs in its connection; the other one's pictures keep coming."""
    proxy.set("stall")
    bad, good = Camera("bad", Source(proxy.url)), Camera("good", Source(url))
    bad.start()
    good.start()
    until(lambda: good.frames >= 10, what="ten pictures of the good one")
    assert bad.frames == 0
    good.stop()
    proxy.close()
    bad.stop()


@pytest.mark.slow
def test_reconnects_leak_no_file_handle(proxy: Proxy) -> None:
    """Cut after every first picture: as many handles at the end as after the fifth time, but for some in flight."""
    camera = Camera("c", Source(proxy.url))
    camera.start()
    handles: list[int] = []
    for done in range(RECONNECTS):
        before = camera.frames
        until(lambda: proxy.connections > done and camera.frames > before, 30.0, "a picture")  # noqa: B023
        handles.append(len(list(Path("/proc/self/fd").iterdir())))
        proxy.drop()
    camera.stop()
    assert proxy.connections >= RECONNECTS
    assert max(handles[5:]) <= handles[4] + 4


def test_a_refused_connection_is_counted_as_refused() -> None:
    camera = Camera("c", Source(f"rtsp://127.0.0.1:{free_port()}/a"))
    camera.start()
    until(lambda: camera.failures >= 2, 30, "two failures")
    camera.stop()
    assert camera.reasons["refused"] >= 2 and camera.health()["failed_refused"] == camera.reasons["refused"]
