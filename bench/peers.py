"""Other ways from a picture to boxes with the same network file, as people build them; one that is missing says so."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from detectors.errors import ModelError
from detectors.load import load_detector
from detectors.manifest import Manifest
from detectors.types import Image
from detectors.ultralytics_backend import import_yolo

Peer = Callable[[Image], int]  # a picture -> how many boxes were found
SCORE, IOU = 0.25, 0.7


def stock_ultralytics(manifest: Manifest, size: int, threads: int) -> Peer:
    """Ultralytics' own predict on the ONNX file, settings untouched (its threads are ONNX Runtime's choice)."""
    model = import_yolo()(str(manifest.path), task="detect")
    return lambda image: len(model.predict(image, imgsz=size, conf=SCORE, iou=IOU, device="cpu", verbose=False)[0])


def opencv_dnn(manifest: Manifest, size: int, threads: int) -> Peer:
    """OpenCV's dnn module on a square input, stretched, with its NMS: what most tutorials show."""
    cv2.setNumThreads(threads)
    try:
        network = cv2.dnn.readNetFromONNX(str(manifest.path))
    except cv2.error as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"OpenCV's dnn cannot read this network ({reason})") from None

    def run(image: Image) -> int:
        network.setInput(cv2.dnn.blobFromImage(image, 1 / 255, (size, size), swapRB=True))
        rows = np.asarray(network.forward())[0].T
        scores, classes = rows[:, 4:].max(1), rows[:, 4:].argmax(1)
        some = scores > SCORE
        boxes = np.hstack([rows[some, :2] - rows[some, 2:4] / 2, rows[some, 2:4]])
        kept = cv2.dnn.NMSBoxesBatched(boxes.tolist(), scores[some].tolist(), classes[some].tolist(), SCORE, IOU)
        return len(kept)

    return run


def onnx_runtime(manifest: Manifest, size: int, threads: int) -> Peer:
    """Our own path on the second backend."""
    detector = load_detector(manifest.path, "onnx", SCORE, threads, size)
    return lambda image: len(detector.detect(image))


PEERS: dict[str, Callable[[Manifest, int, int], Peer]] = {
    "ultralytics": stock_ultralytics,
    "opencv_dnn": opencv_dnn,
    "onnx_runtime": onnx_runtime,
}


def ready(
    manifest: Manifest, image: Image, size: int, threads: int
) -> tuple[dict[str, Peer], dict[str, int], dict[str, str]]:
    """(peers that run, boxes that each finds in the picture, why each other one does not run)."""
    runs: dict[str, Peer] = {}
    boxes: dict[str, int] = {}
    missing: dict[str, str] = {}
    for name, make in PEERS.items():
        try:
            peer = make(manifest, size, threads)
            boxes[name] = peer(image)
            runs[name] = peer
        except (ModelError, ImportError) as error:
            missing[name] = str(error)
        except cv2.error as error:
            missing[name] = f"OpenCV's dnn cannot run this network ({str(error).strip().splitlines()[0]})"
    return runs, boxes, missing
