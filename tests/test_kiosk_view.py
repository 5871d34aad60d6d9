"""What a kiosk does while a camera cannot see: it ends no place, files nothing, calls nothing cleared, and says so."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from kiosk_scripted import Scripted, one_look, scripted_tools
from test_watch_view import covered, moved, noisy, scene

from detectors import Detections
from detectors.plates import PlateBox
from detectors.redact import Redactor
from edge.kiosk.config import CameraSettings
from edge.kiosk.tools import Tools
from edge.kiosk.watcher import Watcher
from edge.watch.camera import Shot
from edge.watch.source import Image
from edge.wire import Verdict, channel, decode

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


class Sees(Scripted):
    """Sees its bicycles only in a picture that shows the scene where it was."""

    blind = False

    def detect(self, image: Image) -> Detections:
        """Nothing while blind."""
        return Detections.empty(self.names) if self.blind else super().detect(image)


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    """The real one without its slow reading, which is not the matter here."""
    redactor = Redactor()
    nothing: list[PlateBox] = []
    redactor.plates.find = lambda *_: nothing  # type: ignore[method-assign]
    return redactor


class Rig:
    """A watcher of two bicycles, fed by hand at two frames a second."""

    def __init__(self, folder: Path, redactor: Redactor) -> None:
        self.tools: Tools = scripted_tools(folder, 2, redactor)
        self.detector = Sees(2)
        self.tools.detector = self.detector
        self.watcher = Watcher(CameraSettings("cam", "none"), self.tools, gone_s=10.0)
        self.number = 0

    def show(self, image: Image, seconds: float, blind: bool = False) -> None:
        """The same view for so long."""
        self.detector.blind = blind
        for _ in range(int(seconds * 2)):
            t = self.number / 2
            self.watcher.take(Shot(noisy(image, self.number), START + timedelta(seconds=t), t, self.number))
            self.number += 1
        self.watcher.finish(60.0)

    def filed(self) -> int:
        """Candidates so far."""
        rows = self.tools.link.outbox.query("select count(*) from outbox where channel = 'candidate'")
        return int(str(rows[0][0]))

    def answer(self) -> Verdict:
        """The one verdict in the outbox."""
        ((payload,),) = self.tools.link.outbox.query("select payload from outbox where channel = 'verdict'")
        verdict = decode(channel("up", "verdict"), payload, "kiosk-1")  # type: ignore[arg-type]
        assert isinstance(verdict, Verdict)
        return verdict

    def ask(self) -> None:
        """Is the first bicycle still there?"""
        place = self.tools.store.spots("cam")[0]
        self.watcher.ask(one_look(place, 360))


def test_a_covered_lens_ends_no_place(tmp_path: Path, redactor: Redactor) -> None:
    """Covered for three times `gone_s`, then free again: the two filed bicycles are known, none is filed twice."""
    rig = Rig(tmp_path, redactor)
    rig.show(scene(), 6.0)
    known = {s.spot_id for s in rig.tools.store.spots("cam")}
    rig.show(covered(scene()), 30.0, blind=True)
    rig.show(scene(), 4.0)
    rig.watcher.flush()
    assert rig.filed() == 2 and {s.spot_id for s in rig.tools.store.spots("cam")} == known


def test_nothing_is_filed_from_a_view_that_has_moved(tmp_path: Path, redactor: Redactor) -> None:
    """What is seen through it stands somewhere else; the operator is told."""
    rig = Rig(tmp_path, redactor)
    rig.show(scene(), 12.0, blind=True)
    rig.show(moved(scene(), 40), 10.0)
    assert rig.filed() == 0
    assert rig.watcher.health()["view"] == "moved"
    rig.show(scene(), 4.0)
    assert rig.filed() == 2 and rig.watcher.health() == {"view": "ok"}


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda image: moved(image, 40), "moved"),
        (covered, "blocked"),
        (lambda image: (image * 0.05).astype(np.uint8), "too dark"),
    ],
    ids=["moved", "covered", "dark"],
)
def test_a_check_through_a_bad_view_cannot_see_and_never_cleared(
    tmp_path: Path, redactor: Redactor, spoil: object, word: str
) -> None:
    """The bicycle is not detected there, yet nobody may call the place cleared."""
    rig = Rig(tmp_path, redactor)
    rig.show(scene(), 12.0)
    rig.ask()
    rig.show(spoil(scene()), 4.0, blind=True)  # type: ignore[operator]
    verdict = rig.answer()
    assert verdict.verdict == "cannot_see"
    assert all(word in taken.reason for taken in verdict.looks)


def test_the_known_view_survives_a_restart_and_is_forgotten_on_demand(tmp_path: Path, redactor: Redactor) -> None:
    rig = Rig(tmp_path, redactor)
    rig.show(scene(), 12.0, blind=True)
    shot = Shot(moved(scene(), 40), START, 100.0, 1)
    for new_view, expected in ((False, "moved"), (True, "")):
        watcher = Watcher(CameraSettings("cam", "none"), rig.tools, gone_s=10.0, new_view=new_view)
        assert watcher._view.fault(shot.image, 100.0).split(":")[0] == expected
    (kept,) = tmp_path.glob("anchors/view-*.bin")
    assert kept.stat().st_mode & 0o777 == 0o600
    rezoned = CameraSettings("cam", "other source")
    assert Watcher(rezoned, rig.tools, gone_s=10.0)._view.fault(shot.image, 100.0) == ""
