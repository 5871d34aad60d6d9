"""The evidence store with a bucket behind it: the disk takes everything first, a thread moves it on.

So neither a receipt nor a candidate ever waits for the bucket. While it is away evidence waits on the disk, is shown
from there, and is bounded: past `spool_bytes_max` nothing more is taken (`spool_full`): a picture gets no receipt and
comes again, an upload is told 507. What the bucket has is deleted here. What is to be deleted there waits as an empty
file in `gone/`, so that a kill or an outage forgets none.
"""

import errno
import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import structlog

from gateway.counters import Counters
from gateway.evidence import SHA256, EvidenceStore, Shown
from gateway.s3 import CHUNK_BYTES, Bucket, S3Failed

LOOK_EVERY_S = 5.0  # at the folder: other gateways may put something there
BACKOFF_FIRST_S = 0.5
BACKOFF_S_MAX = 60.0
KNOWN_MAX = 50_000
GONE = "gone"

log = structlog.get_logger()


class S3Store(EvidenceStore):
    """`run` is the moving thread's; everything else is any thread's, and asks the bucket only to show something."""

    moves = True

    def __init__(
        self,
        root: Path,
        bytes_max: int,
        bucket: Bucket,
        spool_bytes_max: int,
        counters: Counters,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(root, bytes_max)
        self._bucket = bucket
        self._spool_max = spool_bytes_max
        self._counters = counters
        self._rng = rng or random.Random()
        self._lock = threading.Lock()
        self._moved: dict[str, None] = {}
        self._stop = threading.Event()
        self._wake = threading.Event()
        (root / GONE).mkdir(exist_ok=True)
        self._spooled = sum(path.stat().st_size for path in self._waiting())

    @property
    def spool_bytes(self) -> int:
        """What waits here."""
        return self._spooled

    def has(self, sha256: str) -> bool:
        """Whether it waits here or was moved by this process; of what was moved before, the database knows."""
        return super().has(sha256) or sha256 in self._moved

    def keep(self, sha256: str, data: bytes) -> None:
        """Raises OSError past the spool's bound too."""
        if self.has(sha256):
            return
        self._room(len(data))
        super().keep(sha256, data)
        self._took(sha256, len(data))

    def adopt(self, sha256: str, part: Path) -> None:
        """Raises OSError past the spool's bound too."""
        size = part.stat().st_size if part.exists() else 0
        self._room(size)
        super().adopt(sha256, part)
        self._took(sha256, size)

    def remove(self, hashes: list[str]) -> None:
        """Here at once, there in its turn."""
        for sha256 in hashes:
            (self.root / GONE / sha256).touch()
            self._drop(sha256)
            self._moved.pop(sha256, None)
        self._wake.set()

    def show(self, sha256: str) -> Shown | None:
        """From here, or from the bucket. Raises OSError when it cannot be asked."""
        if (here := super().show(sha256)) is not None:
            return here
        answer = self._bucket.get(sha256)
        try:
            found = answer.__enter__()
        except S3Failed as error:
            self._counters.add("s3_failed")
            raise OSError(errno.EIO, str(error)) from error
        if found is None:
            answer.__exit__(None, None, None)
            return None

        def pieces() -> Iterator[bytes]:
            try:
                yield from found.iter_raw(CHUNK_BYTES)
            finally:
                answer.__exit__(None, None, None)

        return Shown(pieces(), int(found.headers["content-length"]))

    def stop(self) -> None:
        """End after the file under way; the rest waits on the disk."""
        self._stop.set()
        self._wake.set()

    def run(self) -> None:
        """Until stopped."""
        failures = 0
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self.round()
                failures = 0
            except (S3Failed, OSError) as error:
                failures += 1
                self._counters.add("s3_failed")
                log.error("s3.failed", reason=str(error), waiting_bytes=self._spooled)
            ceiling_s = min(BACKOFF_S_MAX, BACKOFF_FIRST_S * 2 ** min(failures - 1, 10))
            if failures:
                self._stop.wait(self._rng.uniform(0.5, 1.0) * ceiling_s)
            else:
                self._wake.wait(LOOK_EVERY_S)
        self._bucket.close()

    def round(self) -> None:
        """Move and delete what waits. Raises S3Failed, OSError at the first that fails."""
        for mark in [path for path in (self.root / GONE).iterdir() if not self._stop.is_set()]:
            if not super().has(mark.name):  # it has come again since
                self._bucket.delete(mark.name)
                self._counters.add("s3_deleted")
            mark.unlink(missing_ok=True)
        for path in self._waiting():
            if self._stop.is_set():
                return
            with suppress(FileNotFoundError):  # removed meanwhile
                self._bucket.put(path.name, path)
                self._counters.add("s3_put")
                self._remember(path.name)
                self._drop(path.name)

    def _room(self, size: int) -> None:
        if self._spooled + size > self._spool_max:
            self._counters.add("spool_full")
            raise OSError(errno.ENOSPC, f"{self._spooled} bytes wait for the bucket, which is the most")

    def _took(self, sha256: str, size: int) -> None:
        (self.root / GONE / sha256).unlink(missing_ok=True)
        with self._lock:
            self._spooled += size
        self._wake.set()

    def _drop(self, sha256: str) -> None:
        path = self.path(sha256)
        with suppress(FileNotFoundError):
            size = path.stat().st_size
            path.unlink()
            with self._lock:
                self._spooled = max(0, self._spooled - size)

    def _remember(self, sha256: str) -> None:
        with self._lock:
            self._moved[sha256] = None
            while len(self._moved) > KNOWN_MAX:
                del self._moved[next(iter(self._moved))]

    def _waiting(self) -> list[Path]:
        return [path for path in self.root.glob("??/*") if SHA256.fullmatch(path.name)]
