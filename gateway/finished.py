"""An upload whose bytes are all here becomes evidence: hash, first bytes, file in its place, then its rows."""

import hashlib
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
import structlog

from gateway.counters import Counters
from gateway.database import Database
from gateway.evidence import EvidenceStore
from gateway.tables import candidates, evidence, evidence_refs
from gateway.times import Clock, to_text
from gateway.uploads import Coming, UploadRefused, Uploads

PIECE_BYTES = 1024 * 1024
BEGINS = {"video/mp4": (4, b"ftyp"), "image/jpeg": (0, b"\xff\xd8\xff"), "image/png": (0, b"\x89PNG\r\n\x1a\n")}
MISMATCH = 460
log = structlog.get_logger()


class Parts(Protocol):
    """What is needed here of gateway/tus.py's Door."""

    database: Database
    pictures: EvidenceStore
    uploads: Uploads
    counters: Counters
    clock: Clock


def finish(door: Parts, coming: Coming, part: Path | None) -> None:
    """Move `part` into the evidence store (None: it is there already) and write its rows; a second call changes
    nothing. Raises UploadRefused when the bytes are not what was announced; they are deleted then."""
    if part is not None:
        _check(door, coming, part)
        door.pictures.adopt(coming.sha256, part)
    now = to_text(door.clock())
    with door.database.write() as tx:
        added = _record(tx, coming, now)
        _refer(tx, coming)
        gone = door.pictures.over_budget(tx, added)
    door.pictures.remove(gone)
    door.uploads.drop(coming.id)
    door.counters.add("uploads_done", int(part is not None))
    door.counters.add("evidence_evicted", len(gone))


def _check(door: Parts, coming: Coming, part: Path) -> None:
    digest = hashlib.sha256()
    with part.open("rb") as file:
        start = file.read(16)
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    skip, magic = BEGINS[coming.media_type]
    right = digest.hexdigest() == coming.sha256
    if right and start[skip : skip + len(magic)] == magic:
        return
    door.uploads.drop(coming.id)
    door.counters.add("uploads_bad_content")
    log.warning("upload.bad_content", device=coming.device, sha256=coming.sha256, right_hash=right)
    what = f"they do not begin like {coming.media_type}" if right else f"they are not those of sha256 {coming.sha256}"
    raise UploadRefused(MISMATCH, f"the bytes were deleted: {what}; send the file again from its beginning")


def _record(tx: sa.Connection, coming: Coming, now: str) -> int:
    """Its row in `evidence`; how many bytes that adds to the store. Once called unredacted by anyone, it stays so."""
    old = tx.execute(sa.select(evidence).where(evidence.c.sha256 == coming.sha256)).mappings().first()
    if old is not None:
        values = {"stored": True, "redacted": bool(old["redacted"] and coming.redacted)}
        tx.execute(sa.update(evidence).where(evidence.c.sha256 == coming.sha256).values(values))
        return 0 if old["stored"] else coming.size_bytes
    row = {"sha256": coming.sha256, "media_type": coming.media_type, "kind": coming.kind, "redacted": coming.redacted}
    row |= {"stored": True, "size_bytes": coming.size_bytes, "device": coming.device, "stored_at": now}
    tx.execute(sa.insert(evidence), row)
    return coming.size_bytes


def _refer(tx: sa.Connection, coming: Coming) -> None:
    """To its candidate's incident. A candidate never waits for its evidence, and goes first: the outbox sends it so."""
    c, r = candidates.c, evidence_refs.c
    mine = sa.and_(c.device == coming.device, c.candidate_id == coming.candidate_id)
    incident_id = tx.scalar(sa.select(c.incident_id).where(mine))
    if incident_id is None:
        return
    source = f"candidate:{coming.device}:{coming.candidate_id}"
    same = sa.and_(r.sha256 == coming.sha256, r.incident_id == incident_id, r.source == source)
    if tx.scalar(sa.select(r.sha256).where(same)) is None:
        row = {"sha256": coming.sha256, "incident_id": incident_id, "source": source, "kind": coming.kind}
        tx.execute(sa.insert(evidence_refs), {**row, "redacted": coming.redacted})
