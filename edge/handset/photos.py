"""Photos on a handset: kept by their sha256 until the centre has proven that it has them."""

import hashlib
import os
from pathlib import Path
from typing import Protocol

from edge.wire import PHOTO_BYTES_MAX, EmptyPhoto, NotParsed, TooLarge


class Box(Protocol):
    """Where the bytes lie."""

    def put(self, sha256: str, data: bytes) -> None:
        """For good, before anything names it."""
        ...

    def read(self, sha256: str, offset: int, size_bytes: int) -> bytes:
        """A part; b"" when it is gone."""
        ...

    def drop(self, sha256: str) -> None: ...


class FileBox:
    """One file for each photo in a folder of the handset's own (mode 0700)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, sha256: str, data: bytes) -> None:
        """Write, fsync, rename. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self._folder / f"{sha256}.tmp"
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self._folder / sha256)

    def read(self, sha256: str, offset: int, size_bytes: int) -> bytes:
        """Raises OSError for anything but a missing file."""
        try:
            with (self._folder / sha256).open("rb") as file:
                file.seek(offset)
                return file.read(size_bytes)
        except FileNotFoundError:
            return b""

    def drop(self, sha256: str) -> None:
        """Delete."""
        (self._folder / sha256).unlink(missing_ok=True)


def media_type(data: bytes) -> str:
    """image/jpeg or image/png by the first bytes. Raises EmptyPhoto, TooLarge, NotParsed."""
    if not data:
        raise EmptyPhoto("the photo has 0 bytes; take it again")
    if len(data) > PHOTO_BYTES_MAX:
        raise TooLarge(f"the photo has {len(data)} bytes, the limit is {PHOTO_BYTES_MAX}; take it smaller")
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    raise NotParsed("the file is neither JPEG nor PNG; choose a photo")


def name_of(data: bytes) -> str:
    """The photo's name everywhere."""
    return hashlib.sha256(data).hexdigest()
