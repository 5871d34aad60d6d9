"""Pictures from files as they come from phones, scanners and cameras, or one clear line on why not."""

from __future__ import annotations

import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from detectors.errors import ImageError
from detectors.types import Image

PIXELS_MAX = 120_000_000  # a 108 megapixel phone photo passes; a decompression bomb does not
SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N", "I")


def read_image(path: Path) -> Image:
    """A picture file -> (H, W, 3) uint8 BGR, upright by its EXIF rotation; the first frame of an animation.

    Grey, palette, CMYK and 16-bit pictures are converted; transparency is dropped. Raises ImageError for a file that is
    missing, empty, no picture, cut off, or larger than 120 megapixels.
    """
    if not path.is_file():
        raise ImageError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise ImageError(f"{path}: the file is empty (0 bytes); copy it again")
    try:
        return decoded(path)
    except (UnidentifiedImageError, Pillow.DecompressionBombError) as error:
        raise ImageError(f"{path}: {what_is_wrong(error)}") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageError(f"{path}: damaged or cut off ({error}); copy it again") from None


def what_is_wrong(error: Exception) -> str:
    """The half line for a file that Pillow does not open at all."""
    if isinstance(error, Pillow.DecompressionBombError):
        return f"more than {PIXELS_MAX // 1_000_000} megapixels; scale it down first"
    return "not a picture that can be read (JPEG, PNG, WebP, BMP, TIFF, GIF)"


def decoded(path: Path) -> Image:
    """The pixels of a picture file; raises Pillow's errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns below its own limit; ours is checked here
        with Pillow.open(path) as picture:
            if picture.width * picture.height > PIXELS_MAX:
                raise Pillow.DecompressionBombError
            upright = ImageOps.exif_transpose(picture)
    return to_bgr(upright)


def to_bgr(picture: Pillow.Image) -> Image:
    """Any Pillow mode -> (H, W, 3) uint8 BGR."""
    if picture.mode in SIXTEEN_BIT:
        grey = (np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    if picture.mode == "F":
        raise ValueError("floating-point pixels are not supported")
    return np.asarray(cv2.cvtColor(np.asarray(picture.convert("RGB")), cv2.COLOR_RGB2BGR), np.uint8)
