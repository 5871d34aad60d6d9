"""What of a candidate's evidence is too large for MQTT: the whole picture at its full size, redacted, and the clip.

A clip is the camera's own packets and cannot be redacted: it leaves only where the operator says so, and the centre
keeps it and shows it to nobody.
"""

import errno
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.evidence import File, write_whole


@dataclass(frozen=True)
class Large:
    """A file that is to leave. `path`: where it lies."""

    file: File
    path: Path
    kind: Literal["frame", "clip"]
    redacted: bool


class LargeFiles:
    """`folder`: for full pictures until they have gone; clips stay where they are sealed. `free_bytes_min`: what the
    disk keeps free. `no_room`: pictures that were not kept for want of room."""

    def __init__(
        self,
        folder: Path,
        pictures: bool,
        clips: bool,
        free_bytes_min: int = 0,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self.folder = folder
        self.pictures = pictures
        self.clips = clips
        self.no_room = 0
        self._free_min = free_bytes_min
        self._free = free
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def picture(self, data: bytes) -> Large | None:
        """Keep a redacted JPEG, durably; None where the disk takes no more."""
        file = File(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data), media_type="image/jpeg")
        path = self.folder / file.name
        try:
            if self._free(self.folder) - len(data) < self._free_min:
                raise OSError(errno.ENOSPC, "the disk is below its floor")
            write_whole(path, data)
        except OSError:
            self.no_room += 1
            return None
        return Large(file, path, "frame", redacted=True)
