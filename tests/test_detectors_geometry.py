"""Letterbox and suppression against plain, slow references and properties that must hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.letterbox import Letterbox, to_blob
from detectors.nms import decode, suppress, suppress_by_class

SIZES = st.integers(1, 5000)


@given(SIZES, SIZES, st.sampled_from([320, 416, 640, 1280]))
def test_input_is_whole_strides_and_no_larger_than_asked(height: int, width: int, size: int) -> None:
    box = Letterbox.plan(height, width, size)
    assert box.shape[0] % 32 == 0 and box.shape[1] % 32 == 0
    assert max(box.shape) == size and max(box.new_height, box.new_width) == size


@given(SIZES, SIZES)
def test_border_is_split_evenly_and_smaller_than_one_stride(height: int, width: int) -> None:
    box = Letterbox.plan(height, width, 640)
    assert 0 <= box.bottom - box.top <= 1 and 0 <= box.right - box.left <= 1
    assert box.top + box.bottom < 32 and box.left + box.right < 32


@given(st.integers(40, 3000), st.integers(40, 3000), st.tuples(*[st.floats(0.0, 1.0)] * 2))
def test_a_point_comes_back_to_where_it_was(height: int, width: int, share: tuple[float, float]) -> None:
    box = Letterbox.plan(height, width, 640)
    x, y = share[0] * width, share[1] * height
    inside = (x * box.new_width / width + box.left, y * box.new_height / height + box.top)
    back = box.restore(np.array([[*inside, *inside]], dtype=np.float32))[0]
    assert back == pytest.approx([x, y, x, y], abs=max(height, width) * 1e-5 + 1e-3)


def test_restored_boxes_stay_inside_the_picture() -> None:
    box = Letterbox.plan(480, 640, 320)
    assert box.restore(np.array([[-50, -50, 900, 900]], dtype=np.float32)).tolist() == [[0, 0, 640, 480]]


def test_padding_is_114_and_the_picture_lies_in_the_middle() -> None:
    box = Letterbox.plan(100, 640, 640)
    out = box.apply(np.full((100, 640, 3), 200, dtype=np.uint8))
    assert out.shape == (128, 640, 3)
    assert (out[:14] == 114).all() and (out[14:114] == 200).all() and (out[114:] == 114).all()


def test_blob_is_rgb_planes_in_0_to_1() -> None:
    image = np.zeros((32, 64, 3), dtype=np.uint8)
    image[..., 0] = 255  # blue in BGR
    blob = to_blob([image])
    assert blob.shape == (1, 3, 32, 64) and blob.dtype == np.float32
    assert blob[0, 2].min() == pytest.approx(1.0) and blob[0, :2].max() == 0.0


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """IoU of two boxes, the slow way."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    inter = max(width, 0.0) * max(height, 0.0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter
    return inter / union if union else 0.0


def reference(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, iou_max: float) -> list[int]:
    """Greedy class-aware suppression, one pair at a time."""
    keep: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        if all(classes[i] != classes[j] or iou(boxes[i], boxes[j]) <= iou_max for j in keep):
            keep.append(int(i))
    return keep


@settings(deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 60), st.sampled_from([0.3, 0.5, 0.7]))
def test_suppression_equals_the_plain_reference(seed: int, count: int, iou_max: float) -> None:
    rng = np.random.default_rng(seed)
    corner, side = rng.uniform(0, 60, (count, 2)), rng.uniform(1, 60, (count, 2))
    boxes = np.hstack([corner, corner + side]).astype(np.float32)
    scores, classes = rng.random(count).astype(np.float32), rng.integers(0, 3, count).astype(np.int32)
    assert suppress_by_class(boxes, scores, classes, iou_max).tolist() == reference(boxes, scores, classes, iou_max)


def test_a_box_at_exactly_the_limit_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 5, 10, 15]], dtype=np.float32)  # IoU 1/3
    assert suppress(boxes, np.array([0.9, 0.8], dtype=np.float32), 50 / 150 + 1e-6).tolist() == [0, 1]
    assert suppress(boxes, np.array([0.9, 0.8], dtype=np.float32), 50 / 150 - 1e-6).tolist() == [0]


def test_decoding_takes_the_best_class_above_the_score_and_no_more_than_the_limit() -> None:
    output = np.zeros((4 + 2, 400), dtype=np.float32)
    output[0], output[1], output[2:4] = np.arange(400) * 20, 10, 8  # boxes that never touch
    output[4], output[5] = 0.3, np.linspace(0.0, 1.0, 400)
    boxes, scores, classes = decode(output, 0.25)
    assert len(boxes) == 300 and (np.diff(scores) <= 0).all() and scores[0] == 1.0
    assert boxes[0].tolist() == [399 * 20 - 4, 6, 399 * 20 + 4, 14]
    assert set(classes.tolist()) == {0, 1}
    assert len(decode(output, 0.3)[0]) < 300  # a score must be above the limit, not at it
