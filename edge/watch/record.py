"""Continuous recording by stream copy: fragmented MP4 in segments, kept for days, within a budget and above a floor.

Public video has to be kept for 30 days and then deleted (State Council Decree 799). Deleting earlier because of budget
or floor is counted by itself (`record_deleted_early`): whoever sees it gives the camera more room.
"""

import errno
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av
import structlog

from edge.evidence.files import private
from edge.watch.packets import Piece, Remux

QUEUE_BYTES_MAX = 16 * 1024**2
RETRY_S = 5.0  # after a failure or below the floor
AGED_AT_ONCE = 2  # files deleted for age with each new segment: a clock that jumps cannot empty the folder at a stroke
DAY_S = 86_400.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Keeping:
    """Of one camera. `free_bytes_min`: below that nothing is recorded."""

    days: float = 30.0
    bytes_max: int = 64 * 1024**3
    segment_s: float = 60.0
    free_bytes_min: int = 1024**3


class _File:
    """A segment's file: counts what it took, unbuffered, so that a full disk is noticed by the write that meets it."""

    def __init__(self, path: Path) -> None:
        self._descriptor = private(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        self.size = 0

    def write(self, data: bytes) -> int:
        done = 0
        while done < len(data):
            done += os.write(self._descriptor, data[done:])
        self.size += done
        return done

    def close(self) -> None:
        os.close(self._descriptor)


@dataclass
class _Open:
    path: Path
    file: _File
    remux: Remux
    first: Piece


class Segments:
    """The folder of one camera's recording. One thread calls `add`. Nothing is raised for a disk that fails: the
    segment ends, the oldest makes room, and recording begins again with a later key frame."""

    def __init__(
        self,
        folder: Path,
        keeping: Keeping,
        wall: Callable[[], float] = time.time,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._folder = folder
        self._keeping = keeping
        self._wall = wall
        self._free = free
        self._open: _Open | None = None
        self._again_s = float("-inf")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._files = {p: p.stat().st_size for p in sorted(folder.glob("*.mp4"))}
        self.counters = {
            "record_segments": 0,
            "record_deleted_aged": 0,
            "record_deleted_early": 0,
            "record_failed": 0,
            "record_paused": 0,
        }

    @property
    def bytes(self) -> int:
        """What the folder holds."""
        return sum(self._files.values()) + (self._open.file.size if self._open else 0)

    def add(self, piece: Piece) -> None:
        """Write a packet; segments begin with key frames."""
        if self._open is not None and self._over(piece, self._open):
            self.close()
        try:
            if self._open is None and not self._begin(piece):
                return
            assert self._open is not None
            self._open.remux.add(piece)
        except (OSError, av.FFmpegError) as error:
            self._failed(piece, error)

    def close(self) -> None:
        """End the segment under way."""
        one, self._open = self._open, None
        if one is None:
            return
        with suppress(OSError, av.FFmpegError):
            one.remux.close()
        with suppress(OSError):
            one.file.close()
        self._files[one.path] = one.file.size

    def _over(self, piece: Piece, one: _Open) -> bool:
        """Whether the segment has to end before this packet: a new run, its time, or no room for more."""
        if piece.format is not one.first.format:
            return True
        if not piece.key:
            return False
        return piece.mono_s - one.first.mono_s >= self._keeping.segment_s or not self._fits()

    def _begin(self, piece: Piece) -> bool:
        if not piece.key or piece.mono_s < self._again_s:
            return False
        self._age()
        if not self._make_room():
            self.counters["record_paused"] += 1
            self._again_s = piece.mono_s + RETRY_S
            return False
        path = self._new_path()
        file = _File(path)
        try:
            self._open = _Open(path, file, Remux(file, piece, fragmented=True), piece)
        except (OSError, av.FFmpegError):
            file.close()
            path.unlink(missing_ok=True)
            raise
        self.counters["record_segments"] += 1
        return True

    def _new_path(self) -> Path:
        """Named by the wall clock; where that went back, behind the newest, so that names stay in the order of time."""
        stem = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._wall()))
        last = max((p.stem for p in self._files), default="")
        if stem > last.partition("-")[0]:
            return self._folder / f"{stem}-0000.mp4"
        base, _, number = last.partition("-")
        return self._folder / f"{base}-{int(number or 0) + 1:04d}.mp4"

    def _fits(self) -> bool:
        return self.bytes <= self._keeping.bytes_max and self._free(self._folder) >= self._keeping.free_bytes_min

    def _make_room(self) -> bool:
        while not self._fits() and self._files:
            self._delete(next(iter(self._files)), "record_deleted_early")
        return self._fits()

    def _age(self) -> None:
        until = self._wall() - self._keeping.days * DAY_S
        for path in list(self._files)[:AGED_AT_ONCE]:
            if path.exists() and path.stat().st_mtime < until:
                self._delete(path, "record_deleted_aged")

    def _delete(self, path: Path, why: str) -> None:
        del self._files[path]
        path.unlink(missing_ok=True)
        self.counters[why] += 1
        if why == "record_deleted_early":
            log.warning("record.deleted_early", file=str(path), days=self._keeping.days)

    def _failed(self, piece: Piece, error: OSError | av.FFmpegError) -> None:
        self.close()
        self.counters["record_failed"] += 1
        self._again_s = piece.mono_s + RETRY_S
        log.error("record.failed", folder=str(self._folder), reason=str(error))
        if getattr(error, "errno", None) == errno.ENOSPC and self._files:
            self._delete(next(iter(self._files)), "record_deleted_early")


class Recorder:
    """A thread between the camera and the disk: a slow disk holds up no camera. At most QUEUE_BYTES_MAX wait; past that
    packets are dropped up to the next key frame (`record_dropped`)."""

    def __init__(self, name: str, segments: Segments) -> None:
        self._segments = segments
        self._queue: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
        self._waiting = 0
        self._lock = threading.Lock()
        self._dropping = False
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name=f"record-{name}", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    @property
    def counters(self) -> dict[str, int]:
        """Since the start."""
        return {**self._segments.counters, "record_dropped": self.dropped}

    def add(self, piece: Piece) -> None:
        """Take a packet from the camera's thread."""
        with self._lock:
            full = self._waiting + len(piece.data) > QUEUE_BYTES_MAX
            self._dropping = full or (self._dropping and not piece.key)
            self.dropped += self._dropping
            if self._dropping:
                return
            self._waiting += len(piece.data)
        self._queue.put(piece)

    def stop(self) -> None:
        """Write what waits and end the segment."""
        self._queue.put(None)
        self._thread.join(10.0)

    def _run(self) -> None:
        while (piece := self._queue.get()) is not None:
            self._segments.add(piece)
            with self._lock:
                self._waiting -= len(piece.data)
        self._segments.close()
