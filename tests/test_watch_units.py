"""Key pictures in several slices, before each of which a server repeats the parameter sets, arrive whole."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from rtsp_helpers import rtsp, small_clip

from edge.watch.camera import Camera
from edge.watch.decode import BaseRate
from edge.watch.source import Source
from edge.watch.units import SURE, whole


@pytest.mark.slow
@pytest.mark.parametrize("slices", [1, 4])
def test_key_pictures_of_a_real_server_are_whole(tmp_path: Path, slices: int) -> None:
    """GStreamer's server repeats SPS and PPS before every slice of a key picture; each picture is compared with the
    file's, row by row."""
    clip = small_clip(tmp_path / "a.mp4", 12.0, still=True, slices=slices)
    truth = next(iter(Source(str(clip)).frames())).luma.astype(np.int16)
    kept: list[tuple[int, bool]] = []
    with rtsp({"a": clip}) as urls:
        source = Source(urls["a"], on_packet=lambda p: kept.append((p.pts or 0, p.is_keyframe)))
        camera = Camera("a", source, rate=BaseRate(0.9))
        camera.start()
        for _ in range(2 * SURE):
            shot = camera.take(20.0)
            assert shot is not None
            rows = np.abs(shot.luma.astype(np.int16) - truth).mean(axis=1)
            assert rows.max() < 12.0, f"row {int(rows.argmax())} is off by {rows.max():.0f} grey levels"
        camera.stop()
    assert len({pts for pts, _ in kept}) == len(kept)  # what the ring and the recorder get has one packet a picture


def packet(pts: int | None, key: bool, size: int = 10) -> Any:
    """As much of a packet as is looked at."""
    return SimpleNamespace(pts=pts, is_keyframe=key, size=size)


def test_a_stream_whose_key_pictures_come_whole_is_soon_held_back_no_more() -> None:
    """Of `SURE` key pictures each waits for the packet after it; later ones do not."""
    given: list[int | None] = []
    waited: list[bool] = []
    feed = [packet(i, i % 3 == 0) for i in range(12)]

    def fed() -> Any:
        for one in feed:
            yield one
            waited.append(one.is_keyframe and one.pts not in given)

    for one in whole(fed()):
        given.append(one.pts)
    assert given == list(range(12)) and sum(waited) == SURE


def test_parts_that_carry_the_same_time_are_one_packet() -> None:
    def part(body: bytes, pts: int | None, key: bool) -> Any:
        made = av.Packet(body)
        made.pts = made.dts = pts
        made.time_base, made.is_keyframe = Fraction(1, 90_000), key
        return made

    parts = [part(b"a", None, True), part(b"b", 0, True), part(b"c", 9000, False), part(b"d", 18000, True)]
    parts += [part(b"e", 18000, True), part(b"f", 18000, True), part(b"g", 27000, False)]
    assert [(bytes(p), p.pts) for p in whole(parts)] == [
        (b"ab", 0),
        (b"c", 9000),
        (b"def", 18000),
        (b"g", 27000),
    ]
