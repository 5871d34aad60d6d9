"""The shipped network on real photographs: backends agree, and a wrong file is refused with one clear line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from detectors import Detections, Detector, ModelError, load_detector
from detectors.images import read_image
from detectors.manifest import default_model

CLASSES = (Path(__file__).parent.parent / "models" / "classes.txt").read_text(encoding="utf-8").split()


@pytest.fixture(scope="session")
def photo(shared: Path) -> Path:
    """A photograph of street bins."""
    return shared / "data" / "street" / "val" / "images" / "litter_cn_0000.jpg"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A network and its manifest that a test may damage."""
    for file in (default_model(), default_model().with_suffix(".json")):
        shutil.copy(file, tmp_path)
    return tmp_path / "street.onnx"


def edit(model: Path, **changes: object) -> None:
    """Change fields of a manifest."""
    path = model.with_suffix(".json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def same(a: Detections, b: Detections, score: float = 1e-3, px: float = 1.0) -> None:
    """Both found the same things."""
    assert a.class_ids.tolist() == b.class_ids.tolist()
    assert np.abs(a.scores - b.scores).max(initial=0) < score
    assert np.abs(a.boxes - b.boxes).max(initial=0) < px


@pytest.mark.parametrize("size", [320, 416, 640])
def test_openvino_and_onnx_runtime_agree_on_a_photograph(photo: Path, size: int) -> None:
    image = read_image(photo)
    found = [load_detector(backend=name, size=size, threads=1).detect(image) for name in ("openvino", "onnx")]
    assert len(found[0]) > 0
    same(*found)


def test_the_network_knows_the_class_list_in_its_order() -> None:
    detector = load_detector()
    assert list(detector.names) == CLASSES and len(detector.model_sha256) == 64 and detector.model_name
    assert isinstance(detector, Detector)


def test_a_batch_of_different_shapes_gives_what_single_pictures_give(photo: Path) -> None:
    image = read_image(photo)
    images = [image, image[:200], np.ascontiguousarray(image[:, :150]), image]
    detector = load_detector(size=320, threads=1)
    for alone, together in zip(map(detector.detect, images), detector.detect_batch(images), strict=True):
        same(alone, together)


def test_bins_are_found_in_a_photograph_of_bins(photo: Path) -> None:
    assert load_detector(min_score=0.4).detect(read_image(photo)).count("bin") >= 3


def test_detections_filter_by_score_and_class() -> None:
    every = Detections.of([[0, 0, 1, 1], [0, 0, 2, 2], [0, 0, 3, 3]], [0.9, 0.5, 0.2], [1, 0, 1], ("bin", "stall"))
    assert [d.name for d in every] == ["stall", "bin", "stall"]
    assert len(every.above(0.5)) == 2 and every.of_class("stall").scores.tolist() == pytest.approx([0.9, 0.2])
    assert every.count("bin") == 1 and every.count("dragon") == 0 and len(Detections.empty(("a",))) == 0


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(N, 4\)"):
        Detections(np.zeros((2, 4), np.float32), np.zeros(1, np.float32), np.zeros(2, np.int32), ("a",))


def test_a_changed_network_file_is_refused(copied: Path) -> None:
    copied.write_bytes(copied.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match=r"street\.onnx: sha256 .* is not the manifest's"):
        load_detector(copied)


def test_a_missing_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.onnx: no such network file"):
        load_detector(tmp_path / "none.onnx")


def test_a_network_without_a_manifest_is_refused(copied: Path) -> None:
    copied.with_suffix(".json").unlink()
    with pytest.raises(ModelError, match="no manifest beside the network"):
        load_detector(copied)


@pytest.mark.parametrize("backend", ["openvino", "onnx"])
def test_a_file_that_is_no_network_is_refused_though_its_hash_is_right(copied: Path, backend: str) -> None:
    copied.write_text("this is a letter, not a network\n")
    from detectors.manifest import sha256_of

    edit(copied, sha256=sha256_of(copied))
    with pytest.raises(ModelError, match="is it ONNX") as caught:
        load_detector(copied, backend)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("backend", ["openvino", "onnx"])
def test_a_manifest_of_another_network_is_refused(copied: Path, backend: str) -> None:
    edit(copied, classes=["bin", "stall"])
    with pytest.raises(ModelError, match="has 23 classes, its manifest names 2"):
        load_detector(copied, backend)


@pytest.mark.parametrize("classes", [[], ["bin", "bin"], "bin", [1, 2], None])
def test_a_manifest_with_a_bad_class_list_is_refused(copied: Path, classes: object) -> None:
    edit(copied, classes=classes)
    with pytest.raises(ModelError, match="no usable manifest"):
        load_detector(copied)


def test_a_manifest_that_is_no_json_is_refused(copied: Path) -> None:
    copied.with_suffix(".json").write_text("{")
    with pytest.raises(ModelError, match="no usable manifest"):
        load_detector(copied)


@pytest.mark.parametrize(("backend", "size"), [("tensorrt", None), ("openvino", 8), ("openvino", 9000)])
def test_an_unknown_backend_or_size_is_named(backend: str, size: int | None) -> None:
    with pytest.raises(ModelError, match="choose"):
        load_detector(backend=backend, size=size)
