"""Our letterbox, decoding, results and average precision equal Ultralytics' own (needs the extra `train`)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from test_detectors_backends import same
from ultralytics.data import augment
from ultralytics.utils import metrics, nms

from detectors import load_detector
from detectors.images import read_image
from detectors.letterbox import Letterbox
from detectors.nms import decode
from models.metrics import average_precision


def test_our_results_equal_ultralytics_own(shared: Path) -> None:
    image = read_image(shared / "data" / "street" / "val" / "images" / "litter_cn_0000.jpg")
    for size in (320, 640):
        same(load_detector(size=size).detect(image), load_detector(backend="ultralytics", size=size).detect(image))


def test_letterbox_equals_ultralytics() -> None:
    rng = np.random.default_rng(3)
    for _ in range(40):
        height, width = rng.integers(1, 900, 2)
        image = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
        theirs = augment.LetterBox(320, auto=True, stride=32)(image=image)
        assert np.array_equal(Letterbox.plan(height, width, 320).apply(image), theirs)


def test_decoding_equals_ultralytics() -> None:
    rng = np.random.default_rng(4)
    output = np.concatenate([rng.uniform(50, 300, (2, 900)), rng.uniform(5, 120, (2, 900)), rng.random((5, 900)) ** 3])
    output = output.astype(np.float32)
    theirs = nms.non_max_suppression(torch.from_numpy(output.copy())[None], 0.25, 0.7)[0].numpy()
    boxes, scores, classes = decode(output, 0.25)
    assert np.allclose(boxes, theirs[:, :4], atol=1e-3) and np.allclose(scores, theirs[:, 4])
    assert classes.tolist() == theirs[:, 5].astype(int).tolist()


def test_average_precision_equals_ultralytics() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        hits = rng.random(60) < np.linspace(0.95, 0.1, 60)
        boxes = int(hits.sum()) + int(rng.integers(0, 10))
        cumulative = np.cumsum(hits)
        theirs = metrics.compute_ap(cumulative / boxes, cumulative / np.arange(1, 61))[0]
        assert average_precision(hits, boxes) == pytest.approx(theirs, abs=1e-6)
