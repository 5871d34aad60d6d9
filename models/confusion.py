"""What labelled things were called, what was missed and what fired for nothing, on one source of pictures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.types import Detections
from models.metrics import iou_matrix, paired

IOU_MIN = 0.5
MISSED = "missed"


@dataclass(slots=True)
class Confusion:
    """Counts over the classes that the source labels; other classes are counted apart, for nobody labelled them.

    called: by (labelled class, what it was called or `missed`). false: boxes of a labelled class that hit nothing.
    others: boxes of classes that the source does not label. on_labelled: those of them that cover a labelled thing.
    """

    labelled: tuple[str, ...]
    called: Counter[tuple[str, str]] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    on_labelled: Counter[str] = field(default_factory=Counter)

    def add(self, found: Detections, boxes: NDArray[np.float32], classes: NDArray[np.int32]) -> None:
        """One picture: what was found at the shown score; truth boxes (M, 4) xyxy px with class ids (M,).

        A thing is first paired with boxes of its own class, as precision and recall are; what is left on both sides
        is paired by overlap alone.
        """
        ids = [found.names.index(name) for name in self.labelled]
        real = np.isin(classes, ids)
        boxes, classes = boxes[real], classes[real]
        mine = np.isin(found.class_ids, ids)
        overlap = iou_matrix(found.boxes, boxes) if len(found) and len(boxes) else np.zeros((len(found), len(boxes)))
        for i in np.flatnonzero(~mine).tolist():
            name = found.names[found.class_ids[i]]
            self.others[name] += 1
            self.on_labelled[name] += int((overlap[i] >= IOU_MIN).any())
        self._pair(overlap[mine], found[mine], classes)

    def _pair(self, overlap: NDArray[np.floating[Any]], found: Detections, classes: NDArray[np.int32]) -> None:
        names, taken, done = found.names, set[int](), set[int]()
        same = found.class_ids[:, None] == classes[None]
        for stage in (overlap * same, overlap):
            left = stage.copy()
            left[list(taken)], left[:, list(done)] = 0, 0
            for i, j in paired(left, IOU_MIN).tolist():
                self.called[names[classes[j]], names[found.class_ids[i]]] += 1
                taken.add(i)
                done.add(j)
        self.false.update(names[found.class_ids[i]] for i in range(len(found)) if i not in taken)
        self.called.update((names[c], MISSED) for j, c in enumerate(classes.tolist()) if j not in done)

    def as_dict(self) -> dict[str, Any]:
        """Plain values: labelled class -> what it was called -> count; false; others with those on a labelled thing."""
        things = {name: {b: n for (a, b), n in self.called.most_common() if a == name} for name in self.labelled}
        return {
            "called": {name: counts for name, counts in things.items() if counts},
            "false": dict(self.false.most_common()),
            "others": {n: {"boxes": c, "on_labelled": self.on_labelled[n]} for n, c in self.others.most_common()},
        }
