"""Pasted ads: rendered small ads on photographs of real walls, with exact boxes."""

from pathlib import Path

import cv2
import numpy as np

from models.evaluate import read_set
from models.walls import MEASURED, TRAINED, measuring_set, paste_ads, plain_walls


def test_pasted_ads_change_the_wall_inside_their_boxes_and_nowhere_else() -> None:
    wall = np.full((400, 400, 3), 128, np.uint8)
    picture, rows = paste_ads(wall, np.random.default_rng(2))
    assert len(rows) and ((rows > 0) & (rows <= 1)).all()
    outside = np.ones((400, 400), bool)
    for cx, cy, w, h in rows * 400:
        x1, y1, x2, y2 = (int(v) for v in (cx - w / 2 - 4, cy - h / 2 - 4, cx + w / 2 + 5, cy + h / 2 + 5))
        assert (picture[max(y1, 0) : y2, max(x1, 0) : x2] != 128).any()
        outside[max(y1, 0) : y2, max(x1, 0) : x2] = False
    assert (picture[outside] == 128).all()


def test_walls_for_measuring_are_never_trained_on(shared: Path) -> None:
    learned, measured = (set(plain_walls(shared / "data", part).values()) for part in (TRAINED, MEASURED))
    assert learned and measured and not learned & measured


def test_the_measuring_set_can_be_evaluated(shared: Path, tmp_path: Path) -> None:
    """Its names, labels and boxes are what `model eval` reads, and every box lies in its picture."""
    truths = list(read_set(measuring_set(shared / "data", tmp_path, 5, 3, poster_id=22)))
    assert len(truths) == 5 and sum(len(t.boxes) for t in truths) >= 5
    for truth in truths:
        height, width = cv2.imread(str(truth.path)).shape[:2]
        assert (truth.classes == 22).all() and (truth.boxes >= 0).all()
        assert (truth.boxes[:, 2] <= width + 1).all() and (truth.boxes[:, 3] <= height + 1).all()
