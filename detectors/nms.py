"""From a YOLO network's raw output to boxes: threshold, best class, class-aware non-maximum suppression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IOU_MAX = 0.7
MAX_DETECTIONS = 300
MAX_CANDIDATES = 30_000

Floats = NDArray[np.float32]


def to_xyxy(xywh: Floats) -> Floats:
    """(N, 4) centre x, centre y, width, height -> (N, 4) xyxy."""
    half = xywh[:, 2:] / 2
    return np.hstack([xywh[:, :2] - half, xywh[:, :2] + half])


def iou_with(box: Floats, boxes: Floats) -> Floats:
    """IoU of one box (4,) with boxes (N, 4), xyxy -> (N,)."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    inter = sides.clip(0).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (box[2:] - box[:2]).prod()
    return np.asarray(inter / np.maximum(areas - inter, np.float32(1e-9)), np.float32)


def suppress(boxes: Floats, scores: Floats, iou_max: float = IOU_MAX) -> NDArray[np.intp]:
    """Greedy suppression in one class: indices of the boxes (N, 4) xyxy that stay, best score first.

    A box goes when its IoU with a better one is greater than `iou_max` (as torchvision.ops.nms).
    """
    order = np.argsort(-scores, kind="stable")
    keep: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        keep.append(int(best))
        order = rest[iou_with(boxes[best], boxes[rest]) <= iou_max]
    return np.array(keep, dtype=np.intp)


def suppress_by_class(boxes: Floats, scores: Floats, classes: NDArray[np.int32], iou_max: float) -> NDArray[np.intp]:
    """As `suppress`, classes (N,) never suppressing one another; indices in order of score."""
    if not len(boxes):
        return np.zeros(0, dtype=np.intp)
    kept = []
    for class_id in np.unique(classes):
        members = np.flatnonzero(classes == class_id)
        kept.append(members[suppress(boxes[members], scores[members], iou_max)])
    every = np.concatenate(kept)
    return every[np.argsort(-scores[every], kind="stable")]


def decode(
    output: Floats, min_score: float, iou_max: float = IOU_MAX, max_detections: int = MAX_DETECTIONS
) -> tuple[Floats, Floats, NDArray[np.int32]]:
    """One picture's raw output (4 + classes, anchors), boxes xywh px -> boxes (N, 4) xyxy, scores (N,), classes (N,).

    One class per box (the best one), score strictly above `min_score`, at most `max_detections`: the rules of
    ultralytics.utils.nms.non_max_suppression with multi_label=False.
    """
    scores = output[4:].max(0)
    picked = np.flatnonzero(scores > min_score)
    if len(picked) > MAX_CANDIDATES:
        picked = picked[np.argsort(-scores[picked], kind="stable")[:MAX_CANDIDATES]]
    boxes, scores = to_xyxy(output[:4, picked].T), scores[picked]
    classes = output[4:, picked].argmax(0).astype(np.int32)  # of the few that are left: the scores were read once
    keep = suppress_by_class(boxes, scores, classes, iou_max)[:max_detections]
    return boxes[keep], scores[keep], classes[keep]
