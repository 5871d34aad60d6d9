"""`zhuomu model` without torch: evaluation on real photographs, the list, and one clear line where torch is needed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from detectors import Detections
from models import MODELS_DIR
from models.cli import app
from models.evaluate import EvalError, evaluate, read_set
from models.labelled import LABELLED

runner = CliRunner()


@pytest.fixture
def few(shared: Path, tmp_path: Path) -> Path:
    """Four photographs with their labels."""
    for part, suffix in (("images", "jpg"), ("labels", "txt")):
        (tmp_path / part).mkdir()
        for name in ("litter_cn_0000", "litter_cn_0001", "bogota_air_0000", "bicycles_0000"):
            shutil.copy(shared / "data" / "street" / "val" / part / f"{name}.{suffix}", tmp_path / part)
    return tmp_path


class Echo:
    """A detector that says exactly what the labels say."""

    names = tuple((MODELS_DIR / "classes.txt").read_text().split())
    model_name, model_sha256 = "echo", "0" * 64

    def __init__(self, folder: Path) -> None:
        self.truths = iter(list(read_set(folder)))

    def detect(self, image: np.ndarray) -> Detections:
        truth = next(self.truths)
        assert truth.image.shape == image.shape
        return Detections.of(truth.boxes, np.linspace(0.9, 0.5, len(truth.boxes)), truth.classes, self.names)

    def detect_batch(self, images: list[np.ndarray]) -> list[Detections]:
        return [self.detect(image) for image in images]


def test_a_perfect_detector_gets_perfect_figures(few: Path) -> None:
    rows = evaluate(Echo(few), read_set(few)).rows()
    assert {row["source"] for row in rows} <= {"litter_cn", "bogota_air", "bicycles"} and rows
    for row in rows:
        assert row["recall"] == 1.0 and row["precision"] == 1.0 and row["ap50_95"] == pytest.approx(1.0, abs=0.006)


def test_a_source_is_judged_on_the_classes_it_labels_alone(few: Path) -> None:
    rows = evaluate(Echo(few), read_set(few)).rows()
    assert all(row["class"] in LABELLED[row["source"]] for row in rows)


def test_eval_prints_one_json_object_and_draws_sheets(few: Path, tmp_path: Path) -> None:
    args = ["eval", "--data", str(few), "--size", "320", "--json", "--sheet", str(tmp_path / "sheet")]
    result = runner.invoke(app, args)
    report = json.loads(result.stdout)
    (only,) = report["runs"]
    assert result.exit_code == 0 and only["size_px"] == 320 and only["backend"] == "openvino"
    assert {"source", "view", "class", "boxes", "precision", "recall", "ap50", "ap50_95"} <= set(only["rows"][0])
    assert sum(only["confusion"]["litter_cn"]["called"]["bin"].values()) >= 3
    assert {m["view"] for m in only["means"] if "view" in m} == {"ground", "air"}
    assert (tmp_path / "sheet" / "litter_cn_hits.png").is_file()


def test_one_call_measures_several_networks_at_several_sizes_and_writes_the_card(few: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    card.write_text("<!-- figures: eval -->\nYESTERDAY\n<!-- end of figures: eval -->\n")
    args = ["eval", "--data", str(few), "--model", "street", "--model", "street-int8", "--size", "320", "--size", "256"]
    result = runner.invoke(app, [*args, "--json", "--card", str(card)])
    assert result.exit_code == 0, result.output
    runs = [(run["precision"], run["size_px"]) for run in json.loads(result.stdout)["runs"]]
    assert runs == [("FP32", 320), ("FP32", 256), ("INT8", 320), ("INT8", 256)]
    text = card.read_text()
    assert "mAP50 FP32 320 | mAP50 FP32 256 | mAP50 INT8 320 | mAP50 INT8 256" in text and "YESTERDAY" not in text
    assert "| litter_cn | ground | bin |" in text and str(few) not in text


def test_eval_prints_a_table_with_the_second_backend_too(few: Path) -> None:
    result = runner.invoke(app, ["eval", "--data", str(few), "--size", "320", "--backend", "onnx"])
    assert result.exit_code == 0 and "litter_cn" in result.stdout and "mAP50" in result.stdout


def test_recorded_figures_name_rendered_ones_apart(few: Path, tmp_path: Path) -> None:
    for suffix in (".onnx", ".json"):
        shutil.copy(MODELS_DIR / f"street{suffix}", tmp_path / f"own{suffix}")
    for part, suffix in (("images", "jpg"), ("labels", "txt")):
        shutil.copy(few / part / f"bicycles_0000.{suffix}", few / part / f"street_sim_0000.{suffix}")
    args = ["eval", "--data", str(few), "--size", "320", "--model", str(tmp_path / "own.onnx"), "--record", "--json"]
    assert runner.invoke(app, args).exit_code == 0
    figures = json.loads((tmp_path / "own.json").read_text())["figures"]
    assert set(figures["rendered_320px"]) == {"street_sim"} and "street_sim" not in figures["real_320px"]


def test_eval_without_pictures_is_one_line(tmp_path: Path) -> None:
    result = runner.invoke(app, ["eval", "--data", str(tmp_path)])
    assert result.exit_code == 1 and result.stdout == "" and "no pictures; give --data" in result.stderr


def test_a_picture_of_an_unknown_source_is_named(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "holiday_0001.jpg").write_bytes(b"x")
    with pytest.raises(EvalError, match="unknown source 'holiday'"):
        list(read_set(tmp_path))


def test_list_shows_every_network_and_that_its_file_is_whole() -> None:
    result = runner.invoke(app, ["list"])
    assert result.exit_code == 0 and "street" in result.stdout and "centerface" in result.stdout
    assert result.stdout.count("yes") >= 2


@pytest.mark.parametrize("args", [["train"], ["export", "x.pt"]])
def test_training_without_torch_says_what_to_install(args: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.cli.find_spec", lambda name: None)
    result = runner.invoke(app, args)
    assert result.exit_code == 1 and "zhuomu[train]" in result.stderr and result.stderr.count("\n") == 1


def test_detectors_and_evaluation_import_no_torch() -> None:
    code = "import detectors.cli, detectors.redact, models.cli, sys; print({'torch', 'ultralytics'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=MODELS_DIR.parent)
    assert run.stdout.strip() == "set()", run.stderr
