"""A detector by name: which network file, which backend, which threshold."""

from __future__ import annotations

from pathlib import Path

from detectors.base import Detector
from detectors.errors import ModelError
from detectors.manifest import located, verified

BACKENDS = ("openvino", "onnx", "ultralytics")


def load_detector(
    model: Path | None = None,
    backend: str = "openvino",
    min_score: float = 0.25,
    threads: int | None = None,
    size: int | None = None,
) -> Detector:
    """A ready detector, its network verified against the manifest beside it.

    model: an .onnx or .xml file or the name of a network that ships, by default `street`.
    min_score: detections at or below it are dropped.
    threads: CPU threads, by default the backend's choice. size: longer side in px, by default the manifest's.
    Raises ModelError with one line that says what, where and what to do.
    """
    if backend not in BACKENDS:
        raise ModelError(f"backend '{backend}': unknown; choose one of {', '.join(BACKENDS)}")
    if size is not None and not 32 <= size <= 4096:
        raise ModelError(f"size {size}: out of range; choose 32 to 4096 px")
    manifest = verified(located(model))
    if manifest.path.suffix == ".xml" and backend != "openvino":
        raise ModelError(f"{manifest.path}: this is OpenVINO's own form; choose backend openvino, or an .onnx file")
    # A backend is imported when it is asked for: each brings its own large library.
    if backend == "openvino":
        from detectors.openvino_backend import OpenVinoDetector

        return OpenVinoDetector(manifest, min_score, size, threads)
    if backend == "onnx":
        from detectors.onnx_backend import OnnxDetector

        return OnnxDetector(manifest, min_score, size, threads)
    from detectors.ultralytics_backend import UltralyticsDetector

    return UltralyticsDetector(manifest, min_score, size)
