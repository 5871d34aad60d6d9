"""Average precision of detections against boxes, one class at a time (COCO's 101-point rule, as Ultralytics)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
IOU_LEVELS: Floats = np.linspace(0.5, 0.95, 10)
RECALL_POINTS: Floats = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How well one class is found. precision and recall are at IoU 0.5 and the score asked for."""

    boxes: int
    precision: float
    recall: float
    ap50: float
    ap50_95: float


def iou_matrix(a: Floats, b: Floats) -> Floats:
    """IoU of every pair, (N, 4) and (M, 4) xyxy -> (N, M)."""
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    inter = sides.clip(0).prod(2)
    areas = (a[:, 2:] - a[:, :2]).prod(1)[:, None] + (b[:, 2:] - b[:, :2]).prod(1)[None]
    return np.asarray(inter / np.maximum(areas - inter, 1e-9))


def match(found: Floats, truth: Floats) -> NDArray[np.bool_]:
    """Which found boxes (N, 4), best score first, hit a truth box (M, 4) of their own: (N, levels) bool.

    At each IoU level a truth box counts once, for the found box that overlaps it most; a found box takes its best one.
    """
    hits = np.zeros((len(found), len(IOU_LEVELS)), dtype=bool)
    if not len(found) or not len(truth):
        return hits
    overlap = iou_matrix(found, truth)
    for level, iou_min in enumerate(IOU_LEVELS):
        hits[paired(overlap, iou_min)[:, 0], level] = True
    return hits


def paired(overlap: Floats, iou_min: float) -> NDArray[np.intp]:
    """Rows (found, truth) of an IoU matrix (N, M) that belong together, each index once at most."""
    pairs = np.argwhere(overlap >= iou_min)
    pairs = pairs[np.argsort(-overlap[pairs[:, 0], pairs[:, 1]], kind="stable")]
    pairs = pairs[np.unique(pairs[:, 0], return_index=True)[1]]
    return np.asarray(pairs[np.unique(pairs[:, 1], return_index=True)[1]], np.intp)


def average_precision(hits: NDArray[np.bool_], boxes: int) -> float:
    """Area under the precision-recall curve of hits (N,) in order of score, sampled at 101 recalls."""
    if not boxes or not len(hits):
        return 0.0
    true = np.cumsum(hits)
    recall, precision = true / boxes, true / np.arange(1, len(hits) + 1)
    recall, precision = np.r_[0.0, recall, recall[-1], 1.0], np.r_[1.0, precision, 0.0, 0.0]
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.trapezoid(np.interp(RECALL_POINTS, recall, envelope), RECALL_POINTS))


@dataclass(slots=True)
class ClassTally:
    """Scores and hits of one class, gathered picture by picture."""

    scores: list[Floats]
    hits: list[NDArray[np.bool_]]
    boxes: int = 0

    @classmethod
    def empty(cls) -> ClassTally:
        """Nothing seen yet."""
        return cls([], [])

    def add(self, scores: Floats, found: Floats, truth: Floats) -> NDArray[np.bool_]:
        """One picture's boxes of this class: found (N, 4) with scores (N,), truth (M, 4); returns hits at IoU 0.5."""
        order = np.argsort(-scores, kind="stable")
        hits = match(found[order], truth)
        self.scores.append(scores[order])
        self.hits.append(hits)
        self.boxes += len(truth)
        back = np.zeros(len(scores), dtype=bool)
        back[order] = hits[:, 0]
        return back

    def figures(self, min_score: float) -> ClassFigures:
        """Precision and recall at `min_score`, average precision over all scores gathered."""
        scores = np.concatenate(self.scores) if self.scores else np.zeros(0)
        hits = np.concatenate(self.hits) if self.hits else np.zeros((0, len(IOU_LEVELS)), dtype=bool)
        order = np.argsort(-scores, kind="stable")
        scores, hits = scores[order], hits[order]
        shown = hits[scores >= min_score, 0]
        aps = [average_precision(hits[:, level], self.boxes) for level in range(len(IOU_LEVELS))]
        precision = float(shown.mean()) if len(shown) else 0.0
        recall = float(shown.sum() / self.boxes) if self.boxes else 0.0
        return ClassFigures(self.boxes, precision, recall, aps[0], float(np.mean(aps)))
