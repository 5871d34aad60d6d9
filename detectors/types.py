"""The one result type of vision: arrays of boxes, scores and classes of one picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (H, W, 3) BGR


@dataclass(frozen=True, slots=True)
class Detection:
    """One box as plain values. box: (x1, y1, x2, y2) px in the picture's own pixels."""

    name: str
    score: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Everything found in one picture, best score first.

    boxes: (N, 4) float32 xyxy px in the picture's own pixels. scores: (N,) float32 in 0..1. class_ids: (N,) int32,
    an index into `names`.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int32]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        n = len(self.boxes)
        if self.boxes.shape != (n, 4) or self.scores.shape != (n,) or self.class_ids.shape != (n,):
            shapes = (self.boxes.shape, self.scores.shape, self.class_ids.shape)
            raise ValueError(f"Detections need (N, 4), (N,), (N,) arrays, got {shapes}")

    @classmethod
    def empty(cls, names: Iterable[str]) -> Detections:
        """Nothing found."""
        return cls.of(np.zeros((0, 4)), np.zeros(0), np.zeros(0), names)

    @classmethod
    def of(cls, boxes: object, scores: object, class_ids: object, names: Iterable[str]) -> Detections:
        """From anything array-like, converted to the right types."""
        return cls(
            np.asarray(boxes, dtype=np.float32).reshape(-1, 4),
            np.asarray(scores, dtype=np.float32).reshape(-1),
            np.asarray(class_ids, dtype=np.int32).reshape(-1),
            tuple(names),
        )

    def __len__(self) -> int:
        return len(self.boxes)

    def __iter__(self) -> Iterator[Detection]:
        rows = zip(self.boxes.tolist(), self.scores.tolist(), self.class_ids.tolist(), strict=True)
        for box, score, class_id in rows:
            yield Detection(self.names[class_id], score, (box[0], box[1], box[2], box[3]))

    def __getitem__(self, pick: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Detections:
        """The chosen rows; a mask (N,) bool, indices or a slice."""
        return Detections(self.boxes[pick], self.scores[pick], self.class_ids[pick], self.names)

    def above(self, min_score: float) -> Detections:
        """Only detections with at least this score."""
        return self[self.scores >= min_score]

    def of_class(self, *names: str) -> Detections:
        """Only detections of these classes; a name that the network does not know finds nothing."""
        wanted = [i for i, name in enumerate(self.names) if name in names]
        return self[np.isin(self.class_ids, wanted)]

    def count(self, name: str) -> int:
        """Number of detections of one class."""
        return len(self.of_class(name))
