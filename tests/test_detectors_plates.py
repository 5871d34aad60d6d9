"""Number plates are covered by what is returned for hiding, whatever hides them; words and walls are left alone."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import missing
from hypothesis import given
from hypothesis import strategies as st

from detectors import Detections
from detectors.bench_plates import FONT, PAINT, composed, hidden, photographs, plate_picture, scenes
from detectors.plates import PROVINCES, PlateFinder, grown, is_plate, plate_like, plate_shapes, region
from detectors.text import TextError, TextLine

NAMES = ("car", "motorbike", "person")


@pytest.fixture(scope="session")
def font() -> Path:
    """The Noto CJK font that plates are drawn with."""
    if not FONT.is_file():
        missing("the font Noto CJK (apt-get install fonts-noto-cjk)")
    return FONT


@pytest.fixture(scope="session")
def finder() -> PlateFinder:
    """One finder for all tests."""
    return PlateFinder(threads=1)


def street(width: int, seed: int = 3) -> np.ndarray:
    """A dull picture with some noise, (360, width, 3) uint8 BGR."""
    return np.random.default_rng(seed).integers(95, 125, (360, width, 1)).astype(np.uint8).repeat(3, axis=2)


def with_plate(colour: str, width_px: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """A picture with a plate, and the plate's box."""
    image = street(640)
    flat = plate_picture(np.random.default_rng(11), colour)
    size = (width_px, round(width_px * flat.shape[0] / flat.shape[1]))
    x, y = 250, 220
    image[y : y + size[1], x : x + size[0]] = cv2.resize(flat, size, interpolation=cv2.INTER_AREA)
    return image, np.array([x, y, x + size[0], y + size[1]], np.float32)


def covers(box: np.ndarray, plate: np.ndarray, slack: float = 2.0) -> bool:
    """Whether a box covers the plate."""
    return bool((box[:2] <= plate[:2] + slack).all() and (box[2:] >= plate[2:] - slack).all())


PLATES = st.tuples(
    st.sampled_from(PROVINCES),
    st.sampled_from("ABCDEFGHJKLM"),
    st.text("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", min_size=5, max_size=6),
)


@given(PLATES, st.sampled_from(["", "·", "•", " ", ".", "-"]))
def test_every_plate_of_the_plan_is_known_by_its_text(parts: tuple[str, str, str], mark: str) -> None:
    assert is_plate(parts[0] + parts[1] + mark + parts[2])


@given(st.text("ABCDEFGH", min_size=1, max_size=2), st.integers(10_000, 99_999), st.sampled_from(["", "口", "鱼"]))
def test_a_plate_whose_province_was_misread_or_lost_is_still_hidden(letters: str, digits: int, province: str) -> None:
    assert plate_like(f"{province}{letters}{digits}")


@pytest.mark.parametrize(
    "text",
    ["13800138000", "电话0755-26001234", "开锁换锁", "HOTEL", "2024-10-01", "CHINA", "24小时", "", "B12", "LONDON"],
)
def test_numbers_and_words_on_walls_are_no_plates(text: str) -> None:
    assert not plate_like(text)


@pytest.mark.parametrize("colour", PAINT)
def test_a_plate_is_found_by_its_text_without_any_vehicle(font: Path, finder: PlateFinder, colour: str) -> None:
    image, plate = with_plate(colour)
    found = finder.find(image)
    assert any(one.how == "text" and covers(one.box, plate) for one in found)


