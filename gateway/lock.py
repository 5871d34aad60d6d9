"""A lock on a data directory: a gateway on SQLite and a restore have it alone, gateways on PostgreSQL share it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType


class InUse(RuntimeError):
    """Another process works in the directory; `str()` says what to do."""


class DataLock:
    """Held until the block or the process ends, however it ends. Raises InUse when it cannot be had at once."""

    def __init__(self, folder: Path, exclusive: bool) -> None:
        self._path = folder / "in-use.lock"
        self._exclusive = exclusive
        self._handle = -1

    def __enter__(self) -> "DataLock":
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._handle, (fcntl.LOCK_EX if self._exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._handle)
            who = "a gateway runs there, or a restore does" if self._exclusive else "a restore is under way there"
            raise InUse(f"{self._path.parent}: {who}; wait for its end, or stop it first") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Wait for a file's lock and hold it; it ends with the block or the process. The file stays, empty."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
