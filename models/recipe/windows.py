"""Windows cut out of large renders, so that small things keep their pixels at the training size."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SHARE = (0.45, 0.9)  # of the render's width and height
KEPT_MIN = 0.3  # of a box's area inside the window, else the thing is left unlabelled


def cut(rows: NDArray[np.float64], window: tuple[float, float, float, float]) -> NDArray[np.float64]:
    """YOLO rows (N, 5) of a picture -> rows of a window (x1, y1, x2, y2 as shares of the picture)."""
    x1, y1, x2, y2 = window
    low, high = rows[:, 1:3] - rows[:, 3:5] / 2, rows[:, 1:3] + rows[:, 3:5] / 2
    area = (high - low).prod(1)
    low, high = low.clip((x1, y1), (x2, y2)), high.clip((x1, y1), (x2, y2))
    keep = (high - low).prod(1) >= KEPT_MIN * area
    low, high, side = (low - (x1, y1))[keep], (high - (x1, y1))[keep], np.array([x2 - x1, y2 - y1])
    return np.column_stack([rows[keep, 0], (low + high) / 2 / side, (high - low) / side])


def window_of(picture: Path, rows: NDArray[np.float64], out: Path, rng: np.random.Generator) -> NDArray[np.float64]:
    """Write a random window of a picture to `out` and return its rows."""
    image = cv2.imread(str(picture))
    if image is None:
        raise ValueError(f"{picture}: not a picture that can be read; export the renders again")
    height, width = image.shape[:2]
    share = rng.uniform(*SHARE)
    x, y = rng.uniform(0, 1 - share, 2)
    px = [round(v) for v in (x * width, y * height, (x + share) * width, (y + share) * height)]
    cv2.imwrite(str(out), image[px[1] : px[3], px[0] : px[2]], [cv2.IMWRITE_JPEG_QUALITY, 92])
    return cut(rows, (px[0] / width, px[1] / height, px[2] / width, px[3] / height))
