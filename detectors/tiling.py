"""Small things in large pictures: a detector run on overlapping tiles, its boxes joined across the seams.

Cost: the network sees one picture per tile and one of the whole; with 640 px tiles and 0.2 overlap that is 9 for a
1920x1080 frame, 33 for 3840x2160, 49 for a 12-megapixel photograph (4000x3000); `tile_count` states the formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from detectors.base import Detector
from detectors.errors import ImageError
from detectors.nms import suppress_by_class
from detectors.types import Detections, Image

TILE_PX = 640
OVERLAP = 0.2
BATCH_MAX = 8
AGREE_IOU = 0.5  # two tiles saw one thing when they agree on the part that both see
AGREE_IOS = 0.7  # enough when a seam cut one of the boxes
CUT_PX = 2.0  # a box that ends this near to a tile's inner edge was cut
IOU_MAX = 0.6
TILES_MAX = 4096

Floats = NDArray[np.float32]


def offsets(length_px: int, tile_px: int, overlap: float) -> list[int]:
    """Where tiles start along one side: evenly spread, first at 0, last flush with the end, neighbours sharing at
    least `overlap` of a tile."""
    if length_px <= tile_px:
        return [0]
    steps = ceil((length_px - tile_px) / max(tile_px - ceil(tile_px * overlap), 1))
    return [(length_px - tile_px) * i // steps for i in range(steps + 1)]


def tile_count(height_px: int, width_px: int, tile_px: int = TILE_PX, overlap: float = OVERLAP) -> int:
    """Tiles of a picture: per side ceil((side - tile) / (tile * (1 - overlap))) + 1, or 1 when it fits."""
    return len(offsets(height_px, tile_px, overlap)) * len(offsets(width_px, tile_px, overlap))


def tiles_of(height_px: int, width_px: int, tile_px: int = TILE_PX, overlap: float = OVERLAP) -> Floats:
    """The tiles themselves, (N, 4) xyxy px, row by row."""
    corners = [(x, y) for y in offsets(height_px, tile_px, overlap) for x in offsets(width_px, tile_px, overlap)]
    boxes = [(x, y, min(x + tile_px, width_px), min(y + tile_px, height_px)) for x, y in corners]
    return np.array(boxes, dtype=np.float32)


@dataclass
class TiledDetector:
    """A `Detector` that looks at a picture tile by tile.

    overlap: share of a tile that neighbours see both, 0.05 to 0.5; a thing no larger than tile_px * overlap lies whole
    in some tile. whole: also look at the whole picture at once, for things larger than a tile. batch_max: tiles per
    network call of the inner detector's `detect_batch`.
    """

    detector: Detector
    tile_px: int = TILE_PX
    overlap: float = OVERLAP
    whole: bool = True
    batch_max: int = BATCH_MAX

    def __post_init__(self) -> None:
        if self.tile_px < 32 or not 0.05 <= self.overlap <= 0.5 or self.batch_max < 1:
            raise ValueError(
                f"tile_px {self.tile_px} must be 32 or more, overlap {self.overlap} in 0.05..0.5, "
                f"batch_max {self.batch_max} at least 1"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Class names by class id."""
        return self.detector.names

    @property
    def model_name(self) -> str:
        """Name of the network, for the evidence record."""
        return self.detector.model_name

    @property
    def model_sha256(self) -> str:
        """Hash of the network file, for the evidence record."""
        return self.detector.model_sha256

    def pictures(self, height_px: int, width_px: int) -> int:
        """Pictures that the network sees for one picture of this size: the cost."""
        tiles = tile_count(height_px, width_px, self.tile_px, self.overlap)
        return tiles + int(self.whole and tiles > 1)

    def detect(self, image_bgr: Image) -> Detections:
        """Detections of one picture (H, W, 3) uint8 BGR, every thing once; ImageError above 4096 tiles."""
        height, width = image_bgr.shape[:2]
        if tile_count(height, width, self.tile_px, self.overlap) > TILES_MAX:
            raise ImageError(f"{width}x{height} px makes more than {TILES_MAX} tiles; scale it down or use larger ones")
        tiles = tiles_of(height, width, self.tile_px, self.overlap)
        if len(tiles) == 1:
            return self.detector.detect(image_bgr)
        if self.whole:
            tiles = np.vstack([tiles, [[0, 0, width, height]]]).astype(np.float32)
        return merged(tiles, self._each(image_bgr, tiles), self.names)

    def detect_batch(self, images_bgr: Sequence[Image]) -> list[Detections]:
        """Detections of each picture, in order."""
        return [self.detect(image) for image in images_bgr]

    def _each(self, image: Image, tiles: Floats) -> list[Detections]:
        crops = [np.ascontiguousarray(image[y1:y2, x1:x2]) for x1, y1, x2, y2 in tiles.astype(int).tolist()]
        found: list[Detections] = []
        for at in range(0, len(crops), self.batch_max):
            found += self.detector.detect_batch(crops[at : at + self.batch_max])
        return found


