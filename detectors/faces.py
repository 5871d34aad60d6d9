"""Faces in a picture, by CenterFace (MIT, Star-Clouds/CenterFace) on OpenVINO."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
from numpy.typing import NDArray

from detectors.manifest import verified
from detectors.nms import suppress
from detectors.types import Image

CELL_PX = 4  # one cell of the heat map
MIN_SCORE = 0.2  # low on purpose: a wall hidden by mistake costs less than a face shown
IOU_MAX = 0.3
SIDE_PX = (640, 1920)  # a picture's longer side is brought into this range


class FaceFinder:
    """CenterFace, verified against its manifest. Raises ModelError when its file is missing or changed."""

    def __init__(self, model: Path | None = None) -> None:
        path = model or Path(str(files("models"))) / "centerface.onnx"
        verified(path)
        network = ov.Core().read_model(path)
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        self.request = ov.compile_model(network, "CPU", config).create_infer_request()

    def find(self, image_bgr: Image) -> NDArray[np.float32]:
        """Face boxes (N, 4) xyxy px in the picture (H, W, 3) uint8 BGR."""
        height, width = image_bgr.shape[:2]
        new_w, new_h = network_size(width, height)
        blob = cv2.dnn.blobFromImage(image_bgr, 1.0, (new_w, new_h), swapRB=True)
        result = self.request.infer([blob])
        heat, scale, offset = (np.array(result[i][0]) for i in range(3))
        boxes = decode_faces(heat[0], scale, offset)
        gain = np.array([width / new_w, height / new_h] * 2, dtype=np.float32)
        return (boxes * gain).clip(0, np.array([width, height] * 2, dtype=np.float32))


def network_size(width: int, height: int) -> tuple[int, int]:
    """Input (width, height) px for a picture: longer side within SIDE_PX, both multiples of 32."""
    longer = max(width, height)
    ratio = min(max(longer, SIDE_PX[0]), SIDE_PX[1]) / longer
    return max(-(-round(width * ratio) // 32), 1) * 32, max(-(-round(height * ratio) // 32), 1) * 32


def decode_faces(
    heat: NDArray[np.float32], scale: NDArray[np.float32], offset: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Heat map (h, w), log sizes (2, h, w) and offsets (2, h, w), both y first -> boxes (N, 4) xyxy px of the input."""
    rows, cols = np.where(heat > MIN_SCORE)
    sizes = np.exp(scale[:, rows, cols]) * CELL_PX
    y = (rows + offset[0, rows, cols] + 0.5) * CELL_PX
    x = (cols + offset[1, rows, cols] + 0.5) * CELL_PX
    boxes = np.stack([x - sizes[1] / 2, y - sizes[0] / 2, x + sizes[1] / 2, y + sizes[0] / 2], 1).astype(np.float32)
    return boxes[suppress(boxes, heat[rows, cols], IOU_MAX)]
