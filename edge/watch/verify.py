"""Looking again (核查): cleared, still there or cannot see. "Not seen" is not "gone"."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np

from detectors.view import check_place
from edge.watch.boxes import Box, covered, iou
from edge.watch.evidence import crop
from edge.watch.places import Sighting
from edge.watch.source import Image
from edge.wire import Look, Verify

Answer = Literal["cleared", "still_there", "cannot_see"]
IOU_MIN = 0.3
COVERED_MAX = 0.3
LIKENESS_STILL = 0.80
STEADY_GREY = 25.0  # of 255: more than noise, compression and light do to a place at ANCHOR_PX
STEADY_SHARE = 0.15  # of the place's pixels may differ by more than STEADY_GREY
LOOKS_EXTRA = 4
PATIENCE_S = 60.0
ANCHOR_PX = 64


@dataclass(frozen=True)
class Seen:
    """One look's answer with the surest detection's score and the reason in words. `overruled`: the place's own picture
    says still there, against the detector."""

    verdict: Answer
    score: float
    reason: str
    overruled: bool = False


def look(
    request: Verify,
    image: Image,
    sightings: Sequence[Sighting],
    blockers: Sequence[Box],
    anchor: Image | None,
    view_fault: str = "",
) -> Seen:
    """One look. `sightings`: all detections down to a low score; `anchor`: the place's crop from when the thing
    was there, which catches a thing that the detector overlooks; `view_fault`: what is wrong with the whole view
    (see `ViewWatch`): through a moved or covered camera nobody can say anything about the place. Behind a poster is a
    wall, which may be plain: without structure it counts as covered only when the whole picture has none."""
    if view_fault:
        return Seen("cannot_see", 0.0, view_fault)
    box = scaled(request, image)
    score = max(
        (s.score for s in sightings if s.case_class == request.case_class and iou(s.box, box) >= IOU_MIN), default=0.0
    )
    if score > 0:
        return Seen("still_there", score, f"seen again with score {score:.2f}")
    if any(covered(box, by) > COVERED_MAX for by in blockers):
        return Seen("cannot_see", 0.0, "somebody or something stands in front")
    blind = check_place(crop(image, box, margin=0.0))
    if blind and not (blind.fault == "blocked" and request.case_class == "poster" and check_place(image) is None):
        return Seen("cannot_see", 0.0, blind.text)
    same = likeness(anchor, crop(image, box, margin=0.0)) if anchor is not None else 0.0
    if same >= LIKENESS_STILL:
        words = f"the place looks as it did ({same:.2f}), though nothing was detected"
        return Seen("still_there", same, words, overruled=True)
    return Seen("cleared", 0.0, f"nothing of that kind there (likeness to before {same:.2f})")


def scaled(request: Verify, image: Image) -> Box:
    """The request's box in the pixels of this picture."""
    fx, fy = image.shape[1] / request.frame_width, image.shape[0] / request.frame_height
    x1, y1, x2, y2 = request.box
    return (x1 * fx, y1 * fy, x2 * fx, y2 * fy)


def likeness(a: Image, b: Image) -> float:
    """Zero-mean normalised cross-correlation of two crops at ANCHOR_PX, -1 to 1; light that changed does not count."""
    small = [cv2.resize(cv2.cvtColor(i, cv2.COLOR_BGR2GRAY), (ANCHOR_PX, ANCHOR_PX)).astype(np.float32) for i in (a, b)]
    first, second = (s - s.mean() for s in small)
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float((first * second).sum()) / norm if norm > 0 else 0.0


def steady(a: Image, b: Image) -> bool:
    """Whether two crops of one place show the same, apart from how bright it is. Unlike `likeness` it also works on
    plain ground, where nothing is left to correlate but noise."""
    small = [
        cv2.resize(cv2.cvtColor(i, cv2.COLOR_BGR2GRAY), (ANCHOR_PX, ANCHOR_PX), interpolation=cv2.INTER_AREA)
        for i in (a, b)
    ]
    first, second = (s - np.median(s) for s in (cv2.GaussianBlur(s.astype(np.float32), (5, 5), 0) for s in small))
    return float((np.abs(first - second) > STEADY_GREY).mean()) <= STEADY_SHARE


@dataclass
class Check:
    """A verify request at work: collects looks, spread over `over_s`, until an answer is due.

    Clear looks count only as long as they show the same place: somebody whom the detector overlooks hides a thing, too,
    but moves. A look that shows the place otherwise than the clear look before it begins the count anew.
    """

    request: Verify
    asked_s: float | None = None
    last_s: float | None = None
    looks: list[Look] = field(default_factory=list)
    _clear: int = 0
    _place: Image | None = None

    def due(self, mono_s: float) -> bool:
        """Whether it is time for the next look (monotonic seconds)."""
        step = self.request.over_s / max(1, self.request.looks - 1)
        return self.last_s is None or mono_s - self.last_s >= step

    def overdue(self, mono_s: float) -> bool:
        """Whether the looks should have been taken long ago (no pictures come). Call it now and then."""
        if self.asked_s is None:
            self.asked_s = mono_s
        return mono_s - self.asked_s > self.request.over_s + PATIENCE_S

    def add(self, taken: Look, mono_s: float, place: Image) -> None:
        """Take a look into the account. `place`: what the picture shows there."""
        self.looks.append(taken)
        self.last_s = mono_s
        if taken.verdict == "cleared":
            same = self._place is not None and steady(self._place, place)
            self._clear, self._place = self._clear + 1 if same else 1, place

    def answer(self) -> Answer | None:
        """still_there at the first sure sight; cleared only when as many clear looks as asked agree; cannot_see when
        too many looks were blocked or disagreed; None while more looks are needed."""
        kinds = [one.verdict for one in self.looks]
        if "still_there" in kinds:
            return "still_there"
        if self._clear >= self.request.looks:
            return "cleared"
        return "cannot_see" if len(kinds) >= self.request.looks + LOOKS_EXTRA else None
