"""Quantising for real (needs nncf, extra `train`): the result loads, and its boxes are near the float32 network's."""

import json
from pathlib import Path

from detectors import load_detector
from detectors.images import read_image
from detectors.manifest import default_model
from models.metrics import iou_matrix
from models.quantise import calibration_pictures, quantise


def test_a_network_quantised_on_few_pictures_still_finds_the_bins(shared: Path, tmp_path: Path) -> None:
    data = shared / "data" / "street"
    pictures = calibration_pictures(data / "train" / "images", 12, seed=3)
    path = quantise(default_model(), tmp_path / "small-int8.xml", pictures, seed=3, size=320)
    assert json.loads(path.read_text())["calibration"]["pictures"] == 12
    image = read_image(data / "val" / "images" / "litter_cn_0000.jpg")
    sure = load_detector(min_score=0.5, size=320).detect(image)
    found = load_detector(tmp_path / "small-int8.xml", min_score=0.25, size=320).detect(image)
    overlap = iou_matrix(sure.boxes, found.boxes) * (sure.class_ids[:, None] == found.class_ids[None])
    assert len(sure) and (overlap.max(1) > 0.7).all()
