"""Figures of a network on labelled pictures, each source judged only on the classes that it labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.base import Detector
from detectors.errors import DetectorError
from detectors.images import read_image
from detectors.types import Detections, Image
from models.confusion import Confusion
from models.labelled import LABELLED, view_of
from models.metrics import ClassTally

AP = ("ap50", "ap50_95")
SWEEP_SCORE = 0.001  # average precision needs the whole curve, down to here
BATCH = 8


class EvalError(DetectorError):
    """The labelled pictures cannot be used."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """One labelled picture. boxes: (M, 4) xyxy px, classes: (M,) ids."""

    path: Path
    labels: Path
    source: str
    image: Image
    boxes: NDArray[np.float32]
    classes: NDArray[np.int32]


@dataclass(slots=True)
class Look:
    """How one picture went. wrong: false boxes at the shown score plus boxes not found. labels: as read_truth takes."""

    labels: tuple[Path, Path, str]
    wrong: int
    hits: int

    @property
    def source(self) -> str:
        """The picture's source."""
        return self.labels[2]


@dataclass(slots=True)
class Evaluation:
    """Tallies by source and class, and the pictures in order of how wrong they went."""

    min_score: float
    tallies: dict[tuple[str, str], ClassTally] = field(default_factory=dict)
    confusions: dict[str, Confusion] = field(default_factory=dict)
    pictures: dict[str, int] = field(default_factory=dict)
    looked: list[Look] = field(default_factory=list)

    def add(self, truth: Truth, found: Detections) -> None:
        """Judge one picture on the classes that its source labels."""
        self.pictures[truth.source] = self.pictures.get(truth.source, 0) + 1
        wrong = hits = 0
        for name in LABELLED[truth.source]:
            class_id = found.names.index(name)
            mine, real = found[found.class_ids == class_id], truth.boxes[truth.classes == class_id]
            tally = self.tallies.setdefault((truth.source, name), ClassTally.empty())
            hit = tally.add(mine.scores, mine.boxes, real)[mine.scores >= self.min_score]
            wrong, hits = wrong + int((~hit).sum()) + len(real) - int(hit.sum()), hits + int(hit.sum())
        confusion = self.confusions.setdefault(truth.source, Confusion(LABELLED[truth.source]))
        confusion.add(found.above(self.min_score), truth.boxes, truth.classes)
        self.looked.append(Look((truth.path, truth.labels, truth.source), wrong, hits))

    def rows(self) -> list[dict[str, Any]]:
        """One flat record per source and class that has boxes."""
        seen = self.pictures
        return [
            {
                "source": source,
                "view": view_of(source),
                "class": name,
                "pictures": seen[source],
                **asdict(tally.figures(self.min_score)),
            }
            for (source, name), tally in self.tallies.items()
            if tally.boxes
        ]

    def confusion(self) -> dict[str, dict[str, Any]]:
        """By source: what labelled things were called, and what fired for nothing."""
        return {source: confusion.as_dict() for source, confusion in self.confusions.items()}


def means(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Plain means over the classes of each source that has several, then of each view."""
    out = []
    for key in ("source", "view"):
        for group in dict.fromkeys(row[key] for row in rows):
            mine = [row for row in rows if row[key] == group]
            if len(mine) > 1 or key == "view":
                values = {k: float(np.mean([row[k] for row in mine])) for k in ("precision", "recall", *AP)}
                out.append({key: group, "classes": len(mine), "boxes": sum(row["boxes"] for row in mine), **values})
    return out


def read_truth(picture: Path, labels: Path, source: str) -> Truth:
    """A picture with its YOLO label file (a missing file means no boxes)."""
    image = read_image(picture)
    height, width = image.shape[:2]
    text = labels.read_text(encoding="utf-8") if labels.is_file() else ""
    rows = np.array([line.split()[:5] for line in text.splitlines() if line.strip()], dtype=np.float64).reshape(-1, 5)
    centre, half = rows[:, 1:3], rows[:, 3:5] / 2
    boxes = np.hstack([centre - half, centre + half]) * (width, height, width, height)
    return Truth(picture, labels, source, image, boxes.astype(np.float32), rows[:, 0].astype(np.int32))


def read_set(folder: Path) -> Iterator[Truth]:
    """Every picture of a folder with images/ and labels/, named `<source>_<number>`; EvalError when there is none."""
    pictures = sorted(p for p in (folder / "images").glob("*") if p.is_file())
    if not pictures:
        raise EvalError(f"{folder}/images: no pictures; give --data DIR, a folder with images/ and labels/")
    for picture in pictures:
        source = picture.stem.rpartition("_")[0]
        if source not in LABELLED:
            raise EvalError(f"{picture}: unknown source '{source}'; known: {', '.join(LABELLED)}")
        yield read_truth(picture, folder / "labels" / f"{picture.stem}.txt", source)


def evaluate(detector: Detector, truths: Iterable[Truth], min_score: float = 0.25) -> Evaluation:
    """Run a detector, loaded with min_score SWEEP_SCORE, over labelled pictures.

    min_score: where precision and recall are read off; average precision uses the whole curve.
    """
    out, batch = Evaluation(min_score), list[Truth]()
    for truth in truths:
        batch.append(truth)
        if len(batch) == BATCH:
            judge(detector, batch, out)
            batch = []
    judge(detector, batch, out)
    return out


def judge(detector: Detector, batch: list[Truth], out: Evaluation) -> None:
    """One batch of pictures."""
    for truth, found in zip(batch, detector.detect_batch([t.image for t in batch]), strict=True):
        out.add(truth, found)
