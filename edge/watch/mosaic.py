"""One run of the network over regions of several cameras: they are laid side by side on a sheet of the usual size."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from detectors import Detections, Detector
from detectors.base import TakesSheets
from edge.watch.boxes import Box, covered
from edge.watch.picture import Image

GAP_PX = 12  # between regions: grey, so that nothing seems to reach across
GREY = 114  # what letterboxes are filled with
SHAPE = 9 / 16  # of a full sheet: most cameras' own
RUN_PX = 20_000  # what starting a run costs, in pixels of a sheet
STEP_PX = 32  # what networks stride by: sheets grow in these steps
CUT_PX = 2.0  # a box this near to a region's edge is of a thing that goes on outside it
INSIDE_MIN = 0.8


@dataclass(frozen=True)
class Want:
    """A picture (H, W, 3) BGR and the regions of it, px, that the network should see; none: all of it."""

    image: Image
    regions: tuple[Box, ...] = ()


@dataclass(frozen=True)
class _Cell:
    want: int
    region: tuple[int, int, int, int]
    scale: float
    sheet: int
    x: int
    y: int
    width: int
    height: int


_Sized = tuple[int, int, float, int, tuple[int, int, int, int]]  # height, width, scale on the sheet; want, region


def detect_all(detector: Detector, wants: Sequence[Want], side_px: int) -> list[Detections]:
    """Detections of each want in its own picture's px. `side_px`: the network's input; regions are shrunk as the whole
    picture would be, so that things have the size that they have there."""
    wholes = [i for i, want in enumerate(wants) if not want.regions]
    cells = _packed([(i, want) for i, want in enumerate(wants) if want.regions], side_px)
    trimmed = isinstance(detector, TakesSheets)
    sheets = [_sheet(wants, cells, s, side_px, trimmed) for s in range(_count(cells))]
    found = detector.detect_batch([wants[i].image for i in wholes]) if wholes else []
    if sheets:
        found += detector.detect_sheets(sheets) if isinstance(detector, TakesSheets) else detector.detect_batch(sheets)
    out = [Detections.empty(detector.names) for _ in wants]
    for i, of_whole in zip(wholes, found, strict=False):
        out[i] = of_whole
    for i in {cell.want for cell in cells}:
        parts = [_back(found[len(wholes) + c.sheet], c, wants[i].image) for c in cells if c.want == i]
        out[i] = _joined(parts, detector.names)
    return out


def _packed(wants: list[tuple[int, Want]], side_px: int) -> list[_Cell]:
    """Laid so that the sheets, each trimmed to what lies on it, have the least area: that is what a run costs."""
    sized = [
        (*_size(region, want, side_px), i, region)
        for i, want in wants
        for region in (_whole_px(r) for r in want.regions)
    ]
    sized.sort(key=lambda one: (-one[0], one[3], one[4]))
    widest = max((one[1] for one in sized), default=side_px)
    widths = [*range(_steps(widest), side_px, STEP_PX), side_px]
    return min((_laid(sized, width, round(side_px * SHAPE)) for width in widths), key=_price)


def _laid(sized: list[_Sized], width_px: int, height_px: int) -> list[_Cell]:
    """Shelves from top to bottom, the tallest regions first."""
    cells: list[_Cell] = []
    sheet, x, y, shelf = 0, 0, 0, 0
    for height, width, scale, i, region in sized:
        if x + width > width_px:
            x, y, shelf = 0, y + shelf + GAP_PX, 0
        if y + height > height_px:
            sheet, x, y, shelf = sheet + 1, 0, 0, 0
        cells.append(_Cell(i, region, scale, sheet, x, y, width, height))
        x, shelf = x + width + GAP_PX, max(shelf, height)
    return cells


def _count(cells: Sequence[_Cell]) -> int:
    return max((cell.sheet for cell in cells), default=-1) + 1


def _extent(cells: Sequence[_Cell], sheet: int) -> tuple[int, int]:
    """(height, width) px of what lies on a sheet, in whole steps."""
    on = [cell for cell in cells if cell.sheet == sheet]
    return _steps(max(c.y + c.height for c in on)), _steps(max(c.x + c.width for c in on))


def _price(cells: Sequence[_Cell]) -> int:
    """Pixels that the network runs over, and what a run costs beyond them."""
    return sum(height * width + RUN_PX for height, width in (_extent(cells, s) for s in range(_count(cells))))


def _steps(px: int) -> int:
    return -(-px // STEP_PX) * STEP_PX


def _size(region: tuple[int, int, int, int], want: Want, side_px: int) -> tuple[int, int, float]:
    """(height, width) on the sheet and the scale."""
    x1, y1, x2, y2 = region
    scale = min(side_px / max(want.image.shape[:2]), side_px / (x2 - x1), side_px * SHAPE / (y2 - y1))
    return max(1, int((y2 - y1) * scale)), max(1, int((x2 - x1) * scale)), scale


def _whole_px(box: Box) -> tuple[int, int, int, int]:
    x1, y1 = int(box[0]), int(box[1])
    return x1, y1, max(x1 + 1, round(box[2])), max(y1 + 1, round(box[3]))


def _sheet(wants: Sequence[Want], cells: list[_Cell], number: int, side_px: int, trimmed: bool) -> Image:
    shape = _extent(cells, number) if trimmed else (round(side_px * SHAPE), side_px)
    sheet = np.full((*shape, 3), GREY, np.uint8)
    for cell in (c for c in cells if c.sheet == number):
        x1, y1, x2, y2 = cell.region
        part = np.ascontiguousarray(wants[cell.want].image[y1:y2, x1:x2])
        small = cv2.resize(part, (cell.width, cell.height), interpolation=cv2.INTER_LINEAR)
        sheet[cell.y : cell.y + cell.height, cell.x : cell.x + cell.width] = small
    return sheet


def _back(found: Detections, cell: _Cell, image: Image) -> Detections:
    """What lies in this cell and is not cut by its edge (the picture's own edge cuts nothing)."""
    x1, y1, x2, y2 = cell.region
    place = (float(cell.x), float(cell.y), float(cell.x + cell.width), float(cell.y + cell.height))
    inner = (x1 > 0, y1 > 0, x2 < image.shape[1], y2 < image.shape[0])
    kept = [i for i, box in enumerate(found.boxes) if _inside([float(v) for v in box], place, inner)]
    some = found[np.array(kept, np.intp)]
    gain = np.array([(x2 - x1) / cell.width, (y2 - y1) / cell.height] * 2, np.float32)
    boxes = (some.boxes - np.array([cell.x, cell.y] * 2, np.float32)) * gain + np.array([x1, y1] * 2, np.float32)
    limit = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
    return Detections.of(boxes.clip(0, limit), some.scores, some.class_ids, found.names)


def _inside(box: list[float], place: Box, inner: tuple[bool, ...]) -> bool:
    x1, y1, x2, y2 = box
    if covered((x1, y1, x2, y2), place) < INSIDE_MIN:
        return False
    near = (x1 - place[0], y1 - place[1], place[2] - x2, place[3] - y2)
    return not any(gap < CUT_PX and cuts for gap, cuts in zip(near, inner, strict=True))


def _joined(parts: list[Detections], names: tuple[str, ...]) -> Detections:
    boxes, scores = np.concatenate([p.boxes for p in parts]), np.concatenate([p.scores for p in parts])
    order = np.argsort(-scores, kind="stable")
    classes = np.concatenate([p.class_ids for p in parts])
    return Detections.of(boxes[order], scores[order], classes[order], names)
