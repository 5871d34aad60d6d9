"""Every odd picture file gives the right pixels or one clear line."""

import io
import struct
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from detectors.errors import ImageError
from detectors.images import read_image
from detectors.inputs import iter_inputs, video_frames

RAMP = np.linspace(0, 255, 64, dtype=np.uint8)[None].repeat(48, 0)  # (48, 64): darker on the left


def colour() -> np.ndarray:
    """(48, 64, 3) RGB, red on the left half and blue on the right."""
    out = np.zeros((48, 64, 3), dtype=np.uint8)
    out[:, :32, 0] = out[:, 32:, 2] = 250
    return out


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


def test_a_colour_picture_comes_as_bgr(tmp_path: Path) -> None:
    Pillow.fromarray(colour()).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.shape == (48, 64, 3) and image.dtype == np.uint8
    assert image[0, 0].tolist() == [0, 0, 250] and image[0, 63].tolist() == [250, 0, 0]


def test_a_12_megapixel_photo_is_read_whole(tmp_path: Path) -> None:
    Pillow.fromarray(RAMP).resize((4000, 3000)).save(tmp_path / "large.jpg")
    assert read_image(tmp_path / "large.jpg").shape == (3000, 4000, 3)


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA"])
def test_grey_and_palette_pictures_become_three_channels(tmp_path: Path, mode: str) -> None:
    Pillow.fromarray(RAMP).convert(mode).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.shape == (48, 64, 3) and image[:, 60:].mean() > 200 > 60 > image[:, :4].mean()


def test_a_16_bit_png_keeps_its_brightness(tmp_path: Path) -> None:
    Pillow.fromarray(RAMP.astype(np.uint16) * 257).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png")[..., 0], RAMP)


def test_a_cmyk_jpeg_has_its_true_colours(tmp_path: Path) -> None:
    Pillow.fromarray(colour()).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    image = read_image(tmp_path / "a.jpg").astype(int)
    assert image[24, 8, 2] > 200 > 80 > image[24, 8, 0] and image[24, 56, 0] > 200 > 80 > image[24, 56, 2]


@pytest.mark.parametrize(("orientation", "shape"), [(1, (48, 64)), (3, (48, 64)), (6, (64, 48)), (8, (64, 48))])
def test_a_phone_photo_stands_upright(tmp_path: Path, orientation: int, shape: tuple[int, int]) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    Pillow.fromarray(RAMP).save(tmp_path / "a.jpg", exif=exif)
    image = read_image(tmp_path / "a.jpg")
    assert image.shape[:2] == shape
    dark = {1: image[:, :8], 3: image[:, -8:], 6: image[:8], 8: image[-8:]}[orientation]
    assert dark.mean() < 30


def test_a_picture_of_one_pixel_is_a_picture(tmp_path: Path) -> None:
    Pillow.new("RGB", (1, 1), (9, 9, 9)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").tolist() == [[[9, 9, 9]]]


def bad_files() -> dict[str, tuple[bytes, str]]:
    """Name -> (content, what the line must say)."""
    whole = io.BytesIO()
    Pillow.fromarray(np.random.default_rng(1).integers(0, 255, (200, 200, 3), dtype=np.uint8)).save(whole, "JPEG")
    return {
        "text.jpg": (b"Dear city, there is a stall on my street.\n", "not a picture"),
        "empty.jpg": (b"", "empty"),
        "cut.jpg": (whole.getvalue()[: len(whole.getvalue()) // 2], "damaged or cut off"),
        "head.jpg": (whole.getvalue()[:40], ""),
        "bomb.png": (png_header(60_000, 60_000), "more than 120 megapixels"),
        "large.png": (png_header(12_000, 11_000), "more than 120 megapixels"),
        "hollow.png": (png_header(600, 600), "damaged or cut off"),
    }


@pytest.mark.parametrize("name", bad_files())
def test_a_bad_file_gives_one_line_that_names_it(tmp_path: Path, name: str) -> None:
    content, says = bad_files()[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError) as caught:
        read_image(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name)) and says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.png: no such file"):
        read_image(tmp_path / "gone.png")


def make_video(path: Path, frames: int = 7) -> None:
    """A small H.264 video whose frames get brighter."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(frames):
            picture = np.full((48, 64, 3), i * 30, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))


def test_video_frames_carry_their_numbers(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4")
    frames = list(video_frames(tmp_path / "a.mp4", every=3))
    assert [f.frame for f in frames] == [0, 3, 6] and frames[0].image.shape == (48, 64, 3)
    assert abs(int(frames[1].image.mean()) - 90) < 6


def test_a_text_file_named_mp4_gives_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(ImageError, match="not a video"):
        list(video_frames(tmp_path / "a.mp4"))


def test_a_folder_is_searched_in_order_and_one_bad_file_does_not_stop_it(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("z.png", "b/a.PNG", "c.jpg"):
        Pillow.fromarray(RAMP).save(tmp_path / name, "PNG")
    (tmp_path / "d.jpg").write_text("no picture")
    (tmp_path / "notes.txt").write_text("not looked at")
    make_video(tmp_path / "e.mp4", 2)
    failed: list[ImageError] = []
    found = [(f.path.name, f.frame) for f in iter_inputs([tmp_path, tmp_path / "gone.jpg"], 1, failed.append)]
    assert found == [("a.PNG", 0), ("c.jpg", 0), ("e.mp4", 0), ("e.mp4", 1), ("z.png", 0)]
    assert [str(e).split(":")[0].rpartition("/")[2] for e in failed] == ["d.jpg", "gone.jpg"]


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no picture and no video"):
        list(iter_inputs([tmp_path]))
