"""Number plates (号牌) to be hidden in a picture: read as text anywhere, and by colour, shape or place on vehicles.

Made for redaction: a wall hidden by mistake costs less than a plate shown. What was read serves only to know a plate
when it is seen; log it nowhere. Layout of plates: GA 36-2018.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.text import TextLine, TextReader
from detectors.types import Detection, Detections, Image

How = Literal["text", "shape", "region"]
Floats = NDArray[np.float32]

VEHICLES = ("car", "bus", "truck", "motorbike")
PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使"
PLATE = re.compile(f"[{PROVINCES}][A-Z0-9][A-Z0-9]{{4,6}}[挂学警港澳领]?")
# The province's character is the first that a reader loses: any other Chinese character, or none, before the rest.
WORN_PLATE = re.compile(r"[一-鿿]?[A-Z][A-Z0-9]{5,6}[挂学警港澳领]?")
# Readers often see the part after the dot as a line of its own; it takes up two thirds of the plate.
TAIL = re.compile(r"[A-Z0-9]{5,6}")
TAIL_LEFT = 0.55  # of the tail's width: where province and letter stand
WORN_DIGITS_MIN = 3
ANYWHERE_PX = (1280, 1920)  # longer side in which the whole picture is read: doubles the cost, finds smaller plates
MARKS_MIN = 4  # letters and digits in a line on a vehicle that make it worth hiding, plate or not
LINE_ASPECT = (1.2, 8.0)  # width to height of a read line; two-row plates come as two lines
GROW = (0.12, 0.25)  # of the box's width and height, on each side: a line of text is smaller than its plate
TEXT_FROM = 0.2  # plates lie below this share of a vehicle's height
VEHICLE_MIN_PX = 40  # below, a plate is under 12 px wide and holds no character
VEHICLES_MAX = 64
READ_MAX = 4  # vehicles read per picture, the largest; the others are hidden by shape and region
SHAPES_MAX = 4  # per vehicle
SHAPE_ASPECT = (2.0, 5.5)  # 440 x 140 mm is 3.1, 480 x 140 is 3.4; seen from the side less
SHAPE_WIDTH = (0.08, 0.5)  # of the vehicle's
SHAPE_WIDTH_PX = 320  # vehicles are brought to this width before looking for shapes
EDGES_MIN = 0.06  # share of the plate's pixels that are edges of characters
REGION = (0.1, 0.4, 0.9, 1.0)  # x1, y1, x2, y2 as shares of the vehicle's box
REGION_MOTORBIKE = (0.0, 0.15, 1.0, 1.0)
# HSV ranges (OpenCV: hue 0..180) of blue, green (new energy), yellow and white plates.
COLOURS = (
    ((98, 90, 50), (130, 255, 255)),
    ((35, 45, 90), (95, 255, 255)),
    ((14, 90, 90), (36, 255, 255)),
    ((0, 0, 160), (180, 45, 255)),
)


@dataclass(frozen=True, slots=True, eq=False)
class PlateBox:
    """Something to hide. box: (4,) float32 xyxy px; text: what was read there, empty for shapes and regions."""

    box: Floats
    how: How
    text: str = ""


class PlateFinder:
    """Finds what must be hidden. One instance per thread.

    read: also look for plates as text, in the whole picture and in each vehicle (one reading each, the larger part of
    the cost); without it only shapes and regions on the given vehicles are returned, and nothing can be missing.
    Raises TextError when text cannot be read: then no picture may leave.
    """

    def __init__(self, reader: TextReader | None = None, read: bool = True, threads: int = 0) -> None:
        self.reader = (reader or TextReader(threads, min_score=0.3)) if read else None

    def find(
        self, image_bgr: Image, vehicles: Detections | None = None, anywhere_px: tuple[int, int] = ANYWHERE_PX
    ) -> list[PlateBox]:
        """Boxes to hide in a picture (H, W, 3) uint8 BGR, clipped to it.

        vehicles: what the detector found; of its cars, buses, trucks and motorbikes the lower part is searched (text
        on the READ_MAX largest), and hidden whole unless a complete plate was read on that vehicle.
        anywhere_px: range into which the longer side is brought for reading the whole picture.
        """
        found = list(self._read_anywhere(image_bgr, anywhere_px))
        ranked = sorted(vehicles.of_class(*VEHICLES), key=_area, reverse=True) if vehicles is not None else []
        for rank, vehicle in enumerate(ranked):
            box = np.array(vehicle.box, np.float32)
            if rank < VEHICLES_MAX:
                found += self._on_vehicle(image_bgr, box, vehicle.name, found, rank < READ_MAX)
            else:
                found.append(PlateBox(region(box, vehicle.name), "region"))
        height, width = image_bgr.shape[:2]
        limit = np.array([width, height, width, height], np.float32)
        return [PlateBox(plate.box.clip(0, limit), plate.how, plate.text) for plate in found]

    def _read_anywhere(self, image: Image, anywhere_px: tuple[int, int]) -> Iterator[PlateBox]:
        for line in self.reader.read(image, anywhere_px) if self.reader else ():
            if plate_like(line.text) or (tail_like(line.text) and _on_plate_shape(image, line)):
                yield PlateBox(_text_box(line), "text", line.text)

    def _on_vehicle(
        self, image: Image, box: Floats, name: str, known: list[PlateBox], to_be_read: bool
    ) -> list[PlateBox]:
        x1, y1, x2, y2 = _inside(box, image)
        if x2 - x1 < 2 or y2 - y1 < 2:
            return []
        crop = np.ascontiguousarray(image[y1:y2, x1:x2])
        found = list(self._read_vehicle(crop, x1, y1)) if to_be_read else []
        found += [PlateBox(shape + np.array([x1, y1] * 2, np.float32), "shape") for shape in plate_shapes(crop)]
        read = [plate for plate in [*known, *found] if plate.how == "text" and _within(plate.box, box)]
        if not any(is_plate(plate.text) for plate in read):
            found.append(PlateBox(region(box, name), "region"))
        return found

    def _read_vehicle(self, crop: Image, x: int, y: int) -> Iterator[PlateBox]:
        if self.reader is None or crop.shape[1] < VEHICLE_MIN_PX:
            return
        for line in self.reader.read(crop):
            if plate_like(line.text) or _marks(line, crop.shape[0]):
                yield PlateBox(_text_box(line) + np.array([x, y] * 2, np.float32), "text", line.text)


def _area(vehicle: Detection) -> float:
    x1, y1, x2, y2 = vehicle.box
    return (x2 - x1) * (y2 - y1)


def is_plate(text: str) -> bool:
    """Whether a read line is a complete plate: province, letter, five or six letters and digits."""
    return bool(PLATE.search(_bare(text)))


def plate_like(text: str) -> bool:
    """Whether a read line may be a plate: complete, or with its province lost and enough digits."""
    bare = _bare(text)
    worn = WORN_PLATE.fullmatch(bare)
    return is_plate(text) or bool(worn and sum(char.isdigit() for char in bare) >= WORN_DIGITS_MIN)


def tail_like(text: str) -> bool:
    """Whether a read line may be the part of a plate after its dot."""
    bare = _bare(text)
    return bool(TAIL.fullmatch(bare)) and sum(char.isdigit() for char in bare) >= WORN_DIGITS_MIN


def region(box: Floats, name: str) -> Floats:
    """Where the plate of a vehicle with this box (4,) xyxy px must be when it cannot be seen."""
    shares = np.array(REGION_MOTORBIKE if name == "motorbike" else REGION, np.float32)
    size = (box[2:] - box[:2])[[0, 1, 0, 1]]
    return np.asarray(box[[0, 1, 0, 1]] + shares * size, np.float32)


def plate_shapes(vehicle: Image) -> list[Floats]:
    """Boxes (4,) xyxy px in a vehicle's crop (H, W, 3): plate-coloured rectangles with characters' edges in them."""
    ratio = SHAPE_WIDTH_PX / vehicle.shape[1]
    size = (SHAPE_WIDTH_PX, max(round(vehicle.shape[0] * ratio), 8))
    small = cv2.resize(vehicle, size, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR)
    hsv = cv2.cvtColor(cv2.GaussianBlur(small, (3, 3), 0), cv2.COLOR_BGR2HSV)
    edges = cv2.Canny(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), 60, 160)
    found: list[tuple[float, Floats]] = []
    for low, high in COLOURS:
        mask = cv2.inRange(hsv, np.array(low), np.array(high))
        mask[: int(size[1] * TEXT_FROM)] = 0
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 11), np.uint8))
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        found += [candidate for outline in outlines if (candidate := _shape(outline, edges)) is not None]
    found.sort(key=lambda candidate: -candidate[0])
    return [grown(box / np.float32(ratio), (0.06, 0.12)) for _, box in found[:SHAPES_MAX]]


def _shape(outline: cv2.typing.MatLike, edges: cv2.typing.MatLike) -> tuple[float, Floats] | None:
    """(density of edges, box) of a blob that is shaped like a plate."""
    (_, sides, _) = cv2.minAreaRect(outline)
    long, short = max(sides), min(sides)
    if short < 4 or not SHAPE_ASPECT[0] <= long / short <= SHAPE_ASPECT[1]:
        return None
    x, y, width, height = cv2.boundingRect(outline)
    if width < height or not SHAPE_WIDTH[0] * SHAPE_WIDTH_PX <= width <= SHAPE_WIDTH[1] * SHAPE_WIDTH_PX:
        return None
    filled = cv2.contourArea(outline) / (long * short)
    density = float((edges[y : y + height, x : x + width] > 0).mean())
    if filled < 0.5 or density < EDGES_MIN:
        return None
    return density * filled, np.array([x, y, x + width, y + height], np.float32)


def grown(box: Floats, shares: tuple[float, float] = GROW) -> Floats:
    """A box (4,) xyxy enlarged by a share of its width and height on each side."""
    add = (box[2:] - box[:2]) * np.array(shares, np.float32)
    return np.concatenate([box[:2] - add, box[2:] + add]).astype(np.float32)


def _text_box(line: TextLine) -> Floats:
    """The plate around a read line, with room for province and letter when only the rest was read."""
    box = line.box.copy()
    if tail_like(line.text):
        box[0] -= TAIL_LEFT * (box[2] - box[0])
    return grown(box)


def _on_plate_shape(image: Image, line: TextLine) -> bool:
    """Whether a line stands on something coloured and shaped like a plate: a price on a poster does not."""
    x1, y1, x2, y2 = _inside(grown(line.box, (1.0, 1.5)), image)
    centre = (line.box[:2] + line.box[2:]) / 2 - (x1, y1)
    shapes = plate_shapes(np.ascontiguousarray(image[y1:y2, x1:x2]))
    return any(bool((box[:2] <= centre).all() and (centre <= box[2:]).all()) for box in shapes)


def _bare(text: str) -> str:
    """Capital letters, digits and Chinese characters alone."""
    return re.sub(r"[^0-9A-Z一-鿿]", "", text.upper())


def _marks(line: TextLine, vehicle_height: int) -> bool:
    """Whether a line low on a vehicle has enough letters and digits to be a plate of any country."""
    width, height = line.box[2] - line.box[0], max(float(line.box[3] - line.box[1]), 1.0)
    count = sum(char.isascii() and char.isalnum() for char in line.text)
    low = line.box[3] >= TEXT_FROM * vehicle_height
    return count >= MARKS_MIN and low and LINE_ASPECT[0] <= width / height <= LINE_ASPECT[1]


def _inside(box: Floats, image: Image) -> tuple[int, int, int, int]:
    height, width = image.shape[:2]
    x1, y1 = np.floor(box[:2]).clip(0, (width, height))
    x2, y2 = np.ceil(box[2:]).clip(0, (width, height))
    return int(x1), int(y1), int(x2), int(y2)


def _within(inner: Floats, outer: Floats) -> bool:
    centre = (inner[:2] + inner[2:]) / 2
    return bool((centre >= outer[:2]).all() and (centre <= outer[2:]).all())
