"""Hard examples on the kiosk: what is kept, what bounds it, and that a full disk costs no candidate."""

import errno
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from kiosk_scripted import scripted_tools
from test_kiosk_kill import waiting
from test_kiosk_watcher import BrokenRedactor, a_picture

from detectors import Detections
from edge.kiosk import hard as hard_module
from edge.kiosk.config import CameraSettings
from edge.kiosk.example import Example, read
from edge.kiosk.hard import HardExamples, HardLimits, Origin
from edge.kiosk.tools import Tools
from edge.kiosk.watcher import Watcher
from edge.watch.camera import Shot
from edge.watch.rules import Rule, RuleBook
from edge.watch.source import Image
from edge.wire import Verify

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


class Unsure:
    """Sees one bicycle with a score that can be changed, and a person beside it."""

    names = ("bicycle", "person")
    model_name = "unsure"
    model_sha256 = "1" * 64
    min_score = 0.15

    def __init__(self, score: float) -> None:
        self.score = score

    def detect(self, image: Image) -> Detections:
        """The same two boxes in every picture."""
        boxes = np.array([[100, 60, 200, 160], [300, 20, 340, 200]], np.float32)
        found = Detections.of(boxes, [self.score, 0.8], [0, 1], self.names)
        return found if self.score else Detections.empty(self.names)

    def detect_batch(self, images: list[Image]) -> list[Detections]:
        """One after the other."""
        return [self.detect(image) for image in images]


def a_kiosk(folder: Path, score: float, limits: HardLimits | None = None) -> tuple[Tools, Watcher]:
    """A watcher with a rule at 0.35 after 10 s, without a broker."""
    tools = scripted_tools(folder, 0)
    tools.detector = Unsure(score)
    tools.rules = RuleBook("1", [Rule("bikes", "bike", "04-10", ["bicycle"], dwell_s=10.0)])
    origin = Origin("kiosk-1", "unsure", "1" * 64)
    tools.hard = HardExamples(folder / "hard", tools.desk, origin, limits or HardLimits())
    return tools, Watcher(CameraSettings("cam", "none"), tools, gone_s=60.0)


def watch(watcher: Watcher, seconds: int, start: int = 0) -> None:
    """One frame a second."""
    for t in range(start, start + seconds):
        watcher.take(Shot(a_picture(), START + timedelta(seconds=t), float(t), t + 1))
        watcher.finish(10.0)


def examples(folder: Path, why: str) -> list[Example]:
    """The sidecars of a kind."""
    return [read(p.read_bytes()) for p in sorted((folder / "hard").glob(f"*-{why}-*.json"))]


def a_check(place_id: str, camera: str = "cam") -> Verify:
    """A request about the bicycle's place."""
    return Verify(
        verify_id=f"v-{place_id}",
        incident_id="i",
        camera=camera,
        place_id=place_id,
        case_class="bike",
        label="bicycle",
        box=(100.0, 60.0, 200.0, 160.0),
        frame_width=640,
        frame_height=240,
        looks=1,
        over_s=0.0,
    )


def test_a_thing_long_near_the_threshold_is_kept_once_redacted_with_all_that_was_seen(tmp_path: Path) -> None:
    _, watcher = a_kiosk(tmp_path, 0.31)
    watch(watcher, 150)
    (one,) = examples(tmp_path, "grey")
    assert (one.device, one.camera, one.model_sha256) == ("kiosk-1", "cam", "1" * 64)
    assert one.subject.label == "bicycle" and one.subject.box == pytest.approx((100, 60, 200, 160))
    assert [d.label for d in one.detections] == ["bicycle", "person"] and "score 0.31 under 0.35" in one.reason
    (picture,) = (tmp_path / "hard").glob("*.jpg")
    assert hashlib.sha256(picture.read_bytes()).hexdigest() == one.picture
    assert len(list((tmp_path / "originals").glob("*.jpg"))) == 1
    assert waiting(tmp_path) == ([], [])


@pytest.mark.parametrize(("score", "seconds"), [(0.31, 50), (0.9, 9)])
def test_a_short_stay_or_a_sure_thing_is_no_hard_example(tmp_path: Path, score: float, seconds: int) -> None:
    _, watcher = a_kiosk(tmp_path, score)
    watch(watcher, seconds)
    assert list((tmp_path / "hard").iterdir()) == []


def test_a_thing_that_is_filed_after_all_is_no_grey_one_any_more(tmp_path: Path) -> None:
    """And of its candidate only the sidecar stays here: the picture travels as evidence."""
    tools, watcher = a_kiosk(tmp_path, 0.31)
    watch(watcher, 70)
    assert len(examples(tmp_path, "grey")) == 1
    tools.detector = Unsure(0.9)
    watch(watcher, 10, start=70)
    assert examples(tmp_path, "grey") == []
    candidates, pictures = waiting(tmp_path)
    (filed,) = examples(tmp_path, "filed")
    assert filed.candidate_id == candidates[0].candidate_id
    assert filed.picture in {p.sha256 for p in pictures if p.kind == "frame"}
    assert list((tmp_path / "hard").glob("*.jpg")) == []


