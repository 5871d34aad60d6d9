"""The same ground found again in earlier pictures of a flight: features matched, wrong matches thrown out by RANSAC.

ORB (Rublee et al. 2011) is turned by the picture's own direction, so lines there and back match where the camera looks
down. Flat ground maps from picture to picture by a homography; what does not follow it (walkers, roofs) is no tie.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.types import Image
from drone.georef.ties import Look

WIDTH_PX = 960
FEATURES = 700
KEPT_MAX = 40  # pictures that are remembered, by their features alone
MATCHED_WITH = 4
INLIERS_MIN = 14
REPROJECTION_PX = 3.0
RATIO = 0.8  # Lowe's
GRID = 4  # of cells a side: ties are spread over the picture
SIGMA_PX = 1.5
STILL_PX = 3.0  # what stays at its pixel while the view moved by so much of its size, or turned, is no ground
STILL_SHARE, STILL_DEG = 0.05, 3.0

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Kept:
    """centre: (2,) east, north of the ground in the middle of the picture; heading_deg: of the view. pixels: (N, 2) at
    the picture's own size; names: of those that tie it to another."""

    centre: Array
    heading_deg: float
    reach_m: float
    pixels: Array
    descriptors: NDArray[np.uint8]
    names: dict[int, str]


class Features:
    """Runs on one thread. Counts `tie_pictures`, `tie_matches` and `tie_matches_refused` (too few agree)."""

    def __init__(self, counts: Counter[str]) -> None:
        self._orb = cv2.ORB_create(nfeatures=FEATURES)  # type: ignore[attr-defined]
        self._matcher = cv2.BFMatcher(cv2.NORM_HAMMING)
        self._kept = deque[Kept](maxlen=KEPT_MAX)
        self._counts = counts
        self._named = 0

    def take(self, image: Image, centre: Array, heading_deg: float, reach_m: float) -> list[Look]:
        """Ties of one picture (H, W, 3) with earlier ones; it is remembered itself."""
        factor = min(1.0, WIDTH_PX / image.shape[1])
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        small = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else grey
        points, descriptors = self._orb.detectAndCompute(small, None)
        if descriptors is None or len(points) < INLIERS_MIN:
            return []
        pixels = (np.array([p.pt for p in points], np.float64) + 0.5) / factor - 0.5
        now = Kept(centre, heading_deg, reach_m, pixels, descriptors, {})
        for other in self._likely(now):
            self._match(now, other, image.shape[:2])
        self._kept.append(now)
        self._counts["tie_pictures"] += 1
        return [Look(name, float(pixels[k, 0]), float(pixels[k, 1]), SIGMA_PX) for k, name in now.names.items()]

    def _likely(self, now: Kept) -> list[Kept]:
        """Earlier pictures of the same ground: the newest, and of the others those seen from the most other side."""
        near = [k for k in self._kept if np.hypot(*(k.centre - now.centre)) <= (k.reach_m + now.reach_m) / 2]
        newest = near[-1:]
        others = sorted(near[:-1], key=lambda k: -abs((k.heading_deg - now.heading_deg + 180) % 360 - 180))
        return newest + others[: MATCHED_WITH - 1]

    def _match(self, now: Kept, other: Kept, size: Sequence[int]) -> None:
        pairs = self._matcher.knnMatch(now.descriptors, other.descriptors, k=2)
        good = [p[0] for p in pairs if len(p) == 2 and p[0].distance < RATIO * p[1].distance]
        if len(good) < INLIERS_MIN:
            return
        turned = abs((now.heading_deg - other.heading_deg + 180) % 360 - 180)
        moved = float(np.hypot(*(now.centre - other.centre))) / max(now.reach_m, 1e-6)
        if moved > STILL_SHARE or turned > STILL_DEG:  # dirt and print on the picture stay
            good = [m for m in good if np.hypot(*(now.pixels[m.queryIdx] - other.pixels[m.trainIdx])) > STILL_PX]
        if len(good) < INLIERS_MIN:
            self._counts["tie_matches_refused"] += 1
            return
        here = now.pixels[[m.queryIdx for m in good]]
        there = other.pixels[[m.trainIdx for m in good]]
        cv2.setRNGSeed(0)
        plane, mask = cv2.findHomography(here, there, cv2.RANSAC, REPROJECTION_PX)
        if plane is None or int(mask.sum()) < INLIERS_MIN:
            self._counts["tie_matches_refused"] += 1
            return
        self._counts["tie_matches"] += 1
        for number in _spread(here, np.flatnonzero(mask.ravel()), size):
            self._tie(now, other, good[number].queryIdx, good[number].trainIdx)

    def _tie(self, now: Kept, other: Kept, mine: int, its: int) -> None:
        """One name for both; a feature that is known already keeps its name, and a name stands once in a picture."""
        name = other.names.get(its)
        if name is None:
            self._named += 1
            name = f"ground-{self._named}"
        if mine not in now.names and name not in now.names.values():
            now.names[mine] = other.names[its] = name


def _spread(pixels: Array, inliers: NDArray[np.intp], size: Sequence[int]) -> list[int]:
    """At most one of each cell of the picture."""
    height, width = size
    cells = dict[tuple[int, int], int]()
    for k in inliers.tolist():
        x, y = pixels[k]
        cells.setdefault((int(x * GRID / width), int(y * GRID / height)), k)
    return list(cells.values())
