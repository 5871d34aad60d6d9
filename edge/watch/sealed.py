"""Originals, sealed in the device's data folder: named by their hash, a budget, a floor under the disk's free space."""

import errno
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import cv2

from edge.evidence import File, write_whole
from edge.watch.source import Image

MediaType = Literal["image/jpeg", "video/mp4"]
TRIM_TO = 0.95  # of the budget, so that deletions come in batches and one record names many
NAMES_MAX = 100  # of one batch: a record has a limit
HELD = 3  # the newest files make no room: they may be the same candidate's frame, crop and picture from before


class Sealed:
    """Readable by the device's owner alone (0600 in 0700). Over `bytes_max` the oldest are deleted first; with less
    than `free_bytes_min` left on the disk the oldest make room; when that cannot help none goes, and nothing is kept
    (OSError), so that the outbox always has room. `deleting` is told the names before they go."""

    def __init__(self, folder: Path, bytes_max: int, free_bytes_min: int = 0) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._free_min = free_bytes_min
        self.deleting: Callable[[list[str]], None] = lambda names: None
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in folder.glob("*.part"):
            left.unlink(missing_ok=True)
        files = [p for ending in ("jpg", "mp4") for p in folder.glob(f"*.{ending}")]
        stats = sorted(((p.stat(), p.name) for p in files), key=lambda one: one[0].st_mtime)
        self._sizes = {name: stat.st_size for stat, name in stats}
        self._bytes = sum(self._sizes.values())
        self.deleted = 0

    def keep(self, image: Image, quality: int = 92) -> File:
        """Store a picture (H, W, 3) BGR as JPEG. Raises OSError."""
        done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not done:
            raise ValueError(f"picture of shape {image.shape} cannot be written as JPEG")
        return self.keep_bytes(data.tobytes(), "image/jpeg")

    def keep_bytes(self, data: bytes, media_type: MediaType) -> File:
        """Store a file, durably. Raises OSError when the disk is full or below its floor."""
        file = File(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data), media_type=media_type)
        known = self._sizes.pop(file.name, None)
        if known is None:
            self._make_room(len(data))
            write_whole(self._folder / file.name, data)
            self._bytes += len(data)
        self._sizes[file.name] = len(data)
        self._trim()
        return file

    def path(self, file: File) -> Path:
        """Where a file lies, as long as it has not made room for others."""
        return self._folder / file.name

    def _make_room(self, size: int) -> None:
        if self._free() - size >= self._free_min:
            return
        if (short := self._free_min + size - self._free()) <= sum(list(self._sizes.values())[:-HELD]):
            self._delete(self._oldest(short))
        free = self._free()
        if free - size < self._free_min:
            words = f"No space left: {free} bytes are free on the disk, {self._free_min} have to stay so"
            raise OSError(errno.ENOSPC, words, str(self._folder))

    def _trim(self) -> None:
        if self._bytes > self._bytes_max:
            self._delete(self._oldest(self._bytes - int(self._bytes_max * TRIM_TO)))

    def _free(self) -> int:
        return shutil.disk_usage(self._folder).free

    def _oldest(self, size: int) -> list[str]:
        names: list[str] = []
        for name, part in self._sizes.items():
            if size <= 0:
                break
            names.append(name)
            size -= part
        return names

    def _delete(self, names: list[str]) -> None:
        for begin in range(0, len(names), NAMES_MAX):
            self.deleting(names[begin : begin + NAMES_MAX])
        for name in names:
            (self._folder / name).unlink(missing_ok=True)
            self._bytes -= self._sizes.pop(name)
            self.deleted += 1
