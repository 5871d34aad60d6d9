"""What is decoded of a stream: key frames, bursts, long GOPs; and times that jump."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from rtsp_helpers import FPS, small_clip

from edge.watch.decode import BaseRate, Decoder
from edge.watch.picture import Picture
from edge.watch.source import Source
from edge.watch.steady import JUMP_S, Steady


def given(path: Path, rate: BaseRate | None, open_at_s: float | None = None) -> tuple[list[float], Decoder]:
    """Times of the pictures that a decoder gives; it is opened for a second at `open_at_s`."""
    times: list[float] = []
    with av.open(str(path)) as container:
        decoder = Decoder(container.streams.video[0], rate)
        for packet in container.demux(video=0):
            if open_at_s is not None and packet.pts is not None and float(packet.pts * packet.time_base) >= open_at_s:
                decoder.open(1.0)
                open_at_s = None
            times += [frame.time for frame in decoder.feed(packet)]
    return times, decoder


def test_without_a_rate_every_picture_is_given(tmp_path: Path) -> None:
    times, _ = given(small_clip(tmp_path / "a.mp4", 3.0), None)
    assert len(times) == 3 * FPS


def test_key_frames_are_given_at_the_base_rate(tmp_path: Path) -> None:
    """A key frame a second, one picture every two seconds asked for."""
    times, decoder = given(small_clip(tmp_path / "a.mp4", 9.0), BaseRate(base_s=2.0))
    assert times == [0.0, 2.0, 4.0, 6.0, 8.0] and not decoder.long_gop
    assert decoder.counts["skipped"] == 9 * FPS - 5


def test_opened_in_the_middle_of_a_gop_the_pictures_are_whole(tmp_path: Path) -> None:
    """Opened 0.5 s after a key frame: each picture for a second, and the first is no grey ruin."""
    path = small_clip(tmp_path / "a.mp4", 6.0, gop_s=2.0)
    times, _ = given(path, BaseRate(), open_at_s=2.5)
    burst = [t for t in times if 2.4 < t < 3.6]
    assert len(burst) >= 9 and burst[0] <= 2.6
    assert [t for t in times if t not in burst] == [0.0, 2.0, 4.0]
    every = {frame.media_s: frame.image for frame in Source(str(path)).frames()}
    with av.open(str(path)) as container:
        decoder = Decoder(container.streams.video[0], BaseRate())
        for packet in container.demux(video=0):
            decoder.open(10.0)
            for frame in decoder.feed(packet):
                assert np.array_equal(Picture(frame).bgr, every[frame.time])


def test_a_stream_with_long_gops_is_known_and_still_looked_at(tmp_path: Path) -> None:
    """Key frames 20 s apart: after key_gap_s_max pictures come at the base rate all the same."""
    times, decoder = given(small_clip(tmp_path / "a.mp4", 20.0, gop_s=20.0), BaseRate(2.0, key_gap_s_max=5.0))
    assert decoder.long_gop and times[0] == 0.0
    steps = np.diff([t for t in times if t >= 5.0])
    assert len(steps) >= 5 and steps.max() <= 2.3 and steps.min() >= 1.7


def test_a_stream_whose_gops_are_short_again_is_thinned_to_key_frames_again(tmp_path: Path) -> None:
    decoder_of = given(small_clip(tmp_path / "a.mp4", 6.0, gop_s=1.0), BaseRate(2.0, key_gap_s_max=1.0))[1]
    assert decoder_of.long_gop
    with av.open(str(tmp_path / "a.mp4")) as container:
        decoder = Decoder(container.streams.video[0], BaseRate(1.0, key_gap_s_max=3.0))
        decoder.long_gop = True
        for packet in container.demux(video=0):
            decoder.feed(packet)
    assert not decoder.long_gop


def test_a_picture_shows_its_brightness_and_its_colours(tmp_path: Path) -> None:
    frame = next(iter(Source(str(small_clip(tmp_path / "a.mp4", 1.0))).frames()))
    assert frame.luma.shape == (180, 320) and frame.image.shape == (180, 320, 3)
    assert np.corrcoef(frame.luma.ravel(), frame.image.mean(-1).ravel())[0, 1] > 0.7


@pytest.fixture
def times() -> Iterator[Steady]:
    """A camera whose first picture came at 100 s."""
    steady = Steady()
    assert steady.place(0.0, 100.0) == 100.0
    yield steady


def test_pictures_that_come_in_a_burst_keep_their_distances(times: Steady) -> None:
    """The network stood still for a second; the three pictures were taken half a second apart."""
    placed = [times.place(media, 101.5) for media in (0.5, 1.0, 1.5)]
    assert placed == pytest.approx([100.5, 101.0, 101.5], abs=0.05) and times.jumps == 0


@pytest.mark.parametrize("media", [-3600.0, 86_400.0, 95443.7])
def test_a_clock_that_jumps_moves_no_picture(times: Steady, media: float) -> None:
    """An hour back, a day forward, the 32-bit wrap of RTP's 90 kHz: counted, and the picture is of now."""
    assert times.place(media, 101.0) == 101.0 and times.jumps == 1
    assert times.place(media + 1, 102.0) == 102.0 and times.jumps == 1


def test_time_never_runs_backwards_nor_ahead(times: Steady) -> None:
    rng = np.random.default_rng(3)
    now, last = 100.0, 100.0
    for _ in range(500):
        now += float(rng.uniform(0.0, 0.2))
        placed = times.place(now - 100.0 + float(rng.uniform(-1.5 * JUMP_S, 1.5 * JUMP_S)), now)
        assert last <= placed <= now
        last = placed
