"""Faces and number plates made unreadable for good, or no picture at all.

Faces: CenterFace. Plates: `plates.py` (text anywhere, shape and region on vehicles). How many faces are hidden is
measured (`python -m models.measure_faces`). Not covered: faces turned away, plates that are neither read nor on a
vehicle that the detector found, names of shops.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.errors import DetectorError, RedactionError
from detectors.faces import FaceFinder
from detectors.plates import ANYWHERE_PX, PlateBox, PlateFinder
from detectors.text import TextReader
from detectors.types import Detections, Image

PLATE_SCORE_MIN = 0.3  # a plate is often read badly
READ_THREADS = 1  # pictures are redacted beside the detection, which must keep the other cores
FACE_GROW = 1.4  # hair, ears and chin lie outside the detector's box
FACE_BLOCKS = (3, 4)  # a face becomes 3 x 4 flat blocks
PLATE_BLOCKS = (3, 1)  # a plate of seven characters becomes 3 flat blocks
REGION_BLOCK_SHARE = 1 / 11  # of the region's width: a plate in it becomes about 3 flat blocks
REGION_BLOCK_MIN_PX = 4.0
# What the network, OpenCV and numpy raise on a picture that they cannot work on.
FAILURES = (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, MemoryError, cv2.error)


class Redactor:
    """Hides faces and number plates. Its networks are loaded here, once; use one instance per thread.

    model: another face network. reader: a text reader of the same thread to share, whose `min_score` should be
    PLATE_SCORE_MIN or less. Raises RedactionError when a network is missing or damaged.
    """

    def __init__(self, model: Path | None = None, reader: TextReader | None = None) -> None:
        try:
            self.faces = FaceFinder(model)
            self.reader = reader or TextReader(READ_THREADS, min_score=PLATE_SCORE_MIN)
            self.plates = PlateFinder(self.reader)
        except (DetectorError, RuntimeError) as error:
            raise RedactionError(f"redaction cannot start, so no picture may leave: {error}") from error

    def redact(self, image_bgr: Image, vehicles: Detections | None = None, part: float = 1.0) -> Image:
        """A redacted copy of a picture (H, W, 3) uint8 BGR.

        vehicles: what the detector found in this picture; its cars, buses, trucks and motorbikes are searched for
        plates, and the whole picture is without them. part: the longer side as a share of that of the picture from
        which this one was cut, so that it is read at the same scale and no larger.
        Fails closed: raises RedactionError when anything goes wrong, and then the caller sends no picture.
        """
        try:
            out = np.array(image_bgr, dtype=np.uint8, copy=True)
            least, most = ANYWHERE_PX
            for plate in self.plates.find(image_bgr, vehicles, (max(1, round(least * part)), most)):
                hide_plate(out, plate)
            for box in self.faces.find(image_bgr):
                pixelate(out, grown(box, FACE_GROW), FACE_BLOCKS)
        except (DetectorError, *FAILURES) as error:
            raise RedactionError(f"redaction failed, so no picture may leave: {error!r}") from error
        return out


def grown(box: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """A box (4,) xyxy made larger around its centre."""
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * factor
    return np.concatenate([centre - half, centre + half])


def hide_plate(image: Image, plate: PlateBox) -> None:
    """Pixelate a plate, or the part of a vehicle in which one must be, in place."""
    if plate.how != "region":
        pixelate(image, plate.box, PLATE_BLOCKS)
        return
    width, height = plate.box[2:] - plate.box[:2]
    block = max(width * REGION_BLOCK_SHARE, REGION_BLOCK_MIN_PX)
    pixelate(image, plate.box, (max(int(width / block), 1), max(int(height / block), 1)))


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
