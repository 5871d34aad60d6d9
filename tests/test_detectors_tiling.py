"""Whatever the picture's size, a thing comes out of the tiles once, with its full box."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import Detections, Detector
from detectors.errors import ImageError
from detectors.tiling import TiledDetector, merged, offsets, tile_count, tiles_of

NAMES = ("car", "bicycle")


def mapped(height: int, width: int) -> np.ndarray:
    """A picture (H, W, 3) whose every pixel says where it is: 12 bits of x, 12 bits of y."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x & 255, x >> 8 | (y >> 8) << 4, y & 255], -1).astype(np.uint8)


@dataclass
class Oracle:
    """An exact detector: it returns the true boxes, clipped to the crop that it is shown."""

    boxes: np.ndarray
    classes: np.ndarray
    names: tuple[str, ...] = NAMES
    model_name: str = "oracle"
    model_sha256: str = "0" * 64
    batches: list[int] = field(default_factory=list)

    def detect(self, image_bgr: np.ndarray) -> Detections:
        b, g, r = (int(v) for v in image_bgr[0, 0])
        corner = np.array([b | (g & 15) << 8, r | (g >> 4) << 8] * 2)
        size = np.array([image_bgr.shape[1], image_bgr.shape[0]] * 2)
        clipped = (self.boxes - corner).clip(0, size)
        seen = ((clipped[:, 2:] - clipped[:, :2]) > 0).all(1)
        return Detections.of(clipped[seen], np.full(seen.sum(), 0.9), self.classes[seen], self.names)

    def detect_batch(self, images_bgr: Sequence[np.ndarray]) -> list[Detections]:
        self.batches.append(len(images_bgr))
        return [self.detect(image) for image in images_bgr]


