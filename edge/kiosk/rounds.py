"""One round over all cameras with the gate on: who has a new picture, what of it the network should see, one batch."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from detectors import Detections, Detector
from edge.kiosk.watcher import Watcher
from edge.watch.camera import Camera, Shot
from edge.watch.lookout import Plan
from edge.watch.mosaic import Want, detect_all

SIDE_PX = 640  # where the network does not say what it is made for
SLOW = 0.5  # of the time between two pictures of a camera: a round that took more leaves no room for full rate


@dataclass(frozen=True)
class Turn:
    """One camera's new picture, and what was planned for it."""

    watcher: Watcher
    shot: Shot
    plan: Plan
    fault: str


def side_of(detector: Detector) -> int:
    """The longer side of the network's input, px."""
    return int(getattr(detector, "size", SIDE_PX))


def round_of(detector: Detector, shots: Sequence[tuple[Watcher, Shot]], side_px: int) -> list[Turn]:
    """Take each camera's picture through the whole chain; all that the network must see goes through it together."""
    turns = [Turn(watcher, shot, *watcher.plan(shot)) for watcher, shot in shots]
    busy = [turn for turn in turns if not turn.plan.idle]
    wants = [Want(turn.shot.image, turn.plan.regions) for turn in busy]
    seen = dict(zip((id(turn) for turn in busy), detect_all(detector, wants, side_px), strict=True))
    nothing = Detections.empty(detector.names)
    for turn in turns:
        turn.watcher.settle(turn.shot, turn.plan, turn.fault, seen.get(id(turn), nothing))
    return turns


@dataclass
class Opener:
    """Opens a camera to full rate where its plan asks for it, unless the round before took long: its pictures would
    then be decoded for nothing and cost the others theirs. `spared` counts what was not opened."""

    open_s: float
    base_s: float
    clock: Callable[[], float] = time.monotonic
    spared: int = 0
    _began_s: float = 0.0
    _slow: bool = field(default=False)

    def begin(self) -> None:
        """A round begins."""
        self._began_s = self.clock()

    def end(self, turns: Sequence[tuple[Camera, Turn]]) -> None:
        """It is over."""
        for camera, turn in turns:
            if turn.plan.open and self._slow:
                self.spared += 1
            elif turn.plan.open:
                camera.open(self.open_s)
        self._slow = self.clock() - self._began_s > SLOW * self.base_s
