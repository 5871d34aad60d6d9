"""Vision alone: pictures in, `Detections` out; imports no other room and no torch."""

from detectors.base import Detector
from detectors.errors import DetectorError, ImageError, ModelError, RedactionError
from detectors.load import load_detector
from detectors.types import Detection, Detections

__all__ = [
    "Detection",
    "Detections",
    "Detector",
    "DetectorError",
    "ImageError",
    "ModelError",
    "RedactionError",
    "load_detector",
]