def merged(tiles: Floats, found: Sequence[Detections], names: tuple[str, ...]) -> Detections:
    """Detections per tile, boxes in the tile's px -> detections of the picture, each thing once with its full box.

    tiles: (T, 4) xyxy px, integers; a tile that contains others is the whole picture. Two boxes of one class from two
    tiles are one thing when, clipped to what both tiles see, they agree. A group's box is its best uncut member's, and
    the union when seams cut every member; its score is the best.
    """
    home = np.repeat(np.arange(len(tiles)), [len(one) for one in found])
    if not len(home):
        return Detections.empty(names)
    boxes = np.vstack([one.boxes for one in found]) + tiles[home][:, [0, 1, 0, 1]]
    scores = np.concatenate([one.scores for one in found])
    classes = np.concatenate([one.class_ids for one in found])
    cut = _cut(boxes, tiles[home], tiles)
    groups = _groups(len(boxes), _agreeing(boxes, classes, tiles[home], home, cut))
    area = (tiles[:, 2:] - tiles[:, :2]).prod(1)[home]
    united = [_united(boxes[group], scores[group], cut[group], area[group]) for group in groups]
    joined = Detections.of(
        np.array(united), [scores[group].max() for group in groups], [classes[group[0]] for group in groups], names
    )
    return joined[suppress_by_class(joined.boxes, joined.scores, joined.class_ids, IOU_MAX)]


def _cut(boxes: Floats, home: Floats, tiles: Floats) -> NDArray[np.bool_]:
    """(N,) whether a box touches an edge of its own tile that is not the picture's edge."""
    edge = np.concatenate([tiles[:, :2].min(0), tiles[:, 2:].max(0)])
    return np.asarray(((np.abs(boxes - home) <= CUT_PX) & (home != edge)).any(1))


def _agreeing(
    boxes: Floats, classes: NDArray[np.int32], homes: Floats, home: NDArray[np.intp], cut: NDArray[np.bool_]
) -> list[tuple[int, int]]:
    """Pairs of boxes from two tiles that look the same where both tiles look."""
    pairs: list[tuple[int, int]] = []
    areas = (homes[:, 2:] - homes[:, :2]).prod(1)
    for i in range(len(boxes) - 1):
        rest = np.arange(i + 1, len(boxes))
        rest = rest[(classes[rest] == classes[i]) & (home[rest] != home[i])]
        low = np.maximum(homes[rest, :2], homes[i, :2])
        high = np.minimum(homes[rest, 2:], homes[i, 2:])
        mine, theirs = _clipped(boxes[i : i + 1], low, high), _clipped(boxes[rest], low, high)
        sides = np.minimum(mine[:, 2:], theirs[:, 2:]) - np.maximum(mine[:, :2], theirs[:, :2])
        inter = sides.clip(0).prod(1)
        size_a, size_b = ((c[:, 2:] - c[:, :2]).clip(0).prod(1) for c in (mine, theirs))
        same = inter >= AGREE_IOU * (size_a + size_b - inter)
        seam = (cut[i] | cut[rest]) & (areas[rest] == areas[i]) & (inter >= AGREE_IOS * np.minimum(size_a, size_b))
        pairs += [(i, int(j)) for j in rest[(inter > 0) & (same | seam)]]
    return pairs


def _clipped(boxes: Floats, low: Floats, high: Floats) -> Floats:
    return np.hstack([np.maximum(boxes[:, :2], low), np.minimum(boxes[:, 2:], high)])


def _united(boxes: Floats, scores: Floats, cut: NDArray[np.bool_], area: Floats) -> Floats:
    """One box (4,) for a group: the best uncut one, from a small tile rather than from the whole picture."""
    if cut.all():
        return np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])
    uncut = np.flatnonzero(~cut)
    finest = uncut[area[uncut] == area[uncut].min()]
    best: Floats = boxes[finest[scores[finest].argmax()]]
    return best


def _groups(count: int, pairs: list[tuple[int, int]]) -> list[NDArray[np.intp]]:
    """Indices 0..count-1 in groups that pairs connect."""
    root = list(range(count))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for a, b in pairs:
        root[find(a)] = find(b)
    members: dict[int, list[int]] = {}
    for i in range(count):
        members.setdefault(find(i), []).append(i)
    return [np.array(group, dtype=np.intp) for group in members.values()]
