"""What every detector can do, whatever runs its network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from detectors.types import Detections, Image


@runtime_checkable
class Detector(Protocol):
    """A network ready to run. Not thread-safe unless a backend says so: give each thread its own."""

    @property
    def names(self) -> tuple[str, ...]:
        """Class names by class id."""
        ...

    @property
    def model_name(self) -> str:
        """Name of the network, for the evidence record."""
        ...

    @property
    def model_sha256(self) -> str:
        """Hash of the network file, for the evidence record."""
        ...

    def detect(self, image_bgr: Image) -> Detections:
        """Detections of one picture (H, W, 3) uint8 BGR, boxes in that picture's pixels."""
        ...

    def detect_batch(self, images_bgr: Sequence[Image]) -> list[Detections]:
        """Detections of each picture, in order; the pictures may differ in size."""
        ...


@runtime_checkable
class TakesSheets(Protocol):
    """A detector that also takes pictures which are at the network's scale already."""

    def detect_sheets(self, sheets_bgr: Sequence[Image]) -> list[Detections]:
        """Detections of each sheet (H, W, 3) uint8 BGR, not larger than the network's input: padded to whole strides,
        never scaled up, so that a small sheet costs little."""
        ...
