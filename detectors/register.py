"""How far a camera's view has moved between two pictures, read from what stands still in both (ORB and RANSAC)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

FEATURES_MAX = 1500
RATIO_MAX = 0.8  # Lowe's test: the best match must be that much nearer than the second
ERROR_PX = 2.5
SIDE_MIN_PX = 64  # a feature and its surroundings are 31 px
MATCHES_MIN = 15  # features that agree on one movement
AGREE_SHARE_MIN = 0.15  # of all matches
STILL_PX = 1.5
STILL_SHARE = 0.5  # as many features that stayed as that agree on a movement: nothing moved but people


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """points: (N, 2) float32 px; descriptors: (N, 32) uint8."""

    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Found:
    """The movement from the first picture to the second, px of the shrunk picture. way_px: mean over four corners."""

    way_px: float
    shift_px: tuple[float, float]
    turn_deg: float
    matches: int


def features(grey: NDArray[np.uint8]) -> Features:
    """Corners of a grey picture (H, W), contrast evened out locally so that light matters little."""
    if min(grey.shape) < SIDE_MIN_PX:
        return Features(np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8))
    even = cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8)).apply(grey)
    points, descriptors = cv2.ORB.create(FEATURES_MAX, fastThreshold=10).detectAndCompute(even, None)
    if descriptors is None:
        return Features(np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8))
    return Features(np.array([p.pt for p in points], np.float32), np.asarray(descriptors, np.uint8))


def way_px(before: Features, now: Features, shape: tuple[int, ...]) -> Found | None:
    """The movement of the whole view between two pictures of `shape` (H, W); None when too little is found again."""
    a, b = matched(before, now)
    if len(a) < MATCHES_MIN:
        return None
    matrix, inliers = cv2.estimateAffinePartial2D(a, b, ransacReprojThreshold=ERROR_PX, maxIters=2000)
    agree = int(inliers.sum()) if matrix is not None else 0
    still = int((np.linalg.norm(b - a, axis=1) <= STILL_PX).sum())
    if still >= max(STILL_SHARE * agree, MATCHES_MIN):
        return Found(0.0, (0.0, 0.0), 0.0, still)
    if agree < max(MATCHES_MIN, AGREE_SHARE_MIN * len(a)):
        return None
    return _found(np.asarray(matrix, np.float64), agree, shape)


def matched(before: Features, now: Features) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points of the two pictures that belong together, (M, 2) each."""
    if min(len(before.points), len(now.points)) < 2:
        return before.points[:0], now.points[:0]
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(before.descriptors, now.descriptors, k=2)
    good = [m[0] for m in pairs if len(m) == 2 and m[0].distance < RATIO_MAX * m[1].distance]
    mine, theirs = [m.queryIdx for m in good], [m.trainIdx for m in good]
    return before.points[mine], now.points[theirs]


def _found(matrix: NDArray[np.float64], matches: int, shape: tuple[int, ...]) -> Found:
    height, width = shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    ways = corners @ matrix[:, :2].T + matrix[:, 2] - corners
    turn = float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
    return Found(
        float(np.linalg.norm(ways, axis=1).mean()), (float(ways[:, 0].mean()), float(ways[:, 1].mean())), turn, matches
    )
