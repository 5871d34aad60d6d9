"""Whether known places still look as they did when the network last saw their things: no network needed for those."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.watch.boxes import Box
from edge.watch.picture import Grey

SIDE_PX = 48
LIKE_MIN = 0.85  # correlation; verify.LIKENESS_STILL is lower because there a person's work is judged once
CONFIRM_LOOKS = 4  # of the network before a place may rest on its looks alone
DIFFERS = 2  # pictures in a row: who walks past is gone by then
FLAT_STD = 2.0  # grey levels: less is nothing to compare

Crop = NDArray[np.float32]
Verdict = Literal["seen", "missed", "hidden"]


@dataclass
class Anchor:
    """One place: how it looked at the network's last sight of the thing, and how often the network looked there.
    `verdict`: what the last look said, `times` that many looks in a row."""

    box: Box
    crop: Crop | None = None
    looks: int = 0
    looked_s: float = float("-inf")
    differs: int = 0
    verdict: Verdict = "missed"
    times: int = 0

    @property
    def confirmed(self) -> bool:
        """Whether the network has judged this place often enough."""
        return self.crop is not None and self.looks >= CONFIRM_LOOKS

    def as_before(self, luma: Grey) -> bool:
        """Compare with this picture, (H, W) uint8. A thing that differs is counted in `differs`."""
        now = crop_of(luma, self.box)
        same = self.crop is not None and now is not None and float((self.crop * now).sum()) >= LIKE_MIN
        self.differs = 0 if same else self.differs + 1
        return same

    def saw(self, luma: Grey, box: Box, mono_s: float, verdict: Verdict) -> None:
        """The network looked at the place: seen, then this is how the thing looks now; missed in clear view; or hidden
        by somebody in front."""
        self.looks += 1
        self.looked_s = mono_s
        self.times = self.times + 1 if verdict == self.verdict else 1
        self.verdict = verdict
        if verdict == "seen":
            self.box, self.crop, self.differs = box, crop_of(luma, box), 0


def crop_of(luma: Grey, box: Box) -> Crop | None:
    """The place as (SIDE_PX, SIDE_PX) float32 of mean 0 and length 1, so that a sum of products is the correlation;
    None where there is nothing to compare."""
    height, width = luma.shape
    x1, y1 = max(0, int(box[0])), max(0, int(box[1]))
    x2, y2 = min(width, round(box[2])), min(height, round(box[3]))
    if x2 - x1 < 4 or y2 - y1 < 4:
        return None
    part = np.ascontiguousarray(luma[y1:y2, x1:x2])
    shrunk = cv2.resize(part, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    if float(shrunk.std()) < FLAT_STD:
        return None
    shrunk -= shrunk.mean()
    return np.asarray(shrunk / np.linalg.norm(shrunk), np.float32)
