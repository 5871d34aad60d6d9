"""Photos that come in pieces: a part file grows until its hash is proven, then it is evidence like any other.

Limits: 1 byte to 40 MiB, 16 photos of one handset and 4 GiB altogether under way, a part that nobody continued for a
week is dropped. Over them the handset is told nothing but the bytes that are there, and comes again; each is counted.
"""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from edge.wire import (
    PHOTO_BYTES_MAX,
    EmptyPhoto,
    HashMismatch,
    PhotoState,
    Piece,
    TooLarge,
    WireError,
)
from gateway.counters import Counters
from gateway.evidence import EvidenceStore
from gateway.tables import evidence

PARTS_OF_ONE_MAX = 16
PARTS_BYTES_MAX = 4 * 1024**3
PART_LIFE_S = 7 * 24 * 3600.0


class Uploads:
    """`<root>/<device>.<sha256>.part`. One thread at a time (the intake's)."""

    def __init__(
        self, root: Path, pictures: EvidenceStore, counters: Counters, wall_s: Callable[[], float] = time.time
    ) -> None:
        self._root = root
        self._pictures = pictures
        self._counters = counters
        self._wall_s = wall_s
        root.mkdir(parents=True, exist_ok=True)
        self._bytes = sum(part.stat().st_size for part in self._parts())

    def take(self, piece: Piece) -> PhotoState:
        """A piece, or a question. Before `done` is said, `record` must be committed. Raises OSError."""
        try:
            _check(piece)
        except WireError as error:
            self._counters.add("photos_refused")
            return PhotoState(sha256=piece.sha256, code=int(error.code), reason=str(error))
        if self._pictures.has(piece.sha256):
            return PhotoState(sha256=piece.sha256, have_bytes=piece.size_bytes, done=True)
        part = self._root / f"{piece.device}.{piece.sha256}.part"
        have = part.stat().st_size if part.is_file() else 0
        if piece.data and piece.offset == have and self._has_room(piece, have):
            have = self._grow(part, piece, have)
        if have < piece.size_bytes:
            return PhotoState(sha256=piece.sha256, have_bytes=have)
        return self._finish(part, piece)

    def _grow(self, part: Path, piece: Piece, have: int) -> int:
        data = piece.data[: piece.size_bytes - have]
        with part.open("ab") as file:
            file.write(data)
        self._bytes += len(data)
        return have + len(data)

    def _finish(self, part: Path, piece: Piece) -> PhotoState:
        data = part.read_bytes()
        part.unlink()
        self._bytes -= len(data)
        if hashlib.sha256(data).hexdigest() != piece.sha256:
            self._counters.add("photos_hash_mismatch")
            error = HashMismatch(f"the {len(data)} bytes are not those of sha256 {piece.sha256}")
            return PhotoState(sha256=piece.sha256, code=int(error.code), reason=str(error))
        self._pictures.keep(piece.sha256, data)
        self._counters.add("photos_taken")
        return PhotoState(sha256=piece.sha256, have_bytes=len(data), done=True)

    def _has_room(self, piece: Piece, have: int) -> bool:
        if have:
            return True
        self._drop_old()
        mine = len(list(self._root.glob(f"{piece.device}.*.part")))
        if mine < PARTS_OF_ONE_MAX and self._bytes + piece.size_bytes <= PARTS_BYTES_MAX:
            return True
        self._counters.add("photos_deferred")
        return False

    def _drop_old(self) -> None:
        for part in self._parts():
            if self._wall_s() - part.stat().st_mtime > PART_LIFE_S:
                self._bytes -= part.stat().st_size
                part.unlink()
                self._counters.add("photo_parts_dropped")

    def _parts(self) -> list[Path]:
        return list(self._root.glob("*.part"))


def record(tx: sa.Connection, piece: Piece, now: str) -> None:
    """The row of a photo that is proven and on disk. A crew's photo is not redacted: it is never served as it is."""
    known = evidence.c.sha256 == piece.sha256
    if tx.execute(sa.update(evidence).where(known).values(stored=True, redacted=False)).rowcount:
        return
    row: dict[str, Any] = {
        "sha256": piece.sha256,
        "media_type": piece.media_type,
        "kind": piece.kind,
        "redacted": False,
    }
    row |= {"stored": True, "size_bytes": piece.size_bytes, "device": piece.device, "stored_at": now}
    tx.execute(sa.insert(evidence), row)


def _check(piece: Piece) -> None:
    if piece.size_bytes == 0:
        raise EmptyPhoto("a photo of 0 bytes")
    if piece.size_bytes > PHOTO_BYTES_MAX:
        raise TooLarge(f"a photo of {piece.size_bytes} bytes, the limit is {PHOTO_BYTES_MAX}")
