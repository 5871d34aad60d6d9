"""A candidate's evidence as one piece of work: originals sealed, redacted copies made, all recorded in the chain."""

from dataclasses import dataclass
from datetime import datetime

import av
import structlog

from detectors import Detections
from edge.evidence import Chain, ChainFailed, Clip, Deleted, File, Proof, Sent, utc_text
from edge.evidence import Past as PastFile
from edge.evidence.records import Part
from edge.watch.before import Past
from edge.watch.boxes import Box
from edge.watch.evidence import EvidenceMaker, crop
from edge.watch.large import Large, LargeFiles
from edge.watch.ring import Cut, PacketRing
from edge.watch.source import Image
from edge.wire import Evidence

log = structlog.get_logger()


@dataclass(frozen=True)
class Facts:
    """What the manifest says of the candidate itself; `at`, `mono_s`: the frame's times."""

    candidate: str
    camera: str
    case_class: str
    rule: str
    rule_version: str
    model: str
    model_sha256: str
    at: datetime
    mono_s: float


@dataclass(frozen=True)
class Case:
    """All that a proof is made of. `cut`: the packets up to the moment; what comes after is taken from `ring` when the
    pictures are ready: nothing waits for a clip."""

    facts: Facts
    image: Image
    box: Box
    found: Detections
    before: Past | None = None
    ring: PacketRing | None = None
    cut: Cut | None = None


@dataclass(frozen=True)
class Proved:
    """What may leave. `record`: the manifest's hash; `missing`: why pictures or record are missing, or "".
    `large`: goes by HTTP, after the candidate."""

    pictures: list[Evidence]
    record: str | None = None
    missing: str = ""
    large: tuple[Large, ...] = ()


class Prover:
    """Makes proofs on the desk's thread. A disk that is full costs the evidence, never the candidate: then `Proved` has
    no pictures and says why. Counts: `unsealed` candidates, `clips`, `clips_failed`."""

    def __init__(self, maker: EvidenceMaker, chain: Chain | None, large: LargeFiles | None = None) -> None:
        self._large = large
        self._maker = maker
        self._chain = chain
        self._forgotten: list[str] = []
        self.counters = {"evidence_unsealed": 0, "clips": 0, "clips_failed": 0}
        if chain is not None:
            maker.sealed.deleting = self._deleting

    def prove(self, case: Case) -> Proved:
        """Seal, redact, record."""
        sealed = self._maker.sealed
        try:
            frame, part = sealed.keep(case.image), sealed.keep(crop(case.image, case.box), quality=95)
            before = self._before(case)
        except OSError as error:
            return self._unsealed(f"the originals could not be sealed: {error.strerror or error}")
        past = case.before.image if case.before else None
        found = case.before.found if case.before else None
        pictures = self._maker.pictures(case.image, case.box, case.found, past, found)
        withheld = "" if pictures else "the pictures could not be redacted"
        if self._chain is None:
            return Proved(pictures, None, withheld)
        clip, why_not = self._clip(case)
        large = self._leaving(case, clip) if pictures else ()
        sent = [Sent(kind=p.kind, sha256=p.sha256) for p in pictures]
        sent += [Sent(kind=one.kind, sha256=one.file.sha256) for one in large]
        try:
            record = self._chain.append(_manifest(case, (frame, part, before, clip), why_not, sent))
        except ChainFailed as error:
            return self._unsealed(str(error))
        return Proved(pictures, record, withheld, large)

    def _leaving(self, case: Case, clip: Clip | None) -> tuple[Large, ...]:
        """What is large and may leave, where the kiosk uploads at all."""
        if self._large is None:
            return ()
        full = self._maker.full(case.image, case.found) if self._large.pictures else None
        picture = None if full is None else self._large.picture(full)
        found = [] if picture is None else [picture]
        if clip is not None and self._large.clips:
            found.append(Large(clip, self._maker.sealed.path(clip), "clip", redacted=False))
        return tuple(found)

    def _unsealed(self, reason: str) -> Proved:
        self.counters["evidence_unsealed"] += 1
        log.error("evidence.unsealed", reason=reason)
        return Proved([], None, f"no evidence: {reason}")

    def _before(self, case: Case) -> PastFile | None:
        if case.before is None:
            return None
        kept = self._maker.sealed.keep_bytes(case.before.jpeg, "image/jpeg")
        at = utc_text(case.before.at)
        return PastFile(sha256=kept.sha256, size_bytes=kept.size_bytes, media_type=kept.media_type, at=at)

    def _clip(self, case: Case) -> tuple[Clip | None, str]:
        """(the sealed clip, "") or (None, why there is none)."""
        if case.ring is None:
            return None, "no packets are kept of this camera"
        if case.cut is None:
            return None, case.ring.why_not
        cut = case.ring.more(case.cut)
        try:
            kept = self._maker.sealed.keep_bytes(cut.mp4(), "video/mp4")
        except (av.FFmpegError, OSError) as error:
            self.counters["clips_failed"] += 1
            log.error("clip.failed", camera=case.facts.camera, reason=str(error))
            return None, f"the clip could not be made: {error.strerror or error}"
        self.counters["clips"] += 1
        begin, end = cut.from_to_ms()
        codec = cut.pieces[0].format.codec
        return Clip(
            sha256=kept.sha256,
            size_bytes=kept.size_bytes,
            media_type=kept.media_type,
            codec=codec,
            frames=len(cut.pieces),
            from_ms=begin,
            to_ms=end,
        ), ""

    def _deleting(self, names: list[str]) -> None:
        """State a deletion before it happens; on a disk too full for that, with the next one that can be written."""
        assert self._chain is not None
        self._forgotten += names
        while self._forgotten:
            batch = self._forgotten[:100]
            try:
                self._chain.append(Deleted(names=batch, why="the budget or the free space of the disk was used up"))
            except ChainFailed as error:
                log.warning("evidence.deletion_unstated", files=len(self._forgotten), reason=str(error))
                return
            self._forgotten = self._forgotten[len(batch) :]


def _manifest(
    case: Case, files: tuple[File, File, PastFile | None, Clip | None], no_clip: str, sent: list[Sent]
) -> Proof:
    facts, (frame, part, before, clip) = case.facts, files
    missing: dict[Part, str] = {}
    if before is None:
        missing["before"] = "no clear picture is kept from before the thing was first seen"
    if clip is None:
        missing["clip"] = no_clip
    return Proof(
        candidate=facts.candidate,
        camera=facts.camera,
        case_class=facts.case_class,
        rule=facts.rule,
        rule_version=facts.rule_version,
        model=facts.model,
        model_sha256=facts.model_sha256,
        at=utc_text(facts.at),
        mono_us=round(facts.mono_s * 1_000_000),
        frame=frame,
        crop=part,
        before=before,
        clip=clip,
        missing=missing,
        sent=sent,
    )
