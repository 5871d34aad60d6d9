"""No picture leaves a kiosk unredacted: whichever part of the redactor fails, messages go without one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from kiosk_scripted import one_look, scripted_tools
from test_kiosk_kill import waiting

from detectors import Detections, RedactionError
from detectors import text as text_module
from detectors.images import read_image
from detectors.redact import Redactor
from detectors.text import TextError
from edge.kiosk.config import CameraSettings
from edge.kiosk.tools import Tools
from edge.kiosk.watcher import Watcher
from edge.watch.camera import Shot
from edge.watch.evidence import LOOK_MARGIN, EvidenceMaker, Sealed, bounds
from edge.watch.source import Image
from edge.wire import Candidate, Evidence
from models import MODELS_DIR
from models.handboxes import read_boxes

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
Patch = pytest.MonkeyPatch


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    """The real one, loaded once."""
    return Redactor()


def picture() -> Image:
    """640 x 240 with structure."""
    rng = np.random.default_rng(4)
    small = rng.integers(30, 220, (24, 64, 3), np.uint8)
    return np.asarray(cv2.resize(small, (640, 240), interpolation=cv2.INTER_NEAREST), np.uint8)


def file_one_and_check_it(tools: Tools) -> tuple[list[Candidate], list[Evidence]]:
    """A bicycle stands for a second and is filed; then the centre asks whether it is still there."""
    watcher, image = Watcher(CameraSettings("cam", "none"), tools, gone_s=60.0), picture()
    for number in range(4):
        watcher.take(Shot(image, START + timedelta(seconds=number / 2), number / 2, number + 1))
    watcher.finish(60.0)
    place = tools.store.spots("cam")[0]
    watcher.ask(one_look(place, 240))
    watcher.take(Shot(image, START + timedelta(seconds=3), 3.0, 9))
    watcher.finish(60.0)
    assert tools.store.open_checks() == []
    return waiting_of(tools)


def waiting_of(tools: Tools) -> tuple[list[Candidate], list[Evidence]]:
    """What lies in the outbox; closes it."""
    tools.desk.close()
    tools.link.outbox.close()
    return waiting(tools.anchors.parent)


def raising(error: Exception) -> Callable[..., object]:
    """A part that is broken."""

    def fail(*_: object, **__: object) -> object:
        raise error

    return fail


def broken_faces(redactor: Redactor, patch: Patch) -> None:
    patch.setattr(redactor.plates, "find", lambda *_: [])
    patch.setattr(redactor.faces, "find", raising(RuntimeError("the face network is gone")))


def bad_faces(redactor: Redactor, patch: Patch) -> None:
    patch.setattr(redactor.plates, "find", lambda *_: [])
    patch.setattr(redactor.faces, "find", lambda _: np.full((1, 4), np.nan, np.float32))


def broken_text(redactor: Redactor, patch: Patch) -> None:
    patch.setattr(redactor.reader, "engine", raising(Exception("onnxruntime: no memory")))


def broken_plates(redactor: Redactor, patch: Patch) -> None:
    patch.setattr(redactor.plates, "find", raising(cv2.error("resize")))


def broken_pixels(redactor: Redactor, patch: Patch) -> None:
    patch.setattr(redactor.plates, "find", lambda *_: [])
    patch.setattr(redactor.faces, "find", lambda _: np.array([[0, 0, 9, 9]], np.float32))
    patch.setattr("detectors.redact.pixelate", raising(MemoryError()))


@pytest.mark.parametrize("breakage", [broken_faces, bad_faces, broken_text, broken_plates, broken_pixels])
def test_whatever_part_fails_no_picture_leaves_and_the_messages_go_all_the_same(
    tmp_path: Path, redactor: Redactor, monkeypatch: Patch, breakage: Callable[[Redactor, Patch], None]
) -> None:
    breakage(redactor, monkeypatch)
    tools = scripted_tools(tmp_path, 1, redactor)
    candidates, evidence = file_one_and_check_it(tools)
    assert len(candidates) == 1 and candidates[0].evidence == []
    assert evidence == []
    assert tools.evidence.withheld >= 2


def test_with_every_part_whole_three_redacted_pictures_leave(tmp_path: Path, redactor: Redactor) -> None:
    """Frame, crop and look; the frame is drawn by the redactor."""
    candidates, evidence = file_one_and_check_it(scripted_tools(tmp_path, 1, redactor))
    assert [r.kind for r in candidates[0].evidence] == ["frame", "crop"]
    assert sorted(e.kind for e in evidence) == ["crop", "frame", "look"]
    assert all(e.redacted for e in evidence)


def test_a_plate_in_a_vehicle_is_flat_in_what_is_sent(redactor: Redactor) -> None:
    """The one fallback for vehicles is that of plates.py."""
    image = picture()
    car = Detections.of([[100, 20, 340, 220]], [0.9], [0], ("car",))
    clean = redactor.redact(image, car)
    plate = clean[130:200, 140:300]
    assert len(np.unique(plate.reshape(-1, 3), axis=0)) < 80
    assert np.array_equal(clean[:20], image[:20])


def test_without_its_text_networks_a_redactor_does_not_start_and_says_so_in_one_line(monkeypatch: Patch) -> None:
    monkeypatch.setattr(text_module, "find_spec", lambda _: None)
    with pytest.raises(RedactionError, match="no picture may leave: reading text needs the package rapidocr") as caught:
        Redactor()
    assert isinstance(caught.value.__cause__, TextError) and "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", [0.3, 0.7, 1.2])
def test_a_face_at_the_edge_of_a_checks_picture_is_hidden(
    shared: Path, tmp_path: Path, redactor: Redactor, cut: float
) -> None:
    """The picture of a look ends `cut` of the face's width into it, or just beside it: what leaves of it is no face."""
    faces = read_boxes(MODELS_DIR / "labels" / "faces.txt")
    maker, seen = EvidenceMaker(redactor, Sealed(tmp_path, 10**8)), 0
    for name in ("val/images/coco_context_0004.jpg", "val/images/coco_context_0083.jpg"):
        image = read_image(shared / "data" / "street" / name)
        for x1, y1, x2, y2 in faces[name]:
            right = x1 + cut * (x2 - x1)
            side = min(right / 3, 90.0)  # of the place asked about; LOOK_MARGIN makes the picture three times as wide
            middle = (y1 + y2) / 2
            box = (right - 2 * side, middle - side / 2, right - side, middle + side / 2)
            (look,) = maker.look(image, box, Detections.empty(("car",)))
            a, b, c, d = bounds(image, box, LOOK_MARGIN)
            out = cv2.imdecode(np.frombuffer(look.data, np.uint8), cv2.IMREAD_COLOR)
            assert out is not None and out.shape[:2] == (d - b, c - a)
            rows, columns = slice(max(int(y1), b), min(int(y2), d)), slice(max(int(x1), a), min(int(x2), c))
            before = image[rows, columns].astype(int)
            after = out[rows.start - b : rows.stop - b, columns.start - a : columns.stop - a].astype(int)
            assert before.size and np.abs(before - after).mean() > 6, (name, cut)
            seen += 1
    assert seen >= 2
