"""A decoded picture whose colours are worked out only when somebody looks at them."""

from functools import cached_property

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Grey = NDArray[np.uint8]

PLANAR_LUMA = ("yuv", "nv12", "nv21", "gray")  # formats whose first plane is 8-bit brightness
DEEP = ("le", "be")  # their 10- and 16-bit sisters


class Picture:
    """One picture of a video. Turning 1080p into BGR costs as much as decoding it, and most pictures need only grey."""

    def __init__(self, frame: av.VideoFrame) -> None:
        self._frame = frame

    @property
    def frame(self) -> av.VideoFrame:
        """As the decoder gave it; many share it, so nobody writes into it."""
        return self._frame

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) px."""
        return self._frame.height, self._frame.width

    @cached_property
    def bgr(self) -> Image:
        """(H, W, 3) uint8 BGR."""
        return np.asarray(self._frame.to_ndarray(format="bgr24"), np.uint8)

    @cached_property
    def luma(self) -> Grey:
        """(H, W) uint8 brightness; the decoder's own memory where the format allows."""
        name = self._frame.format.name
        if not name.startswith(PLANAR_LUMA) or name.endswith(DEEP) or name.startswith("yuyv"):
            return np.asarray(self._frame.to_ndarray(format="gray"), np.uint8)
        plane = self._frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8)[: plane.line_size * plane.height].reshape(
            plane.height, plane.line_size
        )
        return np.asarray(rows[: self._frame.height, : self._frame.width])


def bgr_of(picture: "Image | Picture") -> Image:
    """(H, W, 3) uint8 BGR."""
    return picture.bgr if isinstance(picture, Picture) else picture


def size_of(picture: "Image | Picture") -> tuple[int, int]:
    """(height, width) px."""
    return picture.size if isinstance(picture, Picture) else picture.shape[:2]


def luma_of(picture: "Image | Picture") -> Grey:
    """(H, W) uint8 brightness."""
    if isinstance(picture, Picture):
        return picture.luma
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
