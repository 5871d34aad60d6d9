"""The evidence store: pictures by their sha256 in files, what is known of them in the database, a budget over all.

Budget policy: when the store is over its budget, pictures of closed incidents go first, oldest first; when those are
gone, pictures that no incident names; the pictures of open incidents go last. Each removal is counted.
"""

import hashlib
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from edge.wire import Evidence, HashMismatch
from gateway.pictures import check_size
from gateway.tables import evidence, evidence_refs, incidents

SHA256 = re.compile(r"[0-9a-f]{64}")
EVICT_ROWS = 64
LEFT_BEHIND_S = 3600.0
RECOUNT_SHARE = 16
PIECE_BYTES = 256 * 1024


@dataclass(frozen=True)
class Shown:
    """Something to send on: its bytes as they come, and how many."""

    pieces: Iterator[bytes]
    size_bytes: int


class EvidenceStore:
    """Files named by their hash alone: `<root>/ab/abcdef...`. `moves`: a file may be gone from here the next moment."""

    moves = False

    def __init__(self, root: Path, bytes_max: int) -> None:
        self.root = root
        self._bytes_max = bytes_max
        self._bytes: int | None = None
        self._added = 0
        root.mkdir(parents=True, exist_ok=True)
        edge_s = time.time() - LEFT_BEHIND_S
        for left in root.glob("*/*.tmp"):  # of a process that died; a younger one may be another gateway's at work
            with suppress(FileNotFoundError):
                if left.stat().st_mtime < edge_s:
                    left.unlink()

    def path(self, sha256: str) -> Path:
        """Where a picture lies. Raises ValueError for anything that is not 64 hex digits."""
        if not SHA256.fullmatch(sha256):
            raise ValueError("not a sha256 in lower-case hex")
        return self.root / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        """Whether it is here."""
        return self.path(sha256).is_file()

    def show(self, sha256: str) -> Shown | None:
        """To be sent on; None when it is not here."""
        try:
            file = self.path(sha256).open("rb")
        except FileNotFoundError:
            return None

        def pieces() -> Iterator[bytes]:
            with file:
                while piece := file.read(PIECE_BYTES):
                    yield piece

        return Shown(pieces(), os.fstat(file.fileno()).st_size)

    def write(self, message: Evidence) -> None:
        """Keep a message's bytes for good (tmp, fsync, rename, fsync). Raises HashMismatch, TooLarge, OSError."""
        if hashlib.sha256(message.data).hexdigest() != message.sha256:
            raise HashMismatch(f"evidence: the {len(message.data)} bytes are not those of sha256 {message.sha256}")
        check_size(message.data)
        self.keep(message.sha256, message.data)

    def keep(self, sha256: str, data: bytes) -> None:
        """Bytes whose hash was proven. Raises OSError."""
        target = self.path(sha256)
        if target.exists():
            return
        target.parent.mkdir(exist_ok=True)
        temporary = target.with_suffix(f".{os.getpid()}-{threading.get_ident()}-{socket.gethostname()}.tmp")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(target)
        _sync_directory(target.parent)

    def adopt(self, sha256: str, part: Path) -> None:
        """Move a whole, synced file into its place; its hash was checked. Raises OSError."""
        target = self.path(sha256)
        target.parent.mkdir(exist_ok=True)
        if part.exists():
            part.rename(target)
            _sync_directory(target.parent)

    def remove(self, hashes: list[str]) -> None:
        """Delete files whose rows say `stored = false`."""
        for sha256 in hashes:
            self.path(sha256).unlink(missing_ok=True)

    def recount(self) -> None:
        """The bytes in the store are counted anew before they next matter."""
        self._bytes = None

    def over_budget(self, tx: sa.Connection, added_bytes: int) -> list[str]:
        """Mark as gone what must go; the caller deletes the files after its commit."""
        # Other gateways add too: counted anew after every sixteenth of the budget, so that all together stay near it.
        self._added += added_bytes
        counted = self._bytes is not None and self._added <= self._bytes_max // RECOUNT_SHARE
        if counted and self._bytes is not None and self._bytes + added_bytes <= self._bytes_max:
            self._bytes += added_bytes
            return []
        self._added = 0
        total = tx.scalar(sa.select(sa.func.coalesce(sa.func.sum(evidence.c.size_bytes), 0)).where(evidence.c.stored))
        self._bytes = int(total or 0)
        excess = self._bytes - self._bytes_max
        if excess <= 0:
            return []
        self._bytes = None
        gone: list[str] = []
        for sha256, size_bytes in self._removal_order(tx):
            gone.append(sha256)
            excess -= size_bytes
            if excess <= 0:
                break
        tx.execute(sa.update(evidence).where(evidence.c.sha256.in_(gone)).values(stored=False))
        return gone

    def _removal_order(self, tx: sa.Connection) -> Iterator[tuple[str, int]]:
        named = sa.select(evidence_refs.c.sha256)
        in_use = named.join(incidents, incidents.c.incident_id == evidence_refs.c.incident_id).where(incidents.c.open)
        e = evidence.c
        ages = (
            sa.and_(e.sha256.in_(named), e.sha256.not_in(in_use)),
            e.sha256.not_in(named),
            e.sha256.in_(in_use),
        )
        for where in ages:
            query = sa.select(e.sha256, e.size_bytes).where(e.stored, where).order_by(e.stored_at).limit(EVICT_ROWS)
            yield from [(row.sha256, row.size_bytes) for row in tx.execute(query)]


def record(tx: sa.Connection, message: Evidence, now: str) -> None:
    """The row of a picture whose file is in place. Once called unredacted by anyone, it stays so."""
    old = tx.execute(sa.select(evidence).where(evidence.c.sha256 == message.sha256)).mappings().first()
    if old is None:
        tx.execute(sa.insert(evidence), _row(message, now))
        return
    values = {"stored": True, "redacted": bool(old["redacted"] and message.redacted)}
    tx.execute(sa.update(evidence).where(evidence.c.sha256 == message.sha256).values(values))


def servable(tx: sa.Connection, sha256: str) -> str | None:
    """The media type of a picture that may be shown: stored, and redacted in everybody's words; else None."""
    claimed = sa.select(evidence_refs.c.sha256).where(
        evidence_refs.c.sha256 == sha256, evidence_refs.c.redacted.is_(False)
    )
    query = sa.select(evidence.c.media_type).where(
        evidence.c.sha256 == sha256, evidence.c.stored, evidence.c.redacted, ~claimed.exists()
    )
    return tx.scalar(query)


def _row(message: Evidence, now: str) -> dict[str, object]:
    return {
        "sha256": message.sha256,
        "media_type": message.media_type,
        "kind": message.kind,
        "redacted": message.redacted,
        "stored": True,
        "size_bytes": len(message.data),
        "device": message.device,
        "stored_at": now,
    }


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
