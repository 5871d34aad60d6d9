"""How many faces the redactor hides: `python -m models.measure_faces <street>`, as JSON with sizes and splits.

The boxes are hand-made (`models/labels/faces.txt`); whether a face is hidden is asked of the very picture that would
leave: its box is covered by what the redactor pixelates. The text and plate part is left out, it only hides more.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.faces import MIN_SCORE, FaceFinder
from detectors.images import read_image
from detectors.redact import FACE_GROW, grown
from models.handboxes import read_boxes

LABELS = Path(__file__).parent / "labels" / "faces.txt"
COVERED_MIN = 0.5  # of a labelled box's area inside pixelated boxes: the face is hidden
IOU_MIN = 0.3  # with a box of the finder as it is: the face is found
SIZES_PX = ((0, 20), (20, 40), (40, 80), (80, 10_000))  # height of the labelled box

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Face:
    """One labelled face. split: "val" or "train"; height_px: of its box; covered: share of it that is pixelated."""

    split: str
    height_px: float
    covered: float
    iou: float


def measured(folder: Path, labels: Path = LABELS) -> Iterator[Face]:
    """Each labelled face of pictures below `folder`. Raises LabelError, ImageError."""
    finder = FaceFinder()
    for picture, faces in read_boxes(labels).items():
        if len(faces) == 0:
            continue
        image = read_image(folder / picture)
        found = finder.find(image)
        hidden = mask(image.shape, [grown(box, FACE_GROW) for box in found])
        for face in faces:
            height = float(face[3] - face[1])
            yield Face(picture.split("/")[0], height, covered(face, hidden), best_iou(face, found))


def mask(shape: tuple[int, ...], boxes: list[Floats]) -> NDArray[np.bool_]:
    """(H, W): the pixels that are pixelated, rounded outwards as `detectors.redact.pixelate` does."""
    out = np.zeros(shape[:2], bool)
    for x1, y1, x2, y2 in boxes:
        left, top = max(int(np.floor(x1)), 0), max(int(np.floor(y1)), 0)
        out[top : max(int(np.ceil(y2)), 0), left : max(int(np.ceil(x2)), 0)] = True
    return out


def covered(face: Floats, hidden: NDArray[np.bool_]) -> float:
    """The share of a box (4,) xyxy px that lies under the mask, 0 to 1."""
    x1, y1, x2, y2 = (round(float(v)) for v in face)
    inside = hidden[y1:y2, x1:x2]
    return float(inside.mean()) if inside.size else 0.0


def best_iou(face: Floats, found: Floats) -> float:
    """The largest intersection over union with any found box; 0 when nothing was found."""
    if len(found) == 0:
        return 0.0
    low, high = np.maximum(found[:, :2], face[:2]), np.minimum(found[:, 2:], face[2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    areas = np.prod(found[:, 2:] - found[:, :2], axis=1) + np.prod(face[2:] - face[:2])
    return float((shared / (areas - shared)).max())


def summary(faces: list[Face]) -> dict[str, float]:
    """Counts and shares of some faces."""
    n = len(faces)
    hidden, found = sum(f.covered >= COVERED_MIN for f in faces), sum(f.iou >= IOU_MIN for f in faces)
    return {
        "faces": n,
        "hidden": hidden,
        "found": found,
        "hidden_share": round(hidden / n, 3) if n else 0.0,
        "found_share": round(found / n, 3) if n else 0.0,
    }


def report(faces: list[Face]) -> dict[str, object]:
    """Everything by split, and val by height."""
    val = [face for face in faces if face.split == "val"]
    by_size = {
        f"{low}-{high if high < 10_000 else ''} px": summary([f for f in val if low <= f.height_px < high])
        for low, high in SIZES_PX
    }
    train = summary([face for face in faces if face.split == "train"])
    limits = {"min_score": MIN_SCORE, "grow": FACE_GROW, "covered_min": COVERED_MIN, "iou_min": IOU_MIN}
    return {"val": summary(val), "train": train, "val_by_height": by_size, **limits}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("street", type=Path, help="folder that holds val/images and train/images")
    sys.stdout.write(json.dumps(report(list(measured(parser.parse_args().street))), indent=1) + "\n")


if __name__ == "__main__":
    main()
