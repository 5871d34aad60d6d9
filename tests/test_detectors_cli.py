"""`zhuomu detect` on real photographs: its JSON contract, its exit status, its one line per failure."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from PIL import Image as Pillow
from typer.testing import CliRunner

from detectors import cli
from detectors.images import read_image

app = typer.Typer()
app.command("detect")(cli.detect)
runner = CliRunner()


@pytest.fixture(scope="session")
def photos(shared: Path) -> Path:
    """The folder of photographs."""
    return shared / "data" / "street" / "val" / "images"


def run(*args: object) -> tuple[int, str, str]:
    """(exit status, stdout, stderr)."""
    result = runner.invoke(app, [str(a) for a in args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_json_is_one_object_a_line_in_the_pictures_own_pixels(photos: Path) -> None:
    files = [photos / "litter_cn_0000.jpg", photos / "facade_ads_0000.jpg"]
    code, out, err = run(*files, "--json", "--min-score", 0.3)
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and err == "" and [Path(line["path"]) for line in lines] == files
    for line, file in zip(lines, files, strict=True):
        height, width = read_image(file).shape[:2]
        assert list(line) == ["path", "frame", "width", "height", "detections"]
        assert (line["frame"], line["width"], line["height"]) == (0, width, height)
        assert line["detections"]
        for found in line["detections"]:
            x1, y1, x2, y2 = found["box"]
            assert list(found) == ["class", "score", "box"] and 0.3 <= found["score"] <= 1
            assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height


def test_class_names_are_those_of_the_shared_list(shared: Path, photos: Path) -> None:
    names = set((shared / "data" / "street" / "classes.txt").read_text().split()) | {"stall", "poster"}
    _, out, _ = run(photos / "litter_cn_0000.jpg", "--json", "--min-score", 0.05)
    assert {d["class"] for d in json.loads(out)["detections"]} <= names


def test_bad_files_give_one_line_each_and_the_rest_is_done(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.jpg").write_text("hello")
    (tmp_path / "film.mp4").write_text("hello")
    good = photos / "litter_cn_0000.jpg"
    code, out, err = run(tmp_path / "letter.jpg", tmp_path / "film.mp4", tmp_path / "gone", good, "--json")
    assert code == 1 and len(out.splitlines()) == 1 and len(err.splitlines()) == 3
    assert "letter.jpg: not a picture" in err and "film.mp4: not a video" in err and "Traceback" not in err


@pytest.mark.parametrize("args", [[], ["x.jpg", "--min-score", "7"], ["x.jpg", "--backend", "abacus"], ["--loud"]])
def test_wrong_usage_is_status_2(args: list[str]) -> None:
    assert run(*args)[0] == 2


def test_a_wrong_network_is_one_line(tmp_path: Path) -> None:
    code, out, err = run(tmp_path, "--model", tmp_path / "no.onnx")
    assert code == 1 and out == "" and err.count("\n") == 1 and "no such network file" in err


def test_pictures_of_every_odd_kind_are_answered(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "dot.png"), np.zeros((1, 1, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "line.png"), np.zeros((1, 3000), np.uint8))
    cv2.imwrite(str(tmp_path / "deep.png"), np.zeros((40, 40), np.uint16))
    code, out, err = run(tmp_path, "--json", "--size", 320)
    assert code == 0 and err == "" and len(out.splitlines()) == 3


def test_one_scene_gives_the_same_bins_however_its_file_was_made(photos: Path, tmp_path: Path) -> None:
    """Grey, CMYK, turned by EXIF and enlarged to 12 megapixels; a file cut off in the middle is one line."""
    source = photos / "litter_cn_0000.jpg"
    scene = Pillow.open(source).convert("RGB")
    turned = Pillow.Exif()
    turned[0x0112] = 6
    scene.save(tmp_path / "a.jpg", quality=95)
    scene.convert("L").save(tmp_path / "b.png")
    scene.convert("CMYK").save(tmp_path / "c.jpg", quality=95)
    (tmp_path / "d.jpg").write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    scene.rotate(90, expand=True).save(tmp_path / "e.jpg", exif=turned, quality=95)
    scene.resize((4000, 3000)).save(tmp_path / "f.jpg")
    code, out, err = run(tmp_path, "--json", "--min-score", 0.7)
    lines = {Path(line["path"]).name: line for line in map(json.loads, out.splitlines())}
    assert code == 1 and err.count("\n") == 1 and "d.jpg: damaged or cut off" in err
    assert sorted(lines) == ["a.jpg", "b.png", "c.jpg", "e.jpg", "f.jpg"]
    assert (lines["f.jpg"]["width"], lines["f.jpg"]["height"]) == (4000, 3000)
    known = [d["box"] for d in lines["a.jpg"]["detections"]]
    for name, line in lines.items():
        scale = np.array([line["width"], line["height"]] * 2) / [*scene.size, *scene.size]
        boxes = [np.array(d["box"]) / scale for d in line["detections"]]
        assert min(np.abs(box - one).max() for box in boxes for one in known) < 0.03 * max(scene.size), name


def test_save_writes_a_drawing_of_each_picture_with_things_in_it(photos: Path, tmp_path: Path) -> None:
    file = photos / "litter_cn_0000.jpg"
    code, out, _ = run(file, "--save", tmp_path / "seen")
    drawn = cv2.imread(str(tmp_path / "seen" / "litter_cn_0000.jpg"))
    assert code == 0 and "bin" in out and drawn.shape == read_image(file).shape
    assert np.abs(drawn.astype(int) - read_image(file)).max() > 100


def test_same_names_from_two_folders_are_both_saved(photos: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "p.jpg").write_bytes((photos / "litter_cn_0000.jpg").read_bytes())
    assert run(tmp_path / "one", tmp_path / "two", "--save", tmp_path / "out", "--size", 320)[0] == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["p-2.jpg", "p.jpg"]


def test_a_folder_that_cannot_be_made_is_one_line(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = run(photos / "litter_cn_0000.jpg", "--save", tmp_path / "file" / "sub")
    assert code == 1 and "cannot make this folder" in err and err.count("\n") == 1


def test_a_real_clip_gives_numbered_frames(shared: Path) -> None:
    clip = shared / "data" / "clips" / "one-by-one-person-detection.mp4"
    code, out, _ = run(clip, "--json", "--every", 100, "--size", 640)
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [line["frame"] for line in lines][:3] == [0, 100, 200]
    assert any(d["class"] == "person" for line in lines for d in line["detections"])


def test_tiles_find_things_too_small_for_the_whole_picture_each_once(photos: Path, tmp_path: Path) -> None:
    """A photograph of bins in a corner of a picture ten times as wide, as a drone would see it."""
    bins = read_image(photos / "litter_cn_0000.jpg")
    wide = np.full((1800, 2400, 3), 114, np.uint8)
    small = cv2.resize(bins, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    wide[1100 : 1100 + small.shape[0], 1300 : 1300 + small.shape[1]] = small
    cv2.imwrite(str(tmp_path / "air.png"), wide)
    counts = []
    for more in ([], ["--tile", 640]):
        code, out, err = run(tmp_path / "air.png", "--json", "--size", 640, "--min-score", 0.4, *more)
        assert code == 0 and err == ""
        counts.append([d["class"] for d in json.loads(out)["detections"]].count("bin"))
    assert counts[1] >= 3 > counts[0]


def test_a_picture_of_too_many_tiles_is_one_line_and_the_rest_is_done(photos: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "map.png"), np.zeros((5000, 5000), np.uint8))
    code, out, err = run(tmp_path / "map.png", photos / "litter_cn_0000.jpg", "--json", "--tile", 64, "--size", 64)
    assert code == 1 and len(out.splitlines()) == 1 and err.count("\n") == 1
    assert "map.png: 5000x5000 px makes more than 4096 tiles" in err
