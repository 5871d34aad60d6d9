"""The one redactor of live view, loaded when the first viewer of a redacted camera comes."""

import threading
from collections.abc import Callable
from typing import Protocol

import numpy as np

from detectors import Detections
from edge.watch.picture import Image


class Redacts(Protocol):
    """What hides faces and plates; `detectors.redact.Redactor`."""

    def redact(self, image_bgr: Image, vehicles: Detections | None = None, part: float = 1.0) -> Image:
        """A redacted copy. Raises RedactionError."""
        ...


class Redactors:
    """All redacted cameras share one, one picture at a time: it costs a core as it is. `make` raises RedactionError."""

    def __init__(self, make: Callable[[], Redacts]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: Redacts | None = None

    def load(self) -> None:
        """Load the networks, once. Raises RedactionError."""
        with self._lock:
            self._made = self._made or self._make()

    def redact(self, image_bgr: Image, vehicles: Detections | None, part: float) -> Image:
        """See `Redacts`. Raises RedactionError."""
        self.load()
        with self._lock:
            assert self._made is not None
            return np.asarray(self._made.redact(image_bgr, vehicles, part), np.uint8)
