"""The third backend: Ultralytics itself, for comparing; needs the extra `train`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from detectors.errors import ModelError
from detectors.manifest import Manifest
from detectors.types import Detections, Image


def import_yolo() -> Any:
    """Ultralytics' YOLO class, or one line on how to get it."""
    try:
        from ultralytics import YOLO
    except ImportError:
        raise ModelError("backend 'ultralytics' is not installed; do: pip install 'zhuomu[train]'") from None
    return YOLO


class UltralyticsDetector:
    """Ultralytics' own letterbox, network and NMS behind our protocol."""

    def __init__(self, manifest: Manifest, min_score: float, size: int | None) -> None:
        self.manifest, self.min_score, self.size = manifest, min_score, size or manifest.size_px
        self.model = import_yolo()(str(manifest.path), task="detect")
        self.names, self.model_name, self.model_sha256 = manifest.classes, manifest.name, manifest.sha256

    def detect(self, image_bgr: Image) -> Detections:
        """Detections of one picture (H, W, 3) uint8 BGR."""
        result = self.model.predict(
            image_bgr, imgsz=self.size, conf=self.min_score, iou=0.7, device="cpu", rect=True, verbose=False
        )[0]
        boxes = result.boxes.cpu().numpy()
        return Detections.of(boxes.xyxy, boxes.conf, boxes.cls, self.names)

    def detect_batch(self, images_bgr: Sequence[Image]) -> list[Detections]:
        """Detections of each picture, one after the other."""
        return [self.detect(image) for image in images_bgr]
