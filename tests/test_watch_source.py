"""Sources: real clips and folders give frames; whatever is none is refused in one clear line."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import free_port, until

from edge.watch.camera import Camera
from edge.watch.source import Clock, Frame, Source, SourceError, check, pace


@pytest.fixture
def clip(shared: Path) -> str:
    """A real clip."""
    return str(shared / "data" / "clips" / "car-detection.mp4")


def test_a_real_clip_gives_frames_in_time_order(clip: str) -> None:
    """Shape and time of the first frames."""
    frames = [frame for frame, _ in zip(check(clip).frames(), range(20), strict=False)]
    assert frames[0].image.ndim == 3
    times = [f.media_s for f in frames]
    assert times == sorted(times)
    assert times[0] == 0.0 < times[-1]


def test_a_folder_of_pictures_is_a_source(tmp_path: Path) -> None:
    """In name order; a file that cannot be read is passed over."""
    for name, level in (("b.png", 200), ("a.jpg", 100)):
        cv2.imwrite(str(tmp_path / name), np.full((20, 30, 3), level, np.uint8))
    (tmp_path / "c.jpg").write_text("no picture")
    assert [int(f.image.mean()) for f in check(str(tmp_path)).frames()] == [100, 200]


@pytest.mark.parametrize("kind", ["missing", "text", "empty_folder", "empty_file", "rtsp", "camera", "audio"])
def test_a_bad_source_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    """The line names the source and the mend."""
    (tmp_path / "text.mp4").write_text("this is no video\n" * 50)
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.mp4").touch()
    specs = {
        "missing": str(tmp_path / "none.mp4"),
        "text": str(tmp_path / "text.mp4"),
        "empty_folder": str(tmp_path / "folder"),
        "empty_file": str(tmp_path / "empty.mp4"),
        "rtsp": f"rtsp://127.0.0.1:{free_port()}/live",
        "camera": "/dev/video63",
        "audio": str(_a_sound(tmp_path / "sound.wav")),
    }
    with pytest.raises(SourceError) as refused:
        check(specs[kind])
    assert specs[kind] in str(refused.value)
    assert ";" in str(refused.value)
    assert "\n" not in str(refused.value)


def _a_sound(path: Path) -> Path:
    import wave

    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(8000))
    return path


def test_a_recording_is_played_at_its_own_speed() -> None:
    """Frames wait for their time; late ones are passed on at once."""

    class Stepping(Clock):
        now = 0.0

        def monotonic(self) -> float:
            return self.now

        def sleep(self, seconds: float) -> None:
            self.now += seconds

    clock = Stepping()
    picture = np.zeros((2, 2, 3), np.uint8)
    seen = []
    for frame in pace(iter([Frame(picture, t) for t in (0.0, 1.0, 2.0, 3.0)]), clock):
        seen.append((frame.media_s, clock.now))
        clock.now += 1.5 if frame.media_s == 1.0 else 0.1
    assert seen == [(0.0, 0.0), (1.0, 1.0), (2.0, 2.5), (3.0, 3.0)]


def test_a_slow_reader_gets_the_newest_frame_and_the_drops_are_counted(clip: str) -> None:
    """The queue holds one frame."""
    camera = Camera("c", Source(clip))
    camera.start()
    until(lambda: camera.frames >= 10, what="ten frames")
    shot = camera.take(1.0)
    camera.stop()
    assert shot is not None
    assert shot.number >= 10
    assert camera.dropped == shot.number - 1


def test_a_recording_without_loop_ends(tmp_path: Path) -> None:
    """`take` then says that there is nothing, at once."""
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 30, 3), np.uint8))
    camera = Camera("c", Source(str(tmp_path)), loop=False)
    camera.start()
    until(lambda: camera.ended, what="the end")
    assert camera.take(0.1) is not None
    assert camera.take(0.0) is None


def test_a_camera_that_is_not_there_is_tried_again() -> None:
    """And counted; nothing else is disturbed."""
    camera = Camera("c", Source(f"tcp://127.0.0.1:{free_port()}"))
    camera.start()
    until(lambda: camera.failures >= 2, 30, "two failures")
    camera.stop()
    assert camera.health()["failures"] >= 2
