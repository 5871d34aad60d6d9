"""Surfaces that look photographed: tiled photographs out of scikit-image's wheel and seeded noise."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

Rng = np.random.Generator
FloatImage = NDArray[Any]  # float32; OpenCV's stubs promise no dtype, so the docstrings say it
Image = NDArray[Any]  # uint8, BGR or BGRA


@cache
def photo(name: str) -> FloatImage:
    """One of the grey CC0 textures inside the scikit-image wheel ("brick", "grass", "gravel"): (512, 512), mean 1."""
    image = getattr(skimage.data, name)().astype(np.float32)
    broad = cv2.GaussianBlur(image, (0, 0), 90)
    flat: FloatImage = image / np.maximum(broad, 1.0)
    return flat


def noise(height: int, width: int, rng: Rng, cells: int = 4, octaves: int = 5) -> FloatImage:
    """(height, width) smooth noise, mean 0, standard deviation 1; `cells` is the count of lumps over the longer
    side."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        count = cells * 2**octave
        rows, columns = (
            max(2, count * height // max(height, width) + 1),
            max(2, count * width // max(height, width) + 1),
        )
        if rows > height or columns > width:
            break
        grid = rng.standard_normal((rows, columns)).astype(np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * 0.6**octave
    even: FloatImage = (total - total.mean()) / max(float(total.std()), 1e-6)
    return even


def tiled(name: str, height: int, width: int, tile_px: float) -> FloatImage:
    """(height, width) of a photo repeated every 2 * tile_px, mirrored at the seams."""
    size = max(4, round(tile_px))
    method = cv2.INTER_AREA if size < 512 else cv2.INTER_CUBIC
    small = cv2.resize(photo(name), (size, size), interpolation=method)
    pair = np.hstack([small, small[:, ::-1]])
    block = np.vstack([pair, pair[::-1]])
    rows, columns = -(-height // block.shape[0]), -(-width // block.shape[1])
    return np.tile(block, (rows, columns))[:height, :width]


def repeated(name: str, height: int, width: int, tile_px: float) -> FloatImage:
    """(height, width) of a photo repeated without mirroring: for bricks, whose courses must run on."""
    size = max(4, round(tile_px))
    small = cv2.resize(photo(name), (size, size), interpolation=cv2.INTER_AREA if size < 512 else cv2.INTER_CUBIC)
    return np.tile(small, (-(-height // size), -(-width // size)))[:height, :width]


def tinted(shade: FloatImage, color: tuple[float, float, float]) -> FloatImage:
    """(H, W) shade with mean 1 and a BGR colour 0-255 -> (H, W, 3) float32."""
    return shade[..., None] * np.asarray(color, np.float32)


def to_bytes(image: FloatImage) -> Image:
    """Clip to 0..255 and convert to uint8."""
    return np.clip(image, 0, 255).astype(np.uint8)


def hsv(hue_deg: float, saturation: float, value: float) -> tuple[float, float, float]:
    """Hue in degrees, saturation and value 0..1 -> BGR 0-255; damped a little, since paint in daylight is never
    pure."""
    pixel = np.array([[[hue_deg % 360, saturation * (1 - 0.3 * saturation), value * 0.95]]], np.float32)
    blue, green, red = cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0] * 255
    return float(blue), float(green), float(red)
