"""Continuous recording: the camera's packets in playable segments, within days, budget and floor, come what may."""

import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import av
import pytest
from conftest import until
from tmpfs import tmpfs
from video_packets import numbers, packet_bytes, pieces, video

from edge.watch import record
from edge.watch.packets import Piece
from edge.watch.record import Keeping, Recorder, Segments

KEEPING = Keeping(segment_s=1.0, free_bytes_min=0)
DAY_S = 86_400.0


class Wall:
    """A wall clock that is set by hand."""

    now = 1_790_000_000.0

    def __call__(self) -> float:
        """Seconds since 1970."""
        return self.now


@pytest.fixture(scope="module")
def six_seconds(tmp_path_factory: pytest.TempPathFactory) -> list[Piece]:
    """With a key frame each second."""
    return pieces(video(tmp_path_factory.mktemp("video") / "a.mp4"))[0]


def files(folder: Path) -> list[Path]:
    """Segments, oldest first."""
    return sorted(folder.glob("*.mp4"))


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_recording_is_the_cameras_packets_and_loses_none(tmp_path: Path, codec: str) -> None:
    """Six seconds in segments of two: all pictures, bytes untouched, for the owner alone."""
    made = pieces(video(tmp_path / "a.mp4", codec))[0]
    segments = Segments(tmp_path / "rec", replace(KEEPING, segment_s=2.0))
    for piece in made:
        segments.add(piece)
    segments.close()
    found = files(tmp_path / "rec")
    assert len(found) == segments.counters["record_segments"] == 3
    assert [data for path in found for data in packet_bytes(path)] == [p.data for p in made]
    assert [n for path in found for n in numbers(path)] == list(range(150))
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in found)


def test_a_segment_cut_off_by_a_power_loss_plays_up_to_its_last_fragment(
    tmp_path: Path, six_seconds: list[Piece]
) -> None:
    """Nothing is closed; the file is what was written so far, less its last bytes."""
    segments = Segments(tmp_path / "rec", replace(KEEPING, segment_s=60.0))
    for piece in six_seconds:
        segments.add(piece)
    (path,) = files(tmp_path / "rec")
    whole = path.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[:-100])
    with av.open(str(tmp_path / "cut.mp4")) as container:
        assert sum(1 for p in container.demux(video=0) if p.size) >= 90
    again = Segments(tmp_path / "rec", KEEPING)
    assert again.bytes == len(whole)
    segments.close()


def test_over_its_budget_the_oldest_goes_first_and_is_counted_as_early(
    tmp_path: Path, six_seconds: list[Piece]
) -> None:
    """Two segments' worth of bytes for six."""
    size = sum(len(p.data) for p in six_seconds)
    segments = Segments(tmp_path / "rec", replace(KEEPING, bytes_max=size // 2))
    for piece in six_seconds:
        segments.add(piece)
    segments.close()
    kept = files(tmp_path / "rec")
    assert 1 <= len(kept) < 6 and segments.counters["record_deleted_early"] == 6 - len(kept)
    assert numbers(kept[-1])[-1] == 149


def test_after_its_days_a_segment_is_deleted_but_a_clock_that_jumps_empties_nothing_at_a_stroke(
    tmp_path: Path, six_seconds: list[Piece]
) -> None:
    """At most two with each new one."""
    wall = Wall()
    segments = Segments(tmp_path / "rec", KEEPING, wall=wall)
    for piece in six_seconds:
        segments.add(piece)
    segments.close()
    for path in files(tmp_path / "rec"):
        os.utime(path, (wall.now, wall.now))
    wall.now += 29 * DAY_S
    later = [replace(p, mono_s=p.mono_s + 100) for p in six_seconds[:25]]
    segments = Segments(tmp_path / "rec", KEEPING, wall=wall)
    segments.add(later[0])
    assert segments.counters["record_deleted_aged"] == 0
    wall.now += 2 * DAY_S
    segments.close()
    segments.add(later[0])
    segments.close()
    assert segments.counters["record_deleted_aged"] == 2 and segments.counters["record_deleted_early"] == 0
    assert len(files(tmp_path / "rec")) == 6


def test_names_stay_in_the_order_of_time_when_the_wall_clock_is_set_back(
    tmp_path: Path, six_seconds: list[Piece]
) -> None:
    """By an hour, and again: nothing is overwritten, the newest is last."""
    wall = Wall()
    segments, keys = Segments(tmp_path / "rec", KEEPING, wall=wall), [p for p in six_seconds if p.key]
    for key in keys:
        segments.add(key)
        segments.close()
        wall.now -= 3600
    shown = [numbers(path)[0] for path in files(tmp_path / "rec")]
    assert shown == sorted(shown) and len(shown) == 6


def test_below_the_floor_nothing_is_recorded_until_there_is_room_again(
    tmp_path: Path, six_seconds: list[Piece]
) -> None:
    """Somebody else fills the disk: what was recorded makes room, then it pauses, aloud."""
    free = 10_000
    segments = Segments(tmp_path / "rec", replace(KEEPING, free_bytes_min=5_000), free=lambda _: free)
    for piece in six_seconds[:60]:
        segments.add(piece)
    free = 100
    for piece in six_seconds[60:]:
        segments.add(piece)
    assert files(tmp_path / "rec") == [] and segments.counters["record_paused"] == 1
    free = 10_000
    for piece in six_seconds:
        segments.add(replace(piece, mono_s=piece.mono_s + 60))
    segments.close()
    assert [n for path in files(tmp_path / "rec") for n in numbers(path)] == list(range(150))


def test_a_full_disk_ends_a_segment_and_recording_goes_on_with_room_made_by_the_oldest(tmp_path: Path) -> None:
    """A real disk of 2 MB and no floor: ENOSPC in the middle of a segment, again and again."""
    made = pieces(video(tmp_path / "noise.mp4", seconds=6.0, gop_s=0.2, noise=True))[0]
    assert sum(len(p.data) for p in made) > 4_000_000
    with tmpfs(tmp_path / "disk", "2m") as disk:
        segments = Segments(disk / "rec", KEEPING)
        for number in range(3):
            for piece in made:
                segments.add(replace(piece, mono_s=piece.mono_s + 6.0 * number))
        segments.close()
        assert segments.counters["record_failed"] >= 1 and segments.counters["record_deleted_early"] >= 1
        assert segments.counters["record_segments"] >= 2
        assert shutil.disk_usage(disk).used <= 2 * 1024**2
        assert files(disk / "rec")


def test_a_disk_that_is_too_slow_costs_packets_of_the_recording_and_holds_up_no_camera(
    tmp_path: Path, six_seconds: list[Piece], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the queue has no room for is dropped up to the next key frame and counted: what is written plays."""
    monkeypatch.setattr(record, "QUEUE_BYTES_MAX", sum(len(p.data) for p in six_seconds[:70]))
    segments = Segments(tmp_path / "rec", replace(KEEPING, segment_s=60.0))
    recorder = Recorder("cam", segments)
    for piece in six_seconds:
        recorder.add(piece)
    assert recorder.counters["record_dropped"] > 0
    recorder.start()
    until(lambda: recorder._waiting == 0, what="the queue to be written")
    recorder.stop()
    (path,) = files(tmp_path / "rec")
    written = packet_bytes(path)
    assert written == [p.data for p in six_seconds[: len(written)]]
    assert len(written) + recorder.dropped == len(six_seconds)