def apart(rng: np.random.Generator, width: int, height: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Up to `count` boxes of two classes, those of one class not touching one another."""
    boxes, classes = np.zeros((0, 4)), np.zeros(0, dtype=int)
    for _ in range(count):
        size = np.exp(rng.uniform(np.log(3), np.log((width, height)))).round(1)
        low = (rng.uniform(0, 1, 2) * (np.array([width, height]) - size)).round(1)
        box, kind = np.concatenate([low, low + size]), rng.integers(2)
        same = boxes[classes == kind]
        free = (np.minimum(box[2:], same[:, 2:]) <= np.maximum(box[:2], same[:, :2])).any(1)
        if free.all():
            boxes, classes = np.vstack([boxes, box]), np.append(classes, kind)
    return boxes, classes


def rows(boxes: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Boxes with class in one order, for comparing."""
    table = np.column_stack([classes, boxes]).round(1)
    return table[np.lexsort(table.T[::-1])]


@settings(deadline=None, max_examples=150)
@given(
    st.integers(0, 2**31),
    st.integers(20, 900),
    st.integers(20, 900),
    st.sampled_from([64, 150, 320]),
    st.sampled_from([0.05, 0.2, 0.5]),
    st.booleans(),
)
def test_every_thing_comes_out_once_with_its_full_box(
    seed: int, height: int, width: int, tile: int, overlap: float, whole: bool
) -> None:
    boxes, classes = apart(np.random.default_rng(seed), width, height, 25)
    found = TiledDetector(Oracle(boxes, classes), tile, overlap, whole).detect(mapped(height, width))
    assert len(found) == len(boxes)
    np.testing.assert_allclose(rows(found.boxes, found.class_ids), rows(boxes, classes), atol=0.11)


@given(st.integers(1, 6000), st.integers(1, 6000), st.integers(32, 1280), st.sampled_from([0.05, 0.2, 0.25, 0.5]))
def test_tiles_cover_the_picture_and_neighbours_share_the_overlap(
    height: int, width: int, tile: int, overlap: float
) -> None:
    for length in (height, width):
        starts = offsets(length, tile, overlap)
        assert starts[0] == 0 and starts[-1] == max(length - tile, 0)
        assert all(b - a <= tile - tile * overlap and b > a for a, b in pairwise(starts))
    if height * width < 250_000:
        seen = np.zeros((height, width), dtype=bool)
        for x1, y1, x2, y2 in tiles_of(height, width, tile, overlap).astype(int):
            seen[y1:y2, x1:x2] = True
        assert seen.all()


@pytest.mark.parametrize(
    ("height", "width", "count"), [(640, 640, 1), (100, 50, 1), (641, 640, 2), (1080, 1920, 8), (3000, 4000, 48)]
)
def test_tile_count_is_as_stated(height: int, width: int, count: int) -> None:
    assert tile_count(height, width) == count == len(tiles_of(height, width))


def test_the_stated_cost_is_what_the_network_sees() -> None:
    oracle = Oracle(np.array([[5.0, 5, 900, 500]]), np.array([0]))
    tiled = TiledDetector(oracle, 320, batch_max=4)
    tiled.detect(mapped(600, 1000))
    assert sum(oracle.batches) == tiled.pictures(600, 1000) == 13
    assert max(oracle.batches) <= 4


def test_a_picture_that_fits_one_tile_costs_one_look() -> None:
    oracle = Oracle(np.array([[1.0, 1, 9, 9]]), np.array([0]))
    assert len(TiledDetector(oracle).detect(mapped(300, 640))) == 1
    assert oracle.batches == [] and TiledDetector(oracle).pictures(300, 640) == 1


def test_it_is_a_detector_and_carries_the_network_s_name_and_hash() -> None:
    tiled = TiledDetector(Oracle(np.zeros((0, 4)), np.zeros(0, dtype=int)))
    assert isinstance(tiled, Detector)
    assert (tiled.names, tiled.model_name, tiled.model_sha256) == (NAMES, "oracle", "0" * 64)
    assert [len(one) for one in tiled.detect_batch([mapped(700, 700)] * 2)] == [0, 0]


def one(box: tuple[float, ...], score: float = 0.9) -> Detections:
    """A single car."""
    return Detections.of([box], [score], [0], NAMES)


SEAM = np.array([[0, 0, 100, 100], [80, 0, 180, 100]], dtype=np.float32)


def test_two_halves_that_a_seam_cut_become_one_although_they_agree_only_roughly() -> None:
    found = merged(SEAM, [one((40, 20, 99, 60), 0.6), one((1, 24, 50, 66), 0.8)], NAMES)
    assert found.boxes.tolist() == [[40, 20, 130, 66]] and found.scores.tolist() == pytest.approx([0.8])


def test_a_whole_box_wins_over_its_cut_half() -> None:
    found = merged(SEAM, [one((60, 20, 95, 60), 0.6), one((0, 20, 14, 60), 0.9)], NAMES)
    assert found.boxes.tolist() == [[60, 20, 95, 60]]


def test_two_neighbours_at_a_seam_stay_two() -> None:
    found = merged(SEAM, [one((50, 20, 89, 60)), one((10, 20, 60, 60))], NAMES)
    assert sorted(found.boxes.tolist()) == [[50, 20, 89, 60], [90, 20, 140, 60]]


def test_a_small_box_from_a_tile_is_finer_than_the_whole_picture_s() -> None:
    tiles = np.vstack([SEAM, [[0, 0, 180, 100]]]).astype(np.float32)
    nothing = Detections.empty(NAMES)
    found = merged(tiles, [one((10, 10, 30, 30), 0.5), nothing, one((8, 9, 31, 32), 0.9)], NAMES)
    assert found.boxes.tolist() == [[10, 10, 30, 30]] and found.scores.tolist() == pytest.approx([0.9])


@pytest.mark.parametrize(("tile", "overlap", "batch"), [(16, 0.2, 8), (640, 0.0, 8), (640, 0.9, 8), (640, 0.2, 0)])
def test_settings_that_cannot_work_are_refused(tile: int, overlap: float, batch: int) -> None:
    with pytest.raises(ValueError, match="overlap"):
        TiledDetector(Oracle(np.zeros((0, 4)), np.zeros(0, dtype=int)), tile, overlap, True, batch)


def test_a_picture_of_too_many_tiles_is_refused_before_any_work() -> None:
    oracle = Oracle(np.zeros((0, 4)), np.zeros(0, dtype=int))
    with pytest.raises(ImageError, match="more than 4096 tiles"):
        TiledDetector(oracle, 32, 0.5).detect(np.zeros((1200, 1200, 3), dtype=np.uint8))
    assert oracle.batches == []
