"""One candidate's evidence in a ZIP that proves itself: manifest, the chain around it, public key, originals."""

import os
import zipfile
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from edge.evidence.chain import Chain
from edge.evidence.check import (
    ALSO_NAME,
    BUNDLE_NAME,
    CHAIN_FOLDER,
    FILES_FOLDER,
    ORIGINALS_FOLDER,
    PART_NAME,
    NothingThere,
    proof_lines,
)
from edge.evidence.files import private
from edge.evidence.key import PUBLIC_NAME, device_key
from edge.evidence.records import Deleted, Exported, Proof, Record

BEFORE, AFTER = 1, 16  # records around the manifest that go with it


@dataclass
class _Found:
    """What a walk along the chain collects for one candidate."""

    manifest: bytes = b""
    record: Record | None = None
    part: list[bytes] = field(default_factory=list)
    deletions: list[tuple[bytes, Deleted]] = field(default_factory=list)


def export(data: Path, candidate: str, out: Path, by: str, why: str) -> list[str]:
    """Write the bundle; returns the names of originals that the device has deleted meanwhile. Who took it and why is
    recorded in the chain first: originals show faces. The newest manifest of a candidate counts (after a kill in the
    middle of filing there may be an older one that never left). Raises NothingThere, KeyUnusable, ChainFailed,
    OSError."""
    found = _find(data / CHAIN_FOLDER, candidate)
    if found.record is None or not isinstance(found.record.body, Proof):
        raise NothingThere(f"{data}: no evidence record of candidate {candidate}; look for its id on the console")
    if out.exists():
        raise NothingThere(f"{out}: is there already; give another --out")
    key = device_key(data)
    Chain(data / CHAIN_FOLDER, key, found.record.device).append(Exported(candidate=candidate, by=by, why=why))
    names = sorted({file.name for file in found.record.body.files})
    gone = [name for name in names if not (data / ORIGINALS_FOLDER / name).exists()]
    also = [line for line, body in found.deletions if set(body.names) & set(gone)]
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(private(out, flags), "wb") as stream, zipfile.ZipFile(stream, "w") as packed:
        packed.writestr(BUNDLE_NAME, found.manifest + b"\n")
        packed.writestr(PART_NAME, b"".join(line + b"\n" for line in found.part))
        packed.writestr(ALSO_NAME, b"".join(line + b"\n" for line in also))
        packed.writestr(PUBLIC_NAME, key.public.pem)
        for name in names:
            if name not in gone:
                packed.write(data / ORIGINALS_FOLDER / name, f"{FILES_FOLDER}/{name}")
    return gone


def _find(folder: Path, candidate: str) -> _Found:
    found, before = _Found(), deque[bytes](maxlen=BEFORE)
    for line, record, wanted in proof_lines(folder, candidate):
        if wanted:
            found.manifest, found.record, found.part = line, record, [*before, line]
        elif found.record is not None and record.seq <= found.record.seq + AFTER:
            found.part.append(line)
        if isinstance(record.body, Deleted):
            found.deletions.append((line, record.body))
        before.append(line)
    return found
