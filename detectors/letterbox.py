"""A picture into the network's rectangle and boxes back out of it, rounded exactly as Ultralytics 8.4 does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.types import Image

PAD_VALUE = 114


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Geometry of one picture in the network's input, all in px.

    height, width: the picture. new_height, new_width: the picture after scaling. top, bottom, left, right: grey border.
    """

    height: int
    width: int
    new_height: int
    new_width: int
    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def plan(cls, height: int, width: int, size: int, stride: int = 32) -> Letterbox:
        """The smallest rectangle of whole strides that holds the picture with its longer side scaled to `size`.

        Source: ultralytics.data.augment.LetterBox(auto=True, center=True, scaleup=True).
        """
        ratio = min(size / height, size / width)
        new_h, new_w = max(round(height * ratio), 1), max(round(width * ratio), 1)
        dh, dw = (size - new_h) % stride / 2, (size - new_w) % stride / 2
        return cls(height, width, new_h, new_w, round(dh - 0.1), round(dh + 0.1), round(dw - 0.1), round(dw + 0.1))

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) px of the network's input."""
        return self.new_height + self.top + self.bottom, self.new_width + self.left + self.right

    def apply(self, image: Image) -> Image:
        """(height, width, 3) uint8 -> (*shape, 3) uint8, bilinear, border value 114."""
        if image.shape[:2] != (self.new_height, self.new_width):
            size = (self.new_width, self.new_height)
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        border = (self.top, self.bottom, self.left, self.right)
        padded = cv2.copyMakeBorder(image, *border, cv2.BORDER_CONSTANT, value=(PAD_VALUE,) * 3)
        return np.asarray(padded, np.uint8)

    def restore(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, 4) xyxy px in the network's input -> the picture's own pixels, clipped to it."""
        gain_x, gain_y = self.new_width / self.width, self.new_height / self.height
        shift = np.array([self.left, self.top, self.left, self.top], dtype=np.float32)
        gain = np.array([gain_x, gain_y, gain_x, gain_y], dtype=np.float32)
        limit = np.array([self.width, self.height, self.width, self.height], dtype=np.float32)
        return ((boxes - shift) / gain).clip(0, limit)


def to_blob(images: Sequence[Image]) -> NDArray[np.float32]:
    """Letterboxed pictures of one shape (H, W, 3) BGR -> (B, 3, H, W) float32 RGB in 0..1."""
    return np.asarray(cv2.dnn.blobFromImages(list(images), scalefactor=1 / 255, swapRB=True), np.float32)
