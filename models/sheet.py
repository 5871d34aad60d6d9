"""Contact sheets of a network's best hits and worst misses, for people to look at (never committed)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from detectors.base import Detector
from detectors.draw import draw
from detectors.types import Image
from models.evaluate import Evaluation, Truth, read_truth

TILE_PX = 360
COLUMNS = 4
TRUTH_COLOUR = (255, 255, 255)


def tile(truth: Truth, detector: Detector, min_score: float) -> Image:
    """One picture with the truth in white under the detections in colour, scaled onto a square."""
    image = truth.image.copy()
    for x1, y1, x2, y2 in truth.boxes.round().astype(int).tolist():
        cv2.rectangle(image, (x1, y1), (x2, y2), TRUTH_COLOUR, 3)
    image = draw(image, detector.detect(truth.image).above(min_score))
    scale = TILE_PX / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    out = np.zeros((TILE_PX, TILE_PX, 3), dtype=np.uint8)
    out[: small.shape[0], : small.shape[1]] = small[:TILE_PX, :TILE_PX]
    cv2.putText(out, truth.path.stem, (4, TILE_PX - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 0), 1, cv2.LINE_AA)
    return out


def grid(tiles: list[Image]) -> Image:
    """Tiles in rows of four."""
    tiles = tiles + [np.zeros_like(tiles[0])] * (-len(tiles) % COLUMNS)
    return np.vstack([np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)])


def write_sheets(result: Evaluation, detector: Detector, folder: Path, count: int = 16) -> list[Path]:
    """`<source>_hits.png` and `<source>_misses.png` for each source, the best and the worst pictures first."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for source in result.pictures:
        mine = [look for look in result.looked if look.source == source]
        ranked = {
            "hits": sorted(mine, key=lambda look: (look.wrong, -look.hits)),
            "misses": sorted((look for look in mine if look.wrong), key=lambda look: -look.wrong),
        }
        for kind, looks in ranked.items():
            written += write_one(folder / f"{source}_{kind}.png", [x.labels for x in looks[:count]], detector, result)
    return written


def write_one(
    file: Path, pictures: Iterable[tuple[Path, Path, str]], detector: Detector, result: Evaluation
) -> list[Path]:
    """One sheet of (picture, label file, source); no sheet for no pictures."""
    tiles = [tile(read_truth(*picture), detector, result.min_score) for picture in pictures]
    if tiles:
        cv2.imwrite(str(file), grid(tiles))
    return [file] if tiles else []
