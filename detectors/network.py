"""What every backend shares: letterbox, batches by shape, decoding; a backend only runs the network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.letterbox import Letterbox
from detectors.manifest import Manifest, check_classes
from detectors.nms import decode
from detectors.types import Detections, Image

BATCH_MAX = 16


class NetworkDetector(ABC):
    """A YOLO network whose output still needs decoding. One instance per thread."""

    def __init__(self, manifest: Manifest, min_score: float, size: int | None) -> None:
        self.manifest = manifest
        self.min_score = min_score
        self.size = size or manifest.size_px

    @property
    def names(self) -> tuple[str, ...]:
        """Class names by class id."""
        return self.manifest.classes

    @property
    def model_name(self) -> str:
        """Name of the network."""
        return self.manifest.name

    @property
    def model_sha256(self) -> str:
        """Hash of the network file."""
        return self.manifest.sha256

    @abstractmethod
    def infer(self, pictures: Sequence[Image]) -> NDArray[np.float32]:
        """Letterboxed pictures (H, W, 3) uint8 BGR of one shape -> (B, 4 + classes, anchors) float32, boxes xywh px of
        the input. The result may be the backend's own memory: it holds until the next call."""

    def check(self) -> None:
        """Run the network once on a tiny input: ModelError when its classes are not the manifest's."""
        stride = self.manifest.stride_px
        check_classes(self.manifest, self.infer([np.zeros((stride, stride, 3), dtype=np.uint8)]).shape[1])

    def detect(self, image_bgr: Image) -> Detections:
        """Detections of one picture (H, W, 3) uint8 BGR."""
        return self.detect_batch([image_bgr])[0]

    def detect_batch(self, images_bgr: Sequence[Image]) -> list[Detections]:
        """Detections of each picture; pictures of one input shape run together, at most 16 at once."""
        return self._in_groups(images_bgr, [self.letterbox(image) for image in images_bgr])

    def detect_sheets(self, sheets_bgr: Sequence[Image]) -> list[Detections]:
        """Detections of each sheet, which is not scaled up."""
        stride = self.manifest.stride_px
        sizes = [min(self.size, max(sheet.shape[:2])) for sheet in sheets_bgr]
        plans = [
            Letterbox.plan(sheet.shape[0], sheet.shape[1], size, stride)
            for sheet, size in zip(sheets_bgr, sizes, strict=True)
        ]
        return self._in_groups(sheets_bgr, plans)

    def _in_groups(self, images_bgr: Sequence[Image], boxes: Sequence[Letterbox]) -> list[Detections]:
        groups: dict[tuple[int, int], list[int]] = {}
        for i, box in enumerate(boxes):
            groups.setdefault(box.shape, []).append(i)
        found: dict[int, Detections] = {}
        for members in groups.values():
            for start in range(0, len(members), BATCH_MAX):
                part = members[start : start + BATCH_MAX]
                outputs = self.infer([boxes[i].apply(images_bgr[i]) for i in part])
                found |= {i: self.decoded(out, boxes[i]) for i, out in zip(part, outputs, strict=True)}
        return [found[i] for i in range(len(images_bgr))]

    def letterbox(self, image: Image) -> Letterbox:
        """How this picture goes into the network."""
        return Letterbox.plan(image.shape[0], image.shape[1], self.size, self.manifest.stride_px)

    def decoded(self, output: NDArray[np.float32], letterbox: Letterbox) -> Detections:
        """One picture's raw output -> detections in the picture's own pixels."""
        boxes, scores, classes = decode(output, self.min_score)
        return Detections.of(letterbox.restore(boxes), scores, classes, self.names)
