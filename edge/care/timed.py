"""A detector that knows how long it takes."""

import threading
import time
from collections.abc import Sequence

from detectors import Detections, Detector
from detectors.types import Image


class Spent:
    """Seconds and pieces of work since the last `mean_ms`; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds = 0.0
        self._count = 0

    def add(self, seconds: float, count: int = 1) -> None:
        """So much work was done in so long."""
        with self._lock:
            self._seconds += seconds
            self._count += count

    def mean_ms(self) -> float | None:
        """Milliseconds per piece of work since the last call, None where there was none."""
        with self._lock:
            seconds, count = self._seconds, self._count
            self._seconds, self._count = 0.0, 0
        return 1000.0 * seconds / count if count else None


class TimedDetector:
    """The detector inside, measured. A batch of n pictures counts as n."""

    def __init__(self, inside: Detector, spent: Spent) -> None:
        self._inside = inside
        self._spent = spent
        self.names = inside.names
        self.model_name = inside.model_name
        self.model_sha256 = inside.model_sha256
        if hasattr(inside, "size"):
            self.size = inside.size

    def detect(self, image_bgr: Image) -> Detections:
        """As Detector."""
        begun = time.monotonic()
        found = self._inside.detect(image_bgr)
        self._spent.add(time.monotonic() - begun)
        return found

    def detect_batch(self, images_bgr: Sequence[Image]) -> list[Detections]:
        """As Detector."""
        begun = time.monotonic()
        found = self._inside.detect_batch(images_bgr)
        self._spent.add(time.monotonic() - begun, len(images_bgr))
        return found
