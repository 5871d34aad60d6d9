"""The work of the gateway's benchmark: the same messages for every arm, made again whenever they are sent again.

Of a hundred candidates two are invalid, five are sent twice and ten have a picture of 100 KB. No two things are near
each other, so that every valid candidate must end as one case of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Literal

import msgspec
import numpy as np
from PIL import Image

from edge.wire import Candidate, Evidence, EvidenceRef, Place, encode

EPOCH = "0123456789abcdef"
START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
CANDIDATE_BYTES = 1024
PICTURE_BYTES = 100 * 1024
PICTURE_EVERY, TWICE_EVERY, INVALID_EVERY = 10, 20, 50
THINGS_A_CAMERA = 20  # that stand before one camera at the same time
GRID = 400  # things in a row from west to east

Kind = Literal["candidate", "invalid", "evidence"]
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True)
class Item:
    """One message: `number` names its candidate, `seq` its place in the device's outbox."""

    device: str
    seq: int
    kind: Kind
    number: int
    copies: int = 1

    @property
    def channel(self) -> str:
        """Where it is published."""
        return "evidence" if self.kind == "evidence" else "candidate"


class Workload:
    """`candidates` over `publishers` devices. `first`: the number of the first thing, so that phases do not meet."""

    def __init__(self, candidates: int, publishers: int, first: int = 0, jpeg: bytes = b"") -> None:
        self.candidates = candidates
        self.first = first
        self.devices = [f"kiosk-{n}" for n in range(1, publishers + 1)]
        self._epoch = f"{first:016x}"
        self._jpeg = jpeg or photograph()

    def items(self, device: str) -> Iterator[Item]:
        """What a device sends, in order."""
        index, seq = self.devices.index(device), 0
        for number in range(self.first + index, self.first + self.candidates, len(self.devices)):
            seq += 1
            nth = (number - self.first) // len(self.devices) + index  # another rhythm on every device
            kind: Kind = "invalid" if nth % INVALID_EVERY == 3 else "candidate"
            yield Item(device, seq, kind, number, 2 if nth % TWICE_EVERY == 7 else 1)
            if nth % PICTURE_EVERY == 0:
                seq += 1
                yield Item(device, seq, "evidence", number)

    def payload(self, item: Item) -> bytes:
        """The message's bytes, the same each time."""
        if item.kind == "evidence":
            return encode(self._evidence(item))
        body = encode(self._candidate(item))
        return body if item.kind == "candidate" else _broken(body, item.number)

    def valid(self) -> set[str]:
        """The ids of all candidates that must become cases."""
        return {name(item.number) for d in self.devices for item in self.items(d) if item.kind == "candidate"}

    def count(self, kind: Kind) -> int:
        """How many messages of a kind there are, each once."""
        return sum(item.kind == kind for d in self.devices for item in self.items(d))

    def _picture(self, number: int) -> bytes:
        return self._jpeg + number.to_bytes(8)  # after its end: decoders do not mind, and the hash is another

    def _candidate(self, item: Item) -> Candidate:
        number = item.number
        camera, slot = divmod(number // len(self.devices), THINGS_A_CAMERA)
        left, top = 100.0 + 350.0 * (slot % 5), 100.0 + 240.0 * (slot // 5)
        lat, lon = 34.0 + 0.0006 * (number // GRID), 117.0 + 0.0008 * (number % GRID)
        pictured = (number - self.first) // len(self.devices) + self.devices.index(item.device)
        made = Candidate(
            device=item.device,
            epoch=self._epoch,
            seq=item.seq,
            candidate_id=name(number),
            camera=f"cam-{camera}",
            place_id=f"place-{number}",
            case_class="stall",
            label="stall",
            class_code="04-06",
            rule="road-stall",
            rule_version="2026-1",
            zone="road",
            score=0.5 + number % 50 / 100,
            box=(left, top, left + 200.0, top + 150.0),
            frame_width=1920,
            frame_height=1080,
            first_seen=START + timedelta(seconds=number % 3600),
            last_seen=START + timedelta(seconds=number % 3600 + 300),
            dwell_s=300.0,
            place=Place(lat=lat, lon=lon, error_major_m=1.5, error_minor_m=0.8),
            model="street",
            model_sha256="a" * 64,
            evidence=[self._reference(number)] if pictured % PICTURE_EVERY == 0 else [],
        )
        short = CANDIDATE_BYTES - len(encode(made))
        return msgspec.structs.replace(made, filing_condition="x" * max(0, short))

    def _reference(self, number: int) -> EvidenceRef:
        data = self._picture(number)
        digest = hashlib.sha256(data).hexdigest()
        return EvidenceRef(sha256=digest, media_type="image/jpeg", size_bytes=len(data), kind="crop", redacted=True)

    def _evidence(self, item: Item) -> Evidence:
        data = self._picture(item.number)
        digest = hashlib.sha256(data).hexdigest()
        named = {"device": item.device, "epoch": self._epoch, "seq": item.seq, "sha256": digest}
        return Evidence(**named, media_type="image/jpeg", kind="crop", redacted=True, data=data)  # type: ignore[arg-type]


def name(number: int) -> str:
    """A candidate's id."""
    return f"cand-{number}"


def photograph() -> bytes:
    """A JPEG of about 100 KB: noise, so that nothing on the way can make it small. Raises nothing."""
    pixels = np.random.default_rng(1).integers(0, 256, (260, 320, 3), np.uint8)
    for quality in range(95, 20, -1):
        out = BytesIO()
        Image.fromarray(pixels).save(out, "JPEG", quality=quality)
        if out.tell() <= PICTURE_BYTES:
            break
    return out.getvalue() + b"\0" * (PICTURE_BYTES - 8 - out.tell())


def _broken(body: bytes, number: int) -> bytes:
    """One of four faults that a device with a bug would send; its seq can be read, so it gets its refusal."""
    faults = (
        (b'"schema_version":1', b'"schema_version":9'),
        (b'"case_class":"stall"', b'"case_class":"ufo!!"'),
        (b'"frame_width":1920', b'"frame_width":-192'),
        (b'"rule":"road-stall"', b'"rulf":"road-stall"'),
    )
    before, after = faults[number % len(faults)]
    return body.replace(before, after)
