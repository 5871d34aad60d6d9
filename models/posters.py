"""How much of the hand-boxed graffiti the class poster finds (`labels/graffiti_boxes.txt`, drawn by an AI model)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.base import Detector
from detectors.images import read_image
from models.alarms import SCORES
from models.handboxes import read_boxes
from models.metrics import iou_matrix, paired

CLASS = "poster"
IOU_MIN = 0.5
DENSE = re.compile(r"\b(?:tags|throwups)_\d{4}\b")


@dataclass(slots=True)
class Tally:
    """boxes and found: of pictures whose pieces can be told apart. Areas in px: of all pictures."""

    pictures: int = 0
    boxes: int = 0
    found: int = 0
    shown: int = 0
    painted_px: int = 0
    covered_px: int = 0
    claimed_px: int = 0

    def add(self, truth: NDArray[np.float32], found: NDArray[np.float32], shape: tuple[int, int], dense: bool) -> None:
        """One picture of (height, width): boxes drawn (M, 4) and found (N, 4), xyxy px."""
        self.pictures += 1
        if not dense:
            self.boxes, self.shown = self.boxes + len(truth), self.shown + len(found)
            self.found += len(paired(iou_matrix(found, truth), IOU_MIN)) if len(found) and len(truth) else 0
        painted, claimed = covered(truth, shape), covered(found, shape)
        self.painted_px += int(painted.sum())
        self.claimed_px += int(claimed.sum())
        self.covered_px += int((painted & claimed).sum())

    def as_dict(self) -> dict[str, Any]:
        """Counts and shares; a share of nothing is None."""
        return {
            "pictures": self.pictures,
            "boxes": self.boxes,
            "found": self.found,
            "recall": share(self.found, self.boxes),
            "precision": share(self.found, self.shown),
            "area_found": share(self.covered_px, self.painted_px),
            "area_right": share(self.covered_px, self.claimed_px),
        }


def share(part: int, whole: int) -> float | None:
    """part / whole, None where there is no whole."""
    return round(part / whole, 4) if whole else None


def covered(boxes: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels (H, W) that lie in any of the boxes (N, 4) xyxy px."""
    out = np.zeros(shape, dtype=bool)
    for x1, y1, x2, y2 in boxes.round().astype(int).clip(0).tolist():
        out[y1:y2, x1:x2] = True
    return out


def dense_pictures(labels: Path) -> frozenset[str]:
    """Names that the label file's header lists as too dense for single boxes."""
    comments = [line for line in labels.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    return frozenset(name for line in comments for name in DENSE.findall(line))


def measure(detector: Detector, unboxed: Path, labels: Path, trained: Iterable[str] = ()) -> list[dict[str, Any]]:
    """A row per folder (tags, throwups) and score of SCORES, pictures trained on left out.

    Raises LabelError for a label file that cannot be read, ImageError for a picture that is missing.
    """
    dense, left_out = dense_pictures(labels), frozenset(trained)
    tallies: dict[tuple[str, float], Tally] = {}
    for name, truth in read_boxes(labels).items():
        if Path(name).stem in left_out:
            continue
        image = read_image(unboxed / name)
        found = detector.detect(image).of_class(CLASS)
        for score in SCORES:
            tally = tallies.setdefault((Path(name).parent.name, score), Tally())
            tally.add(truth, found.above(score).boxes, image.shape[:2], Path(name).stem in dense)
    return [{"folder": folder, "score": score, **tally.as_dict()} for (folder, score), tally in tallies.items()]
