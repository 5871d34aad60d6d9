"""Lines of writing are found and read where they stand, in pictures of any size, without any connection."""

import os
import socket
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
from conftest import missing
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from detectors import DetectorError, text
from detectors.bench_text import FONT_FOLDER, FONTS, SIMPLIFIED, STYLES, Count, measure, rendered
from detectors.poster import read_phones
from detectors.text import TextError, TextReader, fitted


@pytest.fixture(scope="session")
def font() -> Path:
    """The folder of Noto CJK fonts."""
    if not all((FONT_FOLDER / name).is_file() for name in FONTS):
        missing("the font Noto CJK (apt-get install fonts-noto-cjk)")
    return FONT_FOLDER


@pytest.fixture(scope="session")
def reader() -> TextReader:
    """One reader for all tests."""
    return TextReader(threads=1)


def sign(font: Path, lines: tuple[str, ...], size: tuple[int, int] = (500, 200), character_px: int = 40) -> np.ndarray:
    """Black writing on white, (H, W, 3) uint8 BGR."""
    picture = Pillow.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    face = ImageFont.truetype(str(font / FONTS[0]), character_px, index=SIMPLIFIED)
    for i, line in enumerate(lines):
        draw.text((20, 20 + 2 * character_px * i), line, font=face, fill="black")
    return np.ascontiguousarray(np.asarray(picture)[..., ::-1])


def test_chinese_and_digits_are_read_where_they_stand(font: Path, reader: TextReader) -> None:
    first, second = reader.read(sign(font, ("专业办证刻章", "电话:138-0013-8000")))
    assert first.text == "专业办证刻章" and second.text == "电话:138-0013-8000"
    assert first.score > 0.9 and first.polygon.shape == (4, 2) and first.polygon.dtype == np.float32
    assert first.box == pytest.approx([20, 30, 262, 75], abs=8)
    assert 30 < first.height_px < 60 and second.box[1] > first.box[3]


@pytest.mark.parametrize("size", [(100, 40), (5000, 2000)])
def test_small_and_large_pictures_are_read_with_polygons_in_their_own_pixels(
    font: Path, reader: TextReader, size: tuple[int, int]
) -> None:
    image = sign(font, ("13800138000",), size, size[1] // 5)
    (line,) = reader.read(image)
    assert line.text == "13800138000"
    assert (line.box >= 0).all() and (line.box <= [*size, *size]).all()
    assert line.height_px == pytest.approx(size[1] / 5, rel=0.5)


def test_a_blank_wall_holds_no_text(reader: TextReader) -> None:
    assert reader.read(np.full((200, 300, 3), 180, np.uint8)) == []


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 700, 3), (700, 1, 3), (3, 4, 3)])
def test_slivers_of_pictures_are_no_error(reader: TextReader, shape: tuple[int, ...]) -> None:
    assert reader.read(np.full(shape, 200, np.uint8)) == []


@pytest.mark.parametrize("shape", [(0, 10, 3), (20, 20), (20, 20, 4)])
def test_what_is_no_colour_picture_is_refused(reader: TextReader, shape: tuple[int, ...]) -> None:
    with pytest.raises(TextError, match="pictures"):
        reader.read(np.zeros(shape, np.uint8))


def test_a_picture_of_more_than_the_limit_is_refused(reader: TextReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "PIXELS_MAX", 1000)
    with pytest.raises(TextError, match="megapixels"):
        reader.read(np.zeros((40, 40, 3), np.uint8))


@pytest.mark.parametrize("size", [(8, 8), (60, 90), (3000, 1200), (640, 640), (1, 4000)])
def test_sizes_are_brought_into_the_range_and_no_side_below_the_stride(size: tuple[int, int]) -> None:
    out, ratio = fitted(np.zeros((*size, 3), np.uint8), (640, 1600))
    assert min(out.shape[:2]) >= 32 and max(out.shape[:2]) <= 1600
    assert ratio == pytest.approx(min(max(640, min(max(size), 1600)) / max(size), 8.0))


def test_a_missing_package_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "find_spec", lambda _: None)
    with pytest.raises(TextError, match="pip install 'rapidocr") as caught:
        TextReader()
    assert isinstance(caught.value, DetectorError) and "\n" not in str(caught.value)


def test_a_package_without_its_networks_is_refused_and_nothing_is_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("a connection was tried")

    spec = ModuleSpec("rapidocr", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(text, "find_spec", lambda _: spec)
    monkeypatch.setattr(socket.socket, "connect", no_network)
    with pytest.raises(TextError, match="install rapidocr"):
        TextReader()


def test_reading_needs_no_connection(font: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    assert TextReader(threads=1).read(sign(font, ("疏通下水道",)))[0].text == "疏通下水道"


def test_a_network_that_fails_is_an_error_and_not_an_empty_answer(
    reader: TextReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise Exception("Traceback (most recent call last):\n  file\nout of memory\n")

    monkeypatch.setattr(reader, "engine", broken)
    with pytest.raises(TextError, match=r"^reading text failed: out of memory$"):
        reader.read(np.zeros((40, 40, 3), np.uint8))


@pytest.mark.parametrize(
    "settings", [{"threads": -1}, {"side_px": (0, 10)}, {"side_px": (900, 640)}, {"side_px": (640, 9000)}]
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="side_px"):
        TextReader(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("style", STYLES)
def test_a_rendered_poster_gives_its_number_and_nothing_else(font: Path, reader: TextReader, style: str) -> None:
    poster = rendered(5, 300, style)
    assert {phone.number for phone in read_phones(reader.read(poster.image))} == set(poster.numbers)


def test_the_measurement_counts_what_is_there_what_is_read_and_what_is_right() -> None:
    count = Count()
    count.add(["1", "2"], ["2", "3", "4"])
    assert count.figures() == {
        "posters": 1, "numbers": 2, "read": 3, "right": 1, "recall": 0.5, "precision": pytest.approx(0.333)
    }  # fmt: skip


def test_the_measurement_says_that_its_posters_are_rendered(font: Path) -> None:
    figures = measure(4, seed=3)
    assert "rendered" in str(figures["what"]) and figures["all"]["posters"] == 4  # type: ignore[index]


def test_ci_has_the_font() -> None:
    """A skip of everything above would be silent otherwise."""
    if os.environ.get("CI"):
        assert (FONT_FOLDER / FONTS[0]).is_file()
