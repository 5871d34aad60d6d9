"""What changed in a camera's picture, told from a small grey copy of it: what moves, and what has come to stay.

Dwell rules ask for things that stay. A cell of the small picture is worth the network's time when it looks unlike what
the network last saw there AND no longer changes: who walks past never settles. Brightness of the whole picture, slow
shading and the noise of each cell are taken out first.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.watch.boxes import Box
from edge.watch.picture import Grey

Floats = NDArray[np.float32]
Cells = NDArray[np.bool_]

WIDTH_PX = 96  # of the small picture: a parked bicycle is some 5 cells wide
SHADE_CELLS = 17  # a side: light and shadow that change little within that are taken out
FITS = 3
SURE = 9.0  # grey levels squared: where there is less structure than that the gain is taken for 1
LEVEL_MIN = 4.0  # grey levels: less is no change
NOISE_FIRST, NOISE_TIMES, NOISE_FOLLOW = 1.0, 4.0, 0.05
GAIN_MIN, GAIN_MAX = 0.25, 4.0
LIGHT_FOLLOW = 0.1  # what did not change follows the light by so much a picture
STILL = 0.5  # of the limit: surely no longer changing
BLOB_CELLS_MIN = 2
LOOKS = 3  # the network is asked so often about a change before it is taken for known: it overlooks things at times
KNOWN_SHARE = 0.3
UPSET_SHARE = 0.4  # of all cells: lights switched, lens covered, camera moved


@dataclass(frozen=True)
class Motion:
    """Of one picture. `moving`: changed since the picture before; `settled`: unlike what the network saw, and still."""

    moving: Cells
    settled: Cells

    @property
    def upset(self) -> bool:
        """So much changed that nothing can be taken for known."""
        return float((self.moving | self.settled).mean()) >= UPSET_SHARE


class MotionGate:
    """The small pictures of one camera. `add` each picture; `looked` where the network has been."""

    def __init__(self, width_px: int = WIDTH_PX) -> None:
        self._width = width_px
        self._before: Floats | None = None
        self._seen: Floats | None = None
        self._now: Floats = np.zeros((1, 1), np.float32)
        self._noise: Floats = self._now
        self._moving: Cells = np.zeros((1, 1), np.bool_)
        self._other: Cells = self._moving
        self._looks: NDArray[np.uint8] = np.zeros((1, 1), np.uint8)

    def add(self, luma: Grey) -> Motion:
        """Compare the next picture, (H, W) uint8, with the one before and with what the network saw."""
        self._now = now = small(luma, self._width)
        if self._before is None or self._seen is None or self._before.shape != now.shape:
            self._begin(now)
            still = np.zeros(now.shape, np.bool_)
            return Motion(still, still)
        step, seen = _unlike(now, self._before), _unlike(now, self._seen)
        limit = np.maximum(LEVEL_MIN, NOISE_TIMES * self._noise)
        moving, other = _blobs(step > limit), _blobs(seen > limit)
        quiet = ~moving & ~other
        self._noise[quiet] += NOISE_FOLLOW * (step[quiet] - self._noise[quiet])
        self._seen[quiet] += LIGHT_FOLLOW * (now[quiet] - self._seen[quiet])
        self._looks[quiet] = 0
        self._before, self._moving, self._other = now, moving, other
        return Motion(moving, _blobs(other & ~_grown(moving) & (step < STILL * limit)))

    def looked(self, cells: Cells) -> None:
        """The network has seen these cells of the newest picture; after LOOKS looks they are known as they are now."""
        if self._seen is None:
            return
        self._looks[cells] = np.minimum(self._looks[cells], 250) + 1
        known = cells & ~self._moving & (self._looks >= LOOKS)
        self._seen[known] = self._now[known]
        self._looks[known] = 0

    def known(self, box: Box, width: int, height: int) -> bool:
        """Whether a box, px of the picture (width, height), looks as it did when the network last saw it, but for
        KNOWN_SHARE of it at most: people walk past all the time."""
        cells = self.cells(box, width, height)
        return float((self._moving | self._other)[cells].mean()) <= KNOWN_SHARE if cells.any() else False

    def cells(self, box: Box, width: int, height: int) -> Cells:
        """The cells that a box, in px of the picture (width, height), covers."""
        rows, columns = self._now.shape
        mask = np.zeros((rows, columns), np.bool_)
        x1, y1 = int(box[0] * columns / width), int(box[1] * rows / height)
        x2, y2 = int(np.ceil(box[2] * columns / width)), int(np.ceil(box[3] * rows / height))
        mask[max(0, y1) : y2, max(0, x1) : x2] = True
        return mask

    def _begin(self, now: Floats) -> None:
        self._before, self._seen = now, now.copy()
        self._moving = self._other = np.zeros(now.shape, np.bool_)
        self._noise = np.full(now.shape, NOISE_FIRST, np.float32)
        self._looks = np.zeros(now.shape, np.uint8)


def small(luma: Grey, width_px: int) -> Floats:
    """(H, W) uint8 -> (h, width_px) float32: each cell the mean of what it covers."""
    height = max(2, round(width_px * luma.shape[0] / luma.shape[1]))
    return np.asarray(cv2.resize(luma, (width_px, height), interpolation=cv2.INTER_AREA), np.float32)


def boxes_of(cells: Cells, width: int, height: int) -> list[Box]:
    """Boxes in px of the picture (width, height) around each group of cells."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(cells.astype(np.uint8), connectivity=8)
    fx, fy = width / cells.shape[1], height / cells.shape[0]
    found = (tuple(int(v) for v in stats[i][:4]) for i in range(1, count))
    return [(x * fx, y * fy, (x + w) * fx, (y + h) * fy) for x, y, w, h in found]


def _unlike(now: Floats, before: Floats) -> Floats:
    """Grey levels by which cells differ once the light is taken out: around each cell the one picture is fitted to the
    other with a gain and a shift, in which cells that differ much have no part (they are things, not light)."""
    weight = np.ones(now.shape, np.float32)
    differ = weight
    for _ in range(FITS):
        total = _around(weight) + 1e-3
        a, b = _around(weight * now) / total, _around(weight * before) / total
        both = _around(weight * now * before) / total - a * b
        own = _around(weight * before * before) / total - b * b
        gain = np.clip((both + SURE) / (own + SURE), GAIN_MIN, GAIN_MAX)
        differ = np.abs(now - a - gain * (before - b))
        weight = (differ < LEVEL_MIN).astype(np.float32)
    return np.asarray(differ, np.float32)


def _around(values: Floats) -> Floats:
    return np.asarray(cv2.blur(values, (SHADE_CELLS, SHADE_CELLS)), np.float32)


def _grown(cells: Cells) -> Cells:
    return cv2.dilate(cells.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.bool_)


def _blobs(cells: Cells) -> Cells:
    """Without lone cells."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cells.astype(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= BLOB_CELLS_MIN
    large[0] = False
    return np.asarray(large[labels], np.bool_)
