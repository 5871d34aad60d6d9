"""One camera's checks (核查): looks spread in time, each with its redacted picture, until there is an answer."""

import sqlite3
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain

import structlog

from detectors import Detections
from edge.kiosk import example
from edge.kiosk.filing import anchor, anchor_path
from edge.kiosk.tools import Tools
from edge.link import OutboxFull
from edge.watch.boxes import Box
from edge.watch.camera import Shot
from edge.watch.evidence import crop, reference
from edge.watch.places import PlaceMemory, Sighting
from edge.watch.verify import Answer, Check, look, scaled
from edge.watch.view import ViewWatch
from edge.wire import Evidence, Look, Verdict, Verify

PICTURES_MAX = 8  # of a verdict, the newest

log = structlog.get_logger()


@dataclass
class _Open:
    """A check at work. `pictures[i]` belongs to `check.looks[i]`; `at`: when the answer was found."""

    check: Check
    pictures: list["Future[list[Evidence]]"] = field(default_factory=list)
    answer: Answer | None = None
    at: datetime | None = None


class Checking:
    """Requests and their looks. An answer leaves when the pictures of its looks are made; until then the request is
    open in the store, and begins anew after a restart."""

    def __init__(self, camera: str, tools: Tools, memory: PlaceMemory, view: ViewWatch) -> None:
        self._camera = camera
        self._tools = tools
        self._memory = memory
        self._view = view
        self._open: dict[str, _Open] = {}
        self.postponed = 0

    def ask(self, request: Verify) -> None:
        """Begin a check, once."""
        self._open.setdefault(request.verify_id, _Open(Check(request)))

    def due(self, mono_s: float) -> bool:
        """Whether a look would be taken on a picture of this time."""
        return any(one.answer is None and one.check.due(mono_s) for one in self._open.values())

    def look(self, shot: Shot, sightings: list[Sighting], blockers: list[Box], found: Detections) -> None:
        """Take the looks that are due on this frame."""
        for one in self._open.values():
            if one.answer is None and one.check.due(shot.mono_s):
                self._look(one, shot, sightings, blockers, found)

    def finish(self, wait_s: float = 0.0) -> None:
        """Send the answers whose pictures are made. Call it with each frame and, waiting, before the end."""
        answered = [one for one in self._open.values() if one.answer is not None]
        if wait_s:
            wait([picture for one in answered for picture in one.pictures], wait_s)
        for one in answered:
            if all(picture.done() for picture in one.pictures):
                self._send(one)

    def expire(self, mono_s: float) -> None:
        """Answer checks for which the camera has given no picture in time: nobody can see there."""
        for one in self._open.values():
            if one.answer is None and one.check.overdue(mono_s):
                one.answer, one.at = "cannot_see", datetime.now(UTC)

    def _look(self, one: _Open, shot: Shot, sightings: list[Sighting], blockers: list[Box], found: Detections) -> None:
        request = one.check.request
        picture = self._tools.desk.look(shot.image, scaled(request, shot.image), found)
        if picture is None:
            return
        fault = self._view.fault(shot.image, shot.mono_s, now=True)
        seen = look(request, shot.image, sightings, blockers, anchor(self._tools, request.place_id), fault)
        one.pictures.append(picture)
        if seen.overruled and self._tools.hard is not None:
            subject = example.Seen(label=request.label, score=0.0, box=scaled(request, shot.image))
            self._tools.hard.overruled(request, seen.reason, shot, subject, found)
        taken = Look(at=shot.at, verdict=seen.verdict, score=seen.score, reason=seen.reason)
        one.check.add(taken, shot.mono_s, crop(shot.image, scaled(request, shot.image), margin=0.0))
        one.answer, one.at = one.check.answer(), shot.at

    def _send(self, one: _Open) -> None:
        verdict, pictures = self._verdict(one)
        request = one.check.request
        ended = self._memory.end(request.place_id) if verdict.verdict == "cleared" else None
        try:
            self._tools.link.send(verdict, *pictures, within=self._tools.store.answering(request.verify_id, ended))
        except (OutboxFull, sqlite3.Error) as error:
            self.postponed += 1
            log.error("verdict.postponed", camera=self._camera, reason=str(error))
            return
        del self._open[request.verify_id]
        if verdict.verdict == "cleared":
            anchor_path(self._tools, request.place_id).unlink(missing_ok=True)
        log.info("verdict", camera=self._camera, verdict=verdict.verdict, looks=len(verdict.looks))

    def _verdict(self, one: _Open) -> tuple[Verdict, list[Evidence]]:
        assert one.answer is not None and one.at is not None
        made = [picture.result() for picture in one.pictures]
        for taken, of_look in zip(one.check.looks, made, strict=True):
            taken.picture = of_look[0].sha256 if of_look else None
        pictures = {p.sha256: p for p in list(chain.from_iterable(made))[-PICTURES_MAX:]}
        request, outbox = one.check.request, self._tools.link.outbox
        verdict = Verdict(
            device=outbox.device,
            epoch=outbox.epoch,
            seq=1,
            verify_id=request.verify_id,
            incident_id=request.incident_id,
            camera=self._camera,
            verdict=one.answer,
            at=one.at,
            looks=one.check.looks,
            evidence=[reference(p) for p in pictures.values()],
        )
        return verdict, list(pictures.values())
