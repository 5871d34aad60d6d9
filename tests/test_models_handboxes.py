"""The hand-drawn labels: their form, and that they fit the photographs they speak of."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.handboxes import LabelError, read_boxes

LABELS = Path(__file__).parent.parent / "models" / "labels"
FOLDER = {"graffiti_boxes.txt": "street_unboxed", "faces.txt": "street"}
FACE_HEIGHT_MIN_PX = 12


def written(folder: Path, text: str) -> Path:
    """A label file with this text."""
    path = folder / "boxes.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_boxes_are_grouped_by_picture_in_the_order_of_the_file(tmp_path: Path) -> None:
    boxes = read_boxes(written(tmp_path, "# head\n\nb.jpg 1 2 3 4\na.jpg none\nb.jpg 5 6 7.5 8\n"))
    assert list(boxes) == ["b.jpg", "a.jpg"]
    assert boxes["b.jpg"].dtype == np.float32 and boxes["b.jpg"].tolist() == [[1, 2, 3, 4], [5, 6, 7.5, 8]]
    assert boxes["a.jpg"].dtype == np.float32 and boxes["a.jpg"].shape == (0, 4)


def test_a_file_of_comments_holds_no_pictures(tmp_path: Path) -> None:
    assert read_boxes(written(tmp_path, "# nothing yet\n")) == {}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a.jpg", "expected `path"),
        ("a.jpg 1 2 3", "expected `path"),
        ("a.jpg 1 2 3 4 5", "expected `path"),
        ("a.jpg None", "expected `path"),
        ("a.jpg 1 2 3 x", "must be numbers"),
        ("a.jpg 3 2 1 4", "x1 < x2"),
        ("a.jpg 1 4 3 4", "y1 < y2"),
        ("a.jpg -1 2 3 4", "0 <= x1"),
        ("a.jpg 1 2 inf 4", "x1 < x2"),
        ("a.jpg 1 nan 3 4", "y1 < y2"),
        ("/a.jpg none", "must be relative"),
        ("../a.jpg none", "must be relative"),
        ("first.jpg none", "beside another line"),
        ("first.jpg 1 2 3 4", "same box twice"),
    ],
)
def test_a_malformed_line_is_refused_in_one_line_with_its_number(tmp_path: Path, line: str, says: str) -> None:
    path = written(tmp_path, f"# head\nfirst.jpg 1 2 3 4\n{line}\n")
    with pytest.raises(LabelError) as e:
        read_boxes(path)
    message = str(e.value)
    assert message.startswith(f"{path}:3: ") and says in message and "\n" not in message


def test_a_box_after_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="beside another line"):
        read_boxes(written(tmp_path, "a.jpg none\na.jpg 1 2 3 4\n"))


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "boxes.txt"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(LabelError, match="not UTF-8"):
        read_boxes(path)


@pytest.mark.parametrize("name", FOLDER)
def test_every_listed_photograph_exists_and_holds_its_boxes(shared: Path, name: str) -> None:
    for picture, boxes in read_boxes(LABELS / name).items():
        with Image.open(shared / "data" / FOLDER[name] / picture) as image:
            width, height = image.size
        assert (boxes[:, 2] <= width).all() and (boxes[:, 3] <= height).all(), picture


def test_at_least_110_graffiti_pictures_are_boxed_half_of_them_throw_ups() -> None:
    boxed = [picture for picture, boxes in read_boxes(LABELS / "graffiti_boxes.txt").items() if len(boxes)]
    assert len(boxed) >= 110
    assert min(sum(p.startswith(kind) for p in boxed) for kind in ("tags/", "throwups/")) >= 55


def test_at_least_60_pictures_were_looked_at_for_faces_and_100_faces_found() -> None:
    faces = read_boxes(LABELS / "faces.txt")
    assert len(faces) >= 60
    assert sum(len(boxes) for boxes in faces.values()) >= 100


def test_every_face_is_high_enough_to_be_one() -> None:
    for picture, boxes in read_boxes(LABELS / "faces.txt").items():
        assert (boxes[:, 3] - boxes[:, 1] >= FACE_HEIGHT_MIN_PX).all(), picture


def test_40_plain_walls_were_looked_at_and_each_got_a_verdict(shared: Path) -> None:
    lines = (LABELS / "nograffiti_checked.txt").read_text(encoding="utf-8").splitlines()
    verdicts = dict(line.split() for line in lines if not line.startswith("#"))
    assert len(verdicts) == 40 and set(verdicts.values()) == {"clean", "not_clean"}
    assert all((shared / "data" / "street_unboxed" / picture).is_file() for picture in verdicts)