def test_a_check_answered_against_the_detector_is_kept(tmp_path: Path) -> None:
    tools, watcher = a_kiosk(tmp_path, 0.9)
    watch(watcher, 15)
    spot_id = waiting(tmp_path)[0][0].place_id
    tools.detector = Unsure(0.0)
    watcher.ask(a_check(spot_id))
    watch(watcher, 2, start=15)
    (one,) = examples(tmp_path, "overruled")
    assert (one.spot_id, one.candidate_id) == (spot_id, f"kiosk-1.{spot_id}")
    assert one.detections == [] and "nothing was detected" in one.reason


def test_a_check_that_the_detector_answers_is_no_hard_example(tmp_path: Path) -> None:
    _, watcher = a_kiosk(tmp_path, 0.9)
    watch(watcher, 15)
    watcher.ask(a_check(waiting(tmp_path)[0][0].place_id))
    watch(watcher, 2, start=15)
    assert examples(tmp_path, "overruled") == []


def overrule(tools: Tools, number: int) -> None:
    """One example of its own, a minute after the last."""
    picture = np.random.default_rng(number).integers(0, 255, (240, 640, 3), np.uint8)
    shot = Shot(picture, START + timedelta(minutes=number), 0.0, number)
    assert tools.hard is not None
    subject = hard_module.Seen(label="bicycle", score=0.0, box=(100.0, 60.0, 200.0, 160.0))
    tools.hard.overruled(a_check(f"place-{number}"), "looks as before", shot, subject, Detections.empty(("bicycle",)))
    tools.hard.finish(10.0)


def test_one_camera_gives_so_many_pictures_an_hour_and_the_rest_is_counted(tmp_path: Path) -> None:
    tools, _ = a_kiosk(tmp_path, 0.9, HardLimits(per_hour_max=3))
    for number in range(70):
        overrule(tools, number)
    assert tools.hard is not None
    assert (tools.hard.counters["hard_kept"], tools.hard.counters["hard_skipped"]) == (6, 64)


def test_past_the_budget_the_oldest_go_with_their_sidecars_and_are_counted(tmp_path: Path) -> None:
    tools, _ = a_kiosk(tmp_path, 0.9, HardLimits(bytes_max=200_000, per_hour_max=100))
    for number in range(12):
        overrule(tools, number)
    files = list((tmp_path / "hard").iterdir())
    assert tools.hard is not None
    kept = len(files) // 2
    assert 0 < kept < 12 and sum(f.stat().st_size for f in files) <= 200_000
    assert {f.stem for f in files if f.suffix == ".jpg"} == {f.stem for f in files if f.suffix == ".json"}
    assert tools.hard.counters["hard_deleted"] == 12 - kept
    assert min(e.at for e in examples(tmp_path, "overruled")) == START + timedelta(minutes=12 - kept)


def test_a_restarted_kiosk_knows_what_it_kept(tmp_path: Path) -> None:
    tools, watcher = a_kiosk(tmp_path, 0.31)
    watch(watcher, 70)
    watcher.flush()
    assert tools.hard is not None
    tools.hard = HardExamples(tmp_path / "hard", tools.desk, Origin("kiosk-1", "u", "1" * 64), HardLimits())
    watch(Watcher(CameraSettings("cam", "none"), tools, gone_s=60.0), 30, start=70)
    assert len(examples(tmp_path, "grey")) == 1


def test_without_redaction_no_picture_is_kept(tmp_path: Path) -> None:
    tools, _ = a_kiosk(tmp_path, 0.9)
    tools.evidence.redactor = BrokenRedactor()  # type: ignore[assignment]
    overrule(tools, 1)
    assert list((tmp_path / "hard").iterdir()) == [] and tools.evidence.withheld == 1


def test_a_full_disk_costs_the_example_and_no_candidate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    tools, watcher = a_kiosk(tmp_path, 0.9)
    monkeypatch.setattr(hard_module, "write_whole", full)
    watch(watcher, 15)
    assert len(waiting(tmp_path)[0]) == 1
    assert tools.hard is not None and tools.hard.counters["hard_failed"] == 1


def test_nothing_is_kept_where_the_operator_switched_it_off(tmp_path: Path) -> None:
    tools, watcher = a_kiosk(tmp_path, 0.31, HardLimits(bytes_max=0))
    watch(watcher, 150)
    overrule(tools, 1)
    assert list((tmp_path / "hard").iterdir()) == []


def test_a_shrunk_picture_keeps_the_frames_own_pixels_in_its_sidecar(tmp_path: Path) -> None:
    tools, _ = a_kiosk(tmp_path, 0.9)
    assert tools.hard is not None
    big = np.random.default_rng(1).integers(0, 40, (1080, 1920, 3), np.uint8)
    subject = hard_module.Seen(label="bicycle", score=0.0, box=(100.0, 60.0, 200.0, 160.0))
    tools.hard.overruled(a_check("p"), "x", Shot(big, START, 0.0, 1), subject, Detections.empty(("bicycle",)))
    tools.hard.finish(60.0)
    (one,) = examples(tmp_path, "overruled")
    (file,) = (tmp_path / "hard").glob("*.jpg")
    shown = cv2.imread(str(file))
    assert shown is not None and shown.shape[:2] == (720, 1280)
    assert (one.frame_width, one.frame_height) == (1920, 1080)
