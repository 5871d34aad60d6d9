"""The chain itself: one writer at a time, each record durable before `append` returns, its end healed after a fall."""

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from edge.evidence import clock
from edge.evidence.files import private, sync_folder, write_whole
from edge.evidence.key import DeviceKey
from edge.evidence.lines import (
    HEAD_NAME,
    Broken,
    Head,
    read_head,
    read_line,
    segment_name,
    segments,
    write_head,
    write_line,
)
from edge.evidence.records import NOTHING, Body, Healed, Pruned, Record, Times

LOST_KEPT = 8  # files lost-*.bin: what healing cut off, for whoever looks into it

log = structlog.get_logger()


class ChainFailed(RuntimeError):
    """A record could not be made durable; nothing of it is in the chain. `str()` is one line."""


@dataclass(frozen=True)
class ChainLimits:
    """About 1.7 KB a candidate: 256 MiB hold 150,000. Past that the oldest file goes, and a record says so."""

    segment_bytes: int = 4 * 1024**2
    segments_max: int = 64


@dataclass(frozen=True)
class _Tail:
    """Where the next record goes, and what it follows."""

    path: Path
    size: int
    seq: int
    sha256: str


class Chain:
    """Records in `folder`, for any thread and process: a lock file keeps writers apart. Opening costs nothing; the end
    is read, and healed, with the first append or `check`."""

    def __init__(
        self,
        folder: Path,
        key: DeviceKey,
        device: str,
        limits: ChainLimits | None = None,
        times: Callable[[], Times] = clock.times,
    ) -> None:
        self.folder = folder
        self._key = key
        self._public = key.public
        self._fingerprint = self._public.fingerprint
        self._device = device
        self._limits = limits or ChainLimits()
        self._times = times
        self._lock = threading.Lock()
        self._tail: _Tail | None = None
        self.counters = {"chain_records": 0, "chain_failed": 0, "chain_healed": 0, "chain_pruned": 0}

    def append(self, body: Body) -> str:
        """Make a record durable; returns its hash. Raises ChainFailed when the disk does not take it."""
        with self._lock, self._exclusive():
            try:
                digest = self._put(body)
                self._prune()
            except OSError as error:
                raise self._failed(error) from error
        return digest

    def check(self) -> None:
        """Read the chain's end and heal it now. Raises ChainFailed."""
        with self._lock, self._exclusive():
            try:
                self._tail_now()
            except OSError as error:
                raise self._failed(error) from error

    def _failed(self, error: OSError) -> ChainFailed:
        self.counters["chain_failed"] += 1
        return ChainFailed(f"{self.folder}: the evidence record cannot be written ({error.strerror or error})")

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = private(self.folder / "lock", os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise self._failed(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _put(self, body: Body) -> str:
        tail = self._tail_now()
        line, record, digest = self._line(tail, body)
        if tail.size and tail.size + len(line) > self._limits.segment_bytes:
            tail = _Tail(self.folder / segment_name(record.seq), 0, tail.seq, tail.sha256)
        self._write(tail, line)
        self._done(tail.path, tail.size + len(line), record, digest)
        return digest

    def _line(self, tail: _Tail, body: Body) -> tuple[bytes, Record, str]:
        record = Record(
            device=self._device,
            key=self._fingerprint,
            seq=tail.seq + 1,
            previous=tail.sha256,
            times=self._times(),
            body=body,
        )
        line, digest = write_line(record, self._key)
        return line, record, digest

    def _write(self, tail: _Tail, line: bytes) -> None:
        """The whole line, or the file as it was."""
        descriptor = private(tail.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            written = 0
            while written < len(line):
                written += os.write(descriptor, line[written:])
            os.fsync(descriptor)
        except OSError:
            self._tail = None
            with suppress(OSError):
                os.ftruncate(descriptor, tail.size)
            raise
        finally:
            os.close(descriptor)
        if tail.size == 0:
            sync_folder(self.folder)

    def _done(self, path: Path, size: int, record: Record, digest: str) -> None:
        """The record stands; a head that lags behind (a disk that is full now) is made good with the next one."""
        self._tail = _Tail(path, size, record.seq, digest)
        self.counters["chain_records"] += 1
        try:
            write_whole(self.folder / HEAD_NAME, write_head(record, digest, self._key))
        except OSError as error:
            log.warning("evidence.head_late", folder=str(self.folder), reason=str(error))

    def _prune(self) -> None:
        files = segments(self.folder)
        while len(files) > self._limits.segments_max:
            kept = read_line(files[1].read_bytes().partition(b"\n")[0], None).record
            self._put(Pruned(first=kept.seq, previous=kept.previous))
            files[0].unlink()
            self.counters["chain_pruned"] += 1
            log.warning("evidence.pruned", file=files[0].name, first=kept.seq)
            files = segments(self.folder)

    def _tail_now(self) -> _Tail:
        """The known end, unless another process has written since."""
        tail, files = self._tail, segments(self.folder)
        if tail is not None and files and files[-1] == tail.path and tail.path.stat().st_size == tail.size:
            return tail
        self._tail = self._read_tail(files)
        return self._tail

    def _read_tail(self, files: list[Path]) -> _Tail:
        head = self._head()
        path = files[-1] if files else self.folder / segment_name(1)
        data = path.read_bytes() if files else b""
        end, seq, digest = last_good(data)
        if seq == 0 and len(files) > 1:
            _, seq, digest = last_good(files[-2].read_bytes())
        tail = _Tail(path, end, seq, digest)
        lost = max(0, head.seq - seq) if head else 0
        return self._heal(tail, data, lost) if lost or end < len(data) else tail

    def _head(self) -> Head | None:
        try:
            return read_head((self.folder / HEAD_NAME).read_bytes(), self._public)
        except FileNotFoundError:
            return None
        except Broken as error:
            log.error("evidence.head_broken", folder=str(self.folder), reason=str(error))
            return None

    def _heal(self, tail: _Tail, data: bytes, records: int) -> _Tail:
        """Replace what cannot be read by a record that says so, in one step: the file is as it was or healed."""
        lost = data[tail.size :]
        digest = hashlib.sha256(lost).hexdigest()
        if lost and len(list(self.folder.glob("lost-*.bin"))) < LOST_KEPT:
            write_whole(self.folder / f"lost-{digest[:16]}.bin", lost)
        body = Healed(lost_bytes=len(lost), lost_sha256=digest, lost_records=records)
        line, record, own = self._line(tail, body)
        write_whole(tail.path, data[: tail.size] + line)
        sync_folder(self.folder)
        self.counters["chain_healed"] += 1
        log.warning("evidence.healed", record=record.seq, lost_bytes=len(lost), lost_records=records)
        self._done(tail.path, tail.size + len(line), record, own)
        assert self._tail is not None
        return self._tail


def last_good(data: bytes) -> tuple[int, int, str]:
    """(where it ends, number, hash) of the last record of a file that can be read; (0, 0, NOTHING) when there is none.
    Whose signature it has is not asked: what an older key signed, or somebody forged, stays for `verify` to judge."""
    end = data.rfind(b"\n") + 1
    while end > 0:
        begin = data.rfind(b"\n", 0, end - 1) + 1
        try:
            line = read_line(data[begin : end - 1], None)
        except Broken:
            end = begin
            continue
        return end, line.record.seq, line.sha256
    return 0, 0, NOTHING
