"""One camera's way: what a check shows and what goes wrong silently otherwise."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
from kiosk_scripted import scripted_tools
from test_kiosk_kill import waiting

from detectors import Detections, RedactionError
from edge.kiosk.config import CameraSettings, load_settings
from edge.kiosk.node import Kiosk
from edge.kiosk.watcher import Watcher
from edge.up.cli import RULES
from edge.watch.camera import Shot
from edge.watch.rules import Rule, RuleBook
from edge.watch.source import Image
from edge.wire import Verify

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


class BrokenRedactor:
    """Cannot redact."""

    def redact(self, image: Image, vehicles: Detections | None = None, part: float = 1.0) -> Image:
        """Fails, as a damaged face network would."""
        raise RedactionError("the face network is gone")


def a_picture() -> Image:
    """640 x 240 with structure, red where the asked thing is."""
    picture = np.random.default_rng(1).integers(0, 120, (240, 640, 3), np.uint8)
    picture[60:120, 400:480] //= 3
    picture[60:120, 400:480, 2] += 210
    return picture


def test_the_picture_of_a_check_shows_the_place_when_the_resolution_changed(tmp_path: Path) -> None:
    """The request is in pixels of a picture half as large; the evidence is cut where the thing is now."""
    watcher = Watcher(CameraSettings("cam", "none"), scripted_tools(tmp_path, 0), gone_s=60.0)
    watcher.ask(
        Verify(
            verify_id="v",
            incident_id="i",
            camera="cam",
            place_id="p",
            case_class="bike",
            label="bicycle",
            box=(200.0, 30.0, 240.0, 60.0),
            frame_width=320,
            frame_height=120,
            looks=1,
            over_s=0.0,
        )
    )
    watcher.take(Shot(a_picture(), START, 0.0, 1))
    watcher.finish(120.0)
    (evidence,) = waiting(tmp_path)[1]
    shown = cv2.imdecode(np.frombuffer(evidence.data, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    height, width = shown.shape[:2]
    assert shown[height // 2, width // 2, 2] > 200


def test_a_withheld_picture_is_counted_where_the_centre_sees_it(tmp_path: Path) -> None:
    """Redaction fails: the candidate goes without a picture, and the health message says how many were withheld."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    cv2.imwrite(str(pictures / "a.png"), a_picture())
    text = f'device = "kiosk-1"\ndata = "data"\nrules = "{RULES}"\n[[camera]]\nname = "cam"\nsource = "{pictures}"\n'
    (tmp_path / "kiosk.toml").write_text(text)
    kiosk = Kiosk(load_settings(tmp_path / "kiosk.toml"), tmp_path / "kiosk.toml", "test")
    kiosk.evidence.redactor = BrokenRedactor()  # type: ignore[assignment]
    nothing = Detections.empty(("bicycle",))
    assert kiosk.evidence.look(a_picture(), (400.0, 60.0, 480.0, 120.0), nothing) == []
    assert kiosk.counters()["pictures_withheld"] == 1
    kiosk.outbox.close()


class TwoNames:
    """Sees one thing, and calls it by two names."""

    names = ("bicycle", "litter_heap")
    model_name = "scripted"
    model_sha256 = "0" * 64

    def detect(self, image: object) -> Detections:
        """A bicycle at 0.4, first in the list, and a heap at 0.7."""
        boxes = np.array([[100, 100, 200, 160], [101, 99, 202, 161]], np.float32)
        return Detections.of(boxes, np.array([0.4, 0.7], np.float32), np.array([0, 1], np.int32), self.names)


def test_a_kiosk_files_one_candidate_for_a_thing_with_two_names(tmp_path: Path) -> None:
    """The whole way from detections to the outbox, with a restart in between."""
    rules = [Rule("b", "bike", "04-10", ["bicycle"], 0.3), Rule("l", "litter", "01-10", ["litter_heap"], 2.0)]
    picture = np.random.default_rng(1).integers(0, 255, (240, 640, 3), np.uint8)
    number = 0
    for _ in range(2):
        tools = scripted_tools(tmp_path, 0)
        tools.detector, tools.rules = TwoNames(), RuleBook("1", rules)  # type: ignore[assignment]
        watcher = Watcher(CameraSettings("cam", "none"), tools, gone_s=60.0)
        for _ in range(6):
            number += 1
            watcher.take(Shot(picture, START + timedelta(seconds=number / 2), number / 2, number))
        watcher.flush(60.0)
        tools.link.outbox.close()
    assert [c.label for c in waiting(tmp_path)[0]] == ["litter_heap"]
