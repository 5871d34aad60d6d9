"""Slow work on pictures (redaction, reading), done beside the detection by one thread, in the order of asking."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from detectors import Detections
from edge.watch.boxes import Box
from edge.watch.evidence import EvidenceMaker
from edge.watch.proof import Case, Proved, Prover
from edge.watch.source import Image
from edge.wire import Evidence

JOBS_MAX = 32  # each holds one frame: 2.8 MB at 1280x720

T = TypeVar("T")
Readings = list[tuple[str, float]]  # digits and score


class Desk:
    """All cameras of a kiosk share one: an EvidenceMaker's networks belong to one thread. Nothing that waits here has
    been promised to anybody: what a job was for is stored only with its result, so a kill loses no more than time.

    With JOBS_MAX jobs waiting a further one is turned away (None, counted in `refused`); its owner asks again later.
    """

    def __init__(self, maker: EvidenceMaker, jobs_max: int = JOBS_MAX) -> None:
        self._maker = maker
        self._jobs_max = jobs_max
        self._thread = ThreadPoolExecutor(1, "evidence")
        self._waiting: list[Future[object]] = []
        self.refused = 0

    @property
    def waiting(self) -> int:
        """Jobs that are not done."""
        return sum(not one.done() for one in list(self._waiting))

    def frame_and_crop(self, image: Image, box: Box, found: Detections) -> "Future[list[Evidence]] | None":
        """A thing's pictures, see EvidenceMaker."""
        return self._ask(lambda: self._maker.frame_and_crop(image, box, found))

    def prove(self, prover: Prover, case: Case) -> "Future[Proved] | None":
        """A candidate's evidence, see Prover."""
        return self._ask(lambda: prover.prove(case))

    def look(self, image: Image, box: Box, found: Detections) -> "Future[list[Evidence]] | None":
        """A check's picture, see EvidenceMaker."""
        return self._ask(lambda: self._maker.look(image, box, found))

    def numbers(self, poster: Image) -> "Future[Readings] | None":
        """What numbers a poster's crop shows, see EvidenceMaker."""
        return self._ask(lambda: self._maker.numbers(poster))

    def close(self) -> None:
        """Finish the job under way, drop the others."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _ask(self, job: Callable[[], T]) -> "Future[T] | None":
        self._waiting = [one for one in self._waiting if not one.done()]
        if len(self._waiting) >= self._jobs_max:
            self.refused += 1
            return None
        future = self._thread.submit(job)
        self._waiting.append(future)  # type: ignore[arg-type]  # Future is invariant, and only done() is asked
        return future
