"""Faces and vehicles' plate regions made unreadable for good, or no picture at all.

Not covered yet: plates of vehicles that the detector misses, faces under about 8 px or turned away, names of shops.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.errors import ModelError, RedactionError
from detectors.faces import FaceFinder
from detectors.types import Detections, Image

VEHICLES = ("car", "bus", "truck", "motorbike")
FACE_GROW = 1.4  # hair, ears and chin lie outside the detector's box
FACE_BLOCKS = (3, 4)  # a face becomes 3 x 4 flat blocks
PLATE_FROM = 0.4  # plates sit in the lower part of a vehicle's box
PLATE_BLOCK_SHARE = 1 / 14  # of the vehicle's width: a plate becomes about 3 flat blocks
# What the network, OpenCV and numpy raise on a picture that they cannot work on.
FAILURES = (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, MemoryError, cv2.error)


class Redactor:
    """Hides faces, and the lower part of vehicles when the detector's boxes are given. One instance per thread."""

    def __init__(self, model: Path | None = None) -> None:
        try:
            self.faces = FaceFinder(model)
        except (ModelError, RuntimeError) as error:
            raise RedactionError(f"faces cannot be found, so no picture may leave: {error}") from error

    def redact(self, image_bgr: Image, vehicles: Detections | None = None) -> Image:
        """A redacted copy of a picture (H, W, 3) uint8 BGR.

        vehicles: what the detector found in this picture; its cars, buses, trucks and motorbikes are used. Fails
        closed: raises RedactionError when anything goes wrong, and then the caller sends no picture.
        """
        try:
            out = np.array(image_bgr, dtype=np.uint8, copy=True)
            for box in self.faces.find(image_bgr):
                pixelate(out, grown(box, FACE_GROW), FACE_BLOCKS)
            for box in vehicles.of_class(*VEHICLES).boxes if vehicles is not None else []:
                hide_plate_region(out, box)
        except FAILURES as error:
            raise RedactionError(f"redaction failed, so no picture may leave: {error!r}") from error
        return out


def grown(box: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """A box (4,) xyxy made larger around its centre."""
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * factor
    return np.concatenate([centre - half, centre + half])


def hide_plate_region(image: Image, box: NDArray[np.float32]) -> None:
    """Pixelate the part of a vehicle's box (4,) xyxy px in which plates sit, in place."""
    x1, y1, x2, y2 = box
    lower = np.array([x1, y1 + (y2 - y1) * PLATE_FROM, x2, y2], dtype=np.float32)
    block = max((x2 - x1) * PLATE_BLOCK_SHARE, 4.0)
    pixelate(image, lower, (max(int((x2 - x1) / block), 1), max(int((y2 - lower[1]) / block), 1)))


def pixelate(image: Image, box: NDArray[np.float32], blocks: tuple[int, int]) -> None:
    """Replace a box (4,) xyxy px by (across, down) flat blocks of its mean colours, in place; nothing else remains."""
    height, width = image.shape[:2]
    x1, y1 = (int(v) for v in np.floor(box[:2]).clip(0, (width, height)))
    x2, y2 = (int(v) for v in np.ceil(box[2:]).clip(0, (width, height)))
    if x2 <= x1 or y2 <= y1:
        return
    across, down = min(blocks[0], x2 - x1), min(blocks[1], y2 - y1)
    small = cv2.resize(image[y1:y2, x1:x2], (across, down), interpolation=cv2.INTER_AREA)
    image[y1:y2, x1:x2] = cv2.resize(small, (x2 - x1, y2 - y1), interpolation=cv2.INTER_NEAREST)