@pytest.mark.parametrize("text", ["93895", "¥12800", "518000", "A8888"])
def test_a_few_digits_alone_hide_nothing_on_a_wall(
    font: Path, finder: PlateFinder, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    corners = np.array([[250, 220], [330, 220], [330, 250], [250, 250]], np.float32)
    monkeypatch.setattr(finder.reader, "read", lambda *_: [TextLine(corners, text, 0.9)])
    assert finder.find(street(640)) == []


def test_a_plate_of_which_only_the_end_was_read_is_hidden_whole(
    font: Path, finder: PlateFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, plate = with_plate("white")
    corners = np.array([[284, 226], [368, 226], [368, 254], [284, 254]], np.float32)
    monkeypatch.setattr(finder.reader, "read", lambda *_: [TextLine(corners, "93895", 0.9)])
    (found,) = finder.find(image)
    assert covers(found.box, plate)


@pytest.mark.parametrize("colour", ["blue", "green", "yellow"])
def test_a_coloured_plate_is_found_by_its_shape_alone(font: Path, colour: str) -> None:
    image, plate = with_plate(colour, 110)
    crop = image[60:340, 120:520]
    shift = np.array([120, 60, 120, 60])
    assert any(covers(box + shift, plate, 6.0) for box in plate_shapes(crop))


def test_a_plain_coloured_panel_without_characters_is_no_plate() -> None:
    image = street(400)
    image[240:275, 140:250] = (190, 70, 20)
    assert plate_shapes(cv2.GaussianBlur(image, (0, 0), 3)) == []


@pytest.mark.parametrize("name", ["car", "motorbike"])
def test_a_vehicle_whose_plate_cannot_be_seen_has_its_plate_region_hidden(finder: PlateFinder, name: str) -> None:
    car = Detections.of([[100, 100, 400, 340]], [0.9], [NAMES.index(name)], NAMES)
    (found,) = [one for one in finder.find(street(640), car) if one.how == "region"]
    assert found.box == pytest.approx(region(car.boxes[0], name))
    assert covers(found.box, np.array([200, 240, 300, 320], np.float32))


def test_a_vehicle_whose_plate_was_read_keeps_the_rest_of_its_body(font: Path, finder: PlateFinder) -> None:
    image, plate = with_plate("blue", 140)
    found = finder.find(image, Detections.of([[100, 60, 540, 340]], [0.9], [0], NAMES))
    assert any(covers(one.box, plate) for one in found) and all(one.how != "region" for one in found)


def test_people_and_other_things_have_no_plate_region(finder: PlateFinder) -> None:
    assert finder.find(street(640), Detections.of([[100, 100, 400, 340]], [0.9], [2], NAMES)) == []


def test_boxes_stay_inside_the_picture(finder: PlateFinder) -> None:
    cars = Detections.of([[-50, -50, 900, 700], [630, 350, 700, 420], [700, 400, 800, 500]], [0.9] * 3, [0] * 3, NAMES)
    for one in finder.find(street(640), cars):
        assert (one.box >= 0).all() and (one.box <= [640, 360, 640, 360]).all()


def test_more_vehicles_than_are_searched_are_hidden_by_region_all_the_same() -> None:
    boxes = [[10 * (i % 60), 5 * (i // 60), 10 * (i % 60) + 9, 5 * (i // 60) + 8] for i in range(100)]
    cars = Detections.of(boxes, [0.9] * 100, [0] * 100, NAMES)
    assert sum(one.how == "region" for one in PlateFinder(read=False).find(street(640), cars)) == 100


def test_without_reading_the_shapes_and_regions_remain() -> None:
    image, plate = with_plate("blue")
    found = PlateFinder(read=False).find(image, Detections.of([[100, 60, 540, 340]], [0.9], [0], NAMES))
    assert {one.how for one in found} == {"shape", "region"} and any(covers(one.box, plate) for one in found)


def test_reading_that_fails_is_an_error_and_never_an_empty_answer(
    finder: PlateFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no memory")

    assert finder.reader is not None
    monkeypatch.setattr(finder.reader, "engine", fail)
    with pytest.raises(TextError, match="no memory"):
        finder.find(street(640))


def test_growing_keeps_the_middle() -> None:
    assert grown(np.array([10, 10, 30, 20], np.float32), (0.5, 1.0)).tolist() == [0, 0, 40, 30]


def test_plates_composed_on_real_vehicles_are_hidden(shared: Path, font: Path, finder: PlateFinder) -> None:
    for scene in scenes(shared / "data" / "street" / "val", 12, seed=5):
        assert hidden(scene, finder.find(scene.image, scene.vehicles)), (scene.colour, scene.width_px)


def test_a_composed_scene_is_the_photograph_but_for_its_plate(shared: Path, font: Path) -> None:
    image, vehicles = next(photographs(shared / "data" / "street" / "val"))
    scene = composed(np.random.default_rng(1), image, vehicles, 0, "blue")
    assert scene.image.shape == image.shape and 0 < scene.plate.mean() < 0.2
    assert np.abs(scene.image.astype(int) - image)[~scene.plate].mean() < 8
