"""Real faces become flat blocks, and nothing comes out when redaction cannot run."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from detectors import Detections, RedactionError
from detectors.images import read_image
from detectors.redact import Redactor

MODELS = Path(__file__).parent.parent / "models"
# (photograph, box x1, y1, x2, y2 around a face, looked at by eye)
FACES = [
    ("coco_context_0083.jpg", (136, 118, 240, 254)),
    ("coco_context_0021.jpg", (433, 0, 563, 156)),
    ("coco_context_0021.jpg", (42, 184, 146, 308)),
    ("coco_context_0078.jpg", (174, 79, 287, 229)),
    ("coco_context_0064.jpg", (129, 59, 323, 289)),
    ("bicycles_0033.jpg", (76, 279, 170, 409)),
]


@pytest.fixture(scope="session")
def redactor() -> Redactor:
    """One redactor for all tests."""
    return Redactor()


def colours(image: np.ndarray) -> int:
    """Number of different colours."""
    return len(np.unique(image.reshape(-1, 3), axis=0))


@pytest.mark.parametrize(("name", "box"), FACES)
def test_a_real_face_becomes_a_few_flat_blocks(
    shared: Path, redactor: Redactor, name: str, box: tuple[int, int, int, int]
) -> None:
    image = read_image(shared / "data" / "street" / "val" / "images" / name)
    x1, y1, x2, y2 = box
    out = redactor.redact(image)
    assert colours(image[y1:y2, x1:x2]) > 1000 and colours(out[y1:y2, x1:x2]) <= 24
    assert out.shape == image.shape and out is not image


def test_the_picture_given_is_not_touched_and_what_is_no_face_stays(shared: Path, redactor: Redactor) -> None:
    image = read_image(shared / "data" / "street" / "val" / "images" / "coco_context_0083.jpg")
    before = image.copy()
    out = redactor.redact(image)
    assert np.array_equal(image, before) and np.array_equal(out[400:], image[400:])


def test_the_lower_part_of_a_vehicle_is_made_unreadable(redactor: Redactor) -> None:
    image = np.full((240, 320, 3), 90, dtype=np.uint8)
    cv2.putText(image, "C-123", (120, 150), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)
    cv2.putText(image, "TOP", (120, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)
    car = Detections.of([[40, 30, 280, 200]], [0.9], [0], ("car",))
    out = redactor.redact(image, car)
    plate = (slice(130, 155), slice(115, 200))
    assert np.array_equal(out[:90], image[:90])
    assert out[plate].max() - out[plate].min() < (int(image[plate].max()) - image[plate].min()) * 0.8
    assert colours(out[plate]) < 30
    stall = Detections.of([[40, 30, 280, 200]], [0.9], [0], ("stall",))
    assert np.array_equal(redactor.redact(image, stall), image)


@pytest.mark.parametrize("error", [RuntimeError("no memory"), ValueError("shape"), cv2.error("resize"), MemoryError()])
def test_no_picture_comes_out_when_the_face_finder_fails(
    redactor: Redactor, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(redactor.faces, "find", fail)
    with pytest.raises(RedactionError, match="no picture may leave"):
        redactor.redact(np.zeros((60, 60, 3), dtype=np.uint8))


def test_no_picture_comes_out_when_hiding_fails(redactor: Redactor) -> None:
    broken = Detections.of([[np.nan, 0, 9, 9]], [0.9], [0], ("car",))
    with pytest.raises(RedactionError, match="no picture may leave"):
        redactor.redact(np.zeros((60, 60, 3), dtype=np.uint8), broken)


@pytest.mark.parametrize("shape", [(0, 0, 3), (40, 40), (40, 40, 4)])
def test_what_is_no_colour_picture_is_refused(redactor: Redactor, shape: tuple[int, ...]) -> None:
    with pytest.raises(RedactionError):
        redactor.redact(np.zeros(shape, dtype=np.uint8))


@pytest.mark.parametrize("damage", ["missing", "changed", "no manifest"])
def test_a_redactor_without_its_true_network_does_not_start(tmp_path: Path, damage: str) -> None:
    for name in ("centerface.onnx", "centerface.json"):
        shutil.copy(MODELS / name, tmp_path)
    network = tmp_path / "centerface.onnx"
    if damage == "missing":
        network.unlink()
    elif damage == "changed":
        network.write_bytes(network.read_bytes()[:-3] + b"abc")
    else:
        (tmp_path / "centerface.json").unlink()
    with pytest.raises(RedactionError, match="no picture may leave"):
        Redactor(network)
