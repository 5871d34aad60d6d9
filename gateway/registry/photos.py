"""Citizens' photos: checked for being pictures, made smaller, written anew (so nothing but pixels is kept), by hash."""

import hashlib
import io
import os
import struct
from pathlib import Path

from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP")
PIXELS_MAX = 50_000_000
SIDE_PX_MAX = 2048
QUALITY = 85
# What Pillow raises for broken or hostile files; UnidentifiedImageError is an OSError.
_BROKEN = (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error, Image.DecompressionBombError)


class NoPicture(ValueError):
    """The bytes are not a picture that is taken; `str()` says why."""


def cleaned(data: bytes) -> bytes:
    """A JPEG of at most SIDE_PX_MAX on its longer side, upright, without EXIF (a citizen's GPS track is nobody's
    business). Raises NoPicture; the size is read from the header before anything is decoded."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > PIXELS_MAX:
                raise NoPicture(f"{width} x {height} pixels are over {PIXELS_MAX}")
            picture.draft("RGB", (SIDE_PX_MAX, SIDE_PX_MAX))
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except NoPicture:
        raise
    except _BROKEN as error:
        raise NoPicture("not a whole JPEG, PNG or WebP picture") from error
    upright.thumbnail((SIDE_PX_MAX, SIDE_PX_MAX))
    out = io.BytesIO()
    upright.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


class PhotoFolder:
    """`<root>/ab/abcdef...`; over the budget nothing more is taken, the citizen is told."""

    def __init__(self, root: Path, bytes_max: int) -> None:
        self._root = root
        self._bytes_max = bytes_max
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._bytes = sum(path.stat().st_size for path in root.glob("*/*"))

    def path(self, sha256: str) -> Path:
        """Where a photo lies; `sha256` comes from our own database."""
        return self._root / sha256[:2] / sha256

    def keep(self, picture: bytes) -> str:
        """Write for good; returns the sha256. Raises NoPicture when the folder is full, OSError."""
        sha256 = hashlib.sha256(picture).hexdigest()
        target = self.path(sha256)
        if target.exists():
            return sha256
        if self._bytes + len(picture) > self._bytes_max:
            raise NoPicture("no room for photos at the moment; send the report without one")
        target.parent.mkdir(exist_ok=True, mode=0o700)
        temporary = target.with_suffix(".tmp")
        with temporary.open("wb") as file:
            file.write(picture)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(target)
        self._bytes += len(picture)
        return sha256
