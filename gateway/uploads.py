"""Evidence that is too large for MQTT, while it is under way: a growing file and its description, per device.

`<root>/<device>/<id>.json` says what is coming, `<id>.part` holds what has come. The file's size is the offset, so a
kill at any moment costs nothing that was answered for. `id` follows from device and hash: whoever asks again for the
same content goes on with the same upload. Gateways that share the folder (NFS, one machine) keep out of each other's
way by a lock on the file.
"""

import fcntl
import hashlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from edge.wire import PHOTO_BYTES_MAX, MediaType, Purpose
from gateway.counters import Counters

MIB = 1024 * 1024
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\.[0-9a-f]{32}")
SWEEP_EVERY_S = 60.0
OPEN_MAX = 64  # uploads of one device at the same time


class UploadRefused(RuntimeError):
    """`status`: HTTP's word for it; `str()` says what, and what to do."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Coming(msgspec.Struct, frozen=True, kw_only=True):
    """What is being uploaded; the description file."""

    device: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, msgspec.Meta(ge=1)]
    media_type: MediaType
    kind: Literal["frame", "crop", "before", "after", "look", "clip"]
    redacted: bool
    candidate_id: Annotated[str, msgspec.Meta(max_length=128)] = ""
    purpose: Purpose = "evidence"

    @property
    def id(self) -> str:
        """`<device>.<32 hex digits>`, the same for the same content of the same device."""
        return f"{self.device}.{hashlib.sha256(f'{self.device} {self.sha256}'.encode()).hexdigest()[:32]}"


class Limits(msgspec.Struct, frozen=True):
    """`upload_bytes_max`: one upload; `device_bytes_max`: what a device may have under way and finish in a day;
    `all_bytes_max`: what all may have under way; `keep_s`: what nothing was added to for so long is deleted."""

    upload_bytes_max: int = 64 * MIB
    device_bytes_max: int = 512 * MIB
    all_bytes_max: int = 8192 * MIB
    keep_s: float = 24 * 3600.0

    def most(self, purpose: Purpose) -> int:
        """Bytes of one upload: a crew's photo may have no more than it may in pieces."""
        return min(self.upload_bytes_max, PHOTO_BYTES_MAX) if purpose == "photo" else self.upload_bytes_max


class Uploads:
    """The folder of what is under way. `wall`: seconds since 1970, as files have them."""

    def __init__(self, root: Path, limits: Limits, counters: Counters, wall: Callable[[], float] = time.time) -> None:
        self._root = root
        self._counters = counters
        self._wall = wall
        self._swept_at = float("-inf")
        self._creating = threading.Lock()
        self.limits = limits
        root.mkdir(parents=True, exist_ok=True)

    def create(self, coming: Coming, finished_bytes: int) -> str:
        """Make room for it, or find the one that is under way; its id. `finished_bytes`: what the device finished in
        the last day. Raises UploadRefused."""
        self.sweep()
        with self._creating:
            if self._description(coming.id).exists():
                if self.find(coming.id).size_bytes == coming.size_bytes:
                    return coming.id
                self.drop(coming.id)  # one of the two sizes is not that of the hash, and the last word counts
            self._check(coming, finished_bytes)
            self._description(coming.id).parent.mkdir(exist_ok=True)
            self._part(coming.id).touch()
            temporary = self._description(coming.id).with_suffix(".tmp")
            with temporary.open("wb") as file:
                file.write(msgspec.json.encode(coming))
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(self._description(coming.id))
        self._counters.add("uploads_created")
        return coming.id

    def find(self, upload_id: str) -> Coming:
        """What is coming under this id. Raises UploadRefused (404) for anything that is not under way."""
        if not ID.fullmatch(upload_id):
            raise UploadRefused(404, "no such upload; create it again")
        try:
            return msgspec.json.decode(self._description(upload_id).read_bytes(), type=Coming)
        except (FileNotFoundError, msgspec.DecodeError):
            raise UploadRefused(404, "no such upload (done, expired or never made); create it again") from None

    def offset(self, upload_id: str) -> int:
        """How many bytes are here for good."""
        try:
            return self._part(upload_id).stat().st_size
        except FileNotFoundError:
            return 0

    def expires_at(self, upload_id: str) -> float:
        """Seconds since 1970."""
        try:
            return self._part(upload_id).stat().st_mtime + self.limits.keep_s
        except FileNotFoundError:
            return self._wall()

    @contextmanager
    def alone(self, upload_id: str) -> Iterator[int]:
        """A file descriptor to append to, for one request at a time. Raises UploadRefused (423) when another has it."""
        handle = os.open(self._part(upload_id), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise UploadRefused(423, "another request is writing this upload; try again in a moment") from None
        try:
            yield handle
        finally:
            os.close(handle)

    def part(self, upload_id: str) -> Path:
        """The growing file."""
        return self._part(upload_id)

    def drop(self, upload_id: str) -> None:
        """Forget an upload and its bytes."""
        self._description(upload_id).unlink(missing_ok=True)
        self._part(upload_id).unlink(missing_ok=True)

    def sweep(self, now: bool = False) -> int:
        """Delete what has expired, at most once a minute; returns how many."""
        at_s = self._wall()
        if not now and at_s - self._swept_at < SWEEP_EVERY_S:
            return 0
        self._swept_at = at_s
        ids = {p.stem for end in ("json", "part") for p in self._root.glob(f"*/*.{end}")}
        old = [upload_id for upload_id in ids if self.expires_at(upload_id) <= at_s]
        for upload_id in old:
            self.drop(upload_id)
        self._counters.add("uploads_expired", len(old))
        return len(old)

    def _check(self, coming: Coming, finished_bytes: int) -> None:
        most, all_most = self.limits.most(coming.purpose), self.limits.device_bytes_max
        if coming.size_bytes > most:
            raise UploadRefused(413, f"{coming.size_bytes} bytes; one upload may have {most}: make it smaller")
        known = [self.find(p.stem).size_bytes for p in (self._root / coming.device).glob("*.json")]
        if len(known) >= OPEN_MAX:
            raise UploadRefused(429, f"{coming.device} has {len(known)} uploads under way; finish or delete some")
        if sum(known) + finished_bytes + coming.size_bytes > all_most:
            raise UploadRefused(429, f"{coming.device} may upload {all_most} bytes a day; try again later")
        if self._under_way() + coming.size_bytes > self.limits.all_bytes_max:
            raise UploadRefused(429, "too much is under way from all devices together; try again later")

    def _under_way(self) -> int:
        return sum(self.find(p.stem).size_bytes for p in self._root.glob("*/*.json"))

    def _description(self, upload_id: str) -> Path:
        return self._root / upload_id.partition(".")[0] / f"{upload_id}.json"

    def _part(self, upload_id: str) -> Path:
        return self._root / upload_id.partition(".")[0] / f"{upload_id}.part"
