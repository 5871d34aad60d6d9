"""The quantised network: every one of its files is verified, its tail is float, it sees what the float32 one sees."""

import json
import shutil
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from typer.testing import CliRunner

from detectors import ModelError, load_detector
from detectors.images import read_image
from detectors.manifest import default_model, located, sha256_of, sha256_of_list, verified
from edge.kiosk.node import network_of
from models.cli import app
from models.metrics import iou_matrix
from models.quantise import calibration_pictures, float_tail

FILES = ("street-int8.xml", "street-int8.bin", "street-int8.json")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The shipped quantised network where a test may damage it."""
    for name in FILES:
        shutil.copy(default_model().with_name(name), tmp_path)
    return tmp_path / FILES[0]


def edit(model: Path, **changes: object) -> None:
    """Change fields of a manifest."""
    path = model.with_suffix(".json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_bare_name_is_the_network_that_ships_and_a_suffix_makes_it_a_file(tmp_path: Path) -> None:
    assert located(Path("street-int8")) == default_model().with_name(FILES[0])
    assert located(None) == located(Path("street")) == default_model()
    assert located(Path("street.onnx")) == Path("street.onnx") and located(tmp_path / "street") == tmp_path / "street"
    with pytest.raises(ModelError, match=r"avenue: no network of that name ships; name one of .*street-int8"):
        located(Path("avenue"))


def test_a_kiosk_names_a_shipped_network_or_a_file_beside_its_settings(tmp_path: Path) -> None:
    settings = tmp_path / "kiosk.toml"
    assert network_of(settings, "") is None and network_of(settings, "street-int8") == Path("street-int8")
    assert network_of(settings, "own.onnx") == tmp_path / "own.onnx"


def test_it_is_made_from_the_float32_network_that_ships_and_calibrated_on_training_pictures() -> None:
    raw = json.loads(located(Path("street-int8")).with_suffix(".json").read_text())
    assert raw["made_from"]["sha256"] == sha256_of(default_model())
    assert raw["calibration"]["pictures"] == sum(raw["calibration"]["sources"].values()) >= 200
    assert verified(Path("street-int8")).precision == "INT8" and verified(default_model()).precision == "FP32"


@pytest.mark.parametrize("part", FILES[:2])
def test_a_change_in_either_file_is_refused(copied: Path, part: str) -> None:
    file = copied.with_name(part)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match=rf"{part}: sha256 .* is not the manifest's"):
        load_detector(copied)


def test_missing_weights_are_named(copied: Path) -> None:
    copied.with_suffix(".bin").unlink()
    with pytest.raises(ModelError, match=r"street-int8\.bin: this part of the network is missing"):
        load_detector(copied)


def test_the_one_hash_of_the_network_covers_all_its_files(copied: Path) -> None:
    hashes = {name: sha256_of(copied.with_name(name)) for name in FILES[:2]}
    assert verified(copied).sha256 == sha256_of_list(hashes)
    edit(copied, sha256="0" * 64)
    with pytest.raises(ModelError, match=r"street-int8\.json: sha256"):
        verified(copied)


@pytest.mark.parametrize("files", [{}, {"street-int8.xml": "0" * 64}, {"../x": "0"}, ["street-int8.xml"], None])
def test_a_manifest_that_does_not_cover_the_weights_is_refused(copied: Path, files: object) -> None:
    edit(copied, files=files)
    with pytest.raises(ModelError, match="no usable manifest"):
        load_detector(copied)


@pytest.mark.parametrize("backend", ["onnx", "ultralytics"])
def test_other_backends_say_that_they_cannot_run_it(backend: str) -> None:
    with pytest.raises(ModelError, match="choose backend openvino"):
        load_detector(Path("street-int8"), backend)


def test_nothing_between_the_last_convolutions_and_the_output_is_quantised() -> None:
    model = ov.Core().read_model(located(Path("street-int8")))
    tail, kinds = set(float_tail(model)), [op.get_type_name() for op in model.get_ops()]
    inside = {op.get_type_name() for op in model.get_ops() if op.get_friendly_name() in tail}
    assert "FakeQuantize" in kinds and {"Sigmoid", "Softmax", "Concat"} <= inside
    assert "FakeQuantize" not in inside


def test_it_finds_what_the_float32_network_is_sure_of_in_a_photograph(shared: Path) -> None:
    image = read_image(shared / "data" / "street" / "val" / "images" / "litter_cn_0000.jpg")
    sure, found = (load_detector(Path(name), min_score=s, threads=1).detect(image) for name, s in
                   (("street", 0.5), ("street-int8", 0.3)))  # fmt: skip
    assert len(sure) >= 3
    overlap = iou_matrix(sure.boxes, found.boxes) * (sure.class_ids[:, None] == found.class_ids[None])
    assert (overlap.max(1) > 0.8).all()


def test_calibration_draws_evenly_from_all_sources_and_the_same_ones_again(tmp_path: Path) -> None:
    for source, count in (("litter_cn", 40), ("bicycles", 20), ("facade_ads", 2), ("holiday", 50)):
        for i in range(count):
            (tmp_path / f"{source}_{i:04d}.jpg").write_bytes(b"")
    drawn = calibration_pictures(tmp_path, 22, seed=1)
    names = [path.stem.rpartition("_")[0] for path in drawn]
    assert {name: names.count(name) for name in set(names)} == {"litter_cn": 10, "bicycles": 10, "facade_ads": 2}
    assert drawn == calibration_pictures(tmp_path, 22, seed=1) != calibration_pictures(tmp_path, 22, seed=2)
    assert len(set(calibration_pictures(tmp_path, 500, seed=1))) == 62


def test_a_folder_without_training_pictures_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no training pictures"):
        calibration_pictures(tmp_path, 10, seed=1)


def test_quantising_without_nncf_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.cli.find_spec", lambda name: None)
    result = CliRunner().invoke(app, ["quantise"])
    assert result.exit_code == 1 and "nncf" in result.stderr and "zhuomu[train]" in result.stderr


def test_pictures_and_floats_give_the_network_the_same_input(shared: Path) -> None:
    """The picture's way into the network runs inside OpenVINO; outside it is `to_blob`."""
    from detectors.letterbox import Letterbox, to_blob
    from detectors.openvino_backend import OpenVinoDetector, settings

    image = read_image(shared / "data" / "street" / "val" / "images" / "litter_cn_0000.jpg")
    boxed = Letterbox.plan(image.shape[0], image.shape[1], 320).apply(image)
    plain = ov.compile_model(ov.Core().read_model(default_model()), "CPU", settings(1))
    inside = OpenVinoDetector(verified(default_model()), 0.25, 320, 1).infer([boxed])
    assert np.abs(inside - plain([to_blob([boxed])])[0]).max() < 0.01


def test_a_network_of_two_heads_gives_each_thing_once(shared: Path, tmp_path: Path) -> None:
    """Twice the anchors on one trunk: here both heads say the same, and the second changes nothing."""
    model = ov.Core().read_model(default_model())
    out = model.get_results()[0].input_value(0)
    double = ov.Model([ov.opset13.concat([out, out], 2)], model.get_parameters(), "double")
    ov.save_model(double, tmp_path / "double.xml", compress_to_fp16=False)
    files = {name: sha256_of(tmp_path / name) for name in ("double.xml", "double.bin")}
    shutil.copy(default_model().with_suffix(".json"), tmp_path / "double.json")
    edit(tmp_path / "double.xml", files=files, sha256=sha256_of_list(files))
    assert set(float_tail(model)) < set(float_tail(double))
    image = read_image(shared / "data" / "street" / "val" / "images" / "litter_cn_0000.jpg")
    one, two = (load_detector(path, size=320, threads=1).detect(image) for path in (None, tmp_path / "double.xml"))
    assert len(one) and one.class_ids.tolist() == two.class_ids.tolist()
    assert np.abs(one.boxes - two.boxes).max() < 0.01 and np.abs(one.scores - two.scores).max() < 1e-5
