"""One camera's way from frame to candidate: detect, remember places, ask the rules, file with evidence, look again."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import structlog

from detectors import Detections, Detector
from edge.kiosk import example
from edge.kiosk.config import CameraSettings, ground_of
from edge.kiosk.hard import HardExamples, is_grey
from edge.kiosk.store import KioskStore
from edge.link import Link, OutboxFull
from edge.watch.boxes import BLOCKERS, CASE_CLASS
from edge.watch.camera import Shot
from edge.watch.evidence import EvidenceMaker, crop, reference, write_whole
from edge.watch.ground import Ground
from edge.watch.places import Habits, PlaceMemory, Sighting, Spot
from edge.watch.rivals import Blocker
from edge.watch.rules import Decision, RuleBook, decide
from edge.watch.source import Image
from edge.watch.verify import Answer, Check, look, scaled
from edge.wire import Candidate, Evidence, Look, Place, Verdict, Verify

SIGHTING_SCORE_MIN = 0.25
SAVE_EVERY_S = 2.0

log = structlog.get_logger()


@dataclass
class Tools:
    """What all cameras of a kiosk share."""

    link: Link
    store: KioskStore
    detector: Detector
    evidence: EvidenceMaker
    rules: RuleBook
    anchors: Path
    hard: HardExamples | None = None


class Watcher:
    """State of one camera. `take` is called with each shot that is due; it runs on the kiosk's one detection thread."""

    def __init__(self, camera: CameraSettings, tools: Tools, gone_s: float) -> None:
        self.camera = camera
        self._tools = tools
        self._memory = PlaceMemory(camera.name, Habits(gone_s=gone_s), tools.store.spots(camera.name))
        self._checks: dict[str, Check] = {}
        self._ground: dict[tuple[int, int], Ground | None] = {}
        self._pictures: dict[str, list[Evidence]] = {}
        self._saved_s = 0.0
        self.postponed = 0

    def ask(self, request: Verify) -> None:
        """Begin a check, once."""
        self._checks.setdefault(request.verify_id, Check(request))

    def take(self, shot: Shot) -> None:
        """One frame through the whole chain."""
        found = self._tools.detector.detect(shot.image)
        sightings, blockers = _sort(found)
        sure = [s for s in sightings if s.score >= SIGHTING_SCORE_MIN]
        height, width = shot.image.shape[:2]
        change = self._memory.update(sure, blockers, shot.at, shot.mono_s, (width, height))
        for spot in change.due:
            self._consider(spot, shot, found)
        for spot in change.gone:
            log.info("place.gone", camera=self.camera.name, place=spot.spot_id, case_class=spot.case_class)
        self._tools.store.forget(change.forgotten)
        self._tools.store.save(change.gone)
        for check in list(self._checks.values()):
            self._look_again(check, shot, sightings, blockers, found)
        self._save(shot.mono_s)

    def expire(self, mono_s: float) -> None:
        """Answer checks for which the camera has given no picture in time: nobody can see there."""
        for check in list(self._checks.values()):
            if check.overdue(mono_s):
                self._answer(check, "cannot_see", datetime.now(UTC))

    def flush(self) -> None:
        """Store all spots now (before the process ends)."""
        self._tools.store.save(self._memory.spots)

    def _save(self, mono_s: float) -> None:
        if mono_s - self._saved_s >= SAVE_EVERY_S:
            self._saved_s = mono_s
            self._tools.store.save(self._memory.spots)

    def _consider(self, spot: Spot, shot: Shot, found: Detections) -> None:
        decision = decide(self._tools.rules, spot, self.camera.zone, shot.at)
        if not decision.file:
            if self._tools.hard is not None and is_grey(spot, decision):
                self._tools.hard.grey(spot, decision, shot, found)
            return
        try:
            self._file(spot, decision, shot, found)
        except (OutboxFull, sqlite3.Error) as error:
            spot.state, spot.candidate_id = "watching", ""
            self.postponed += 1
            log.error("candidate.postponed", camera=self.camera.name, reason=str(error))

    def _file(self, spot: Spot, decision: Decision, shot: Shot, found: Detections) -> None:
        spot.state = "filed"
        spot.candidate_id = f"{self._tools.link.outbox.device}.{spot.spot_id}"
        pictures = self._tools.evidence.frame_and_crop(shot.image, spot.box, found)
        candidate = self._candidate(spot, decision, shot, pictures)
        self._keep_anchor(spot, shot.image)
        self._tools.link.send(candidate, *pictures, within=self._tools.store.saving(spot))
        if self._tools.hard is not None:
            self._tools.hard.filed(candidate, pictures, found)
        log.info("candidate", camera=self.camera.name, case_class=spot.case_class, why=decision.why)

    def _candidate(self, spot: Spot, decision: Decision, shot: Shot, pictures: list[Evidence]) -> Candidate:
        assert decision.rule is not None
        height, width = shot.image.shape[:2]
        return Candidate(
            device=self._tools.link.outbox.device,
            epoch=self._tools.link.outbox.epoch,
            seq=1,
            candidate_id=spot.candidate_id,
            camera=self.camera.name,
            place_id=spot.spot_id,
            case_class=spot.case_class,
            label=spot.label,
            class_code=decision.rule.class_code,
            rule=decision.rule.name,
            rule_version=self._tools.rules.version,
            zone=decision.zone,
            score=round(min(1.0, max(0.0, spot.score)), 4),
            box=spot.box,
            frame_width=width,
            frame_height=height,
            first_seen=spot.first_seen,
            last_seen=spot.last_seen,
            dwell_s=max(0.0, spot.dwell_s),
            place=self._place(spot, (width, height)),
            model=self._tools.detector.model_name,
            model_sha256=self._tools.detector.model_sha256,
            evidence=[reference(p) for p in pictures],
        )

    def _place(self, spot: Spot, size: tuple[int, int]) -> Place:
        if size not in self._ground:
            self._ground[size] = ground_of(self.camera, *size)
        ground = self._ground[size]
        if ground is not None:
            return ground.place(spot.box, spot.case_class)
        camera = self.camera
        return Place(lat=camera.lat, lon=camera.lon, error_major_m=camera.error_m, error_minor_m=camera.error_m)

    def _keep_anchor(self, spot: Spot, image: Image) -> None:
        done, data = cv2.imencode(".png", crop(image, spot.box, margin=0.0))
        if done:
            write_whole(self._anchor_path(spot.spot_id), data.tobytes())

    def _anchor(self, spot_id: str) -> Image | None:
        path = self._anchor_path(spot_id)
        image = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.exists() else None
        return None if image is None else np.asarray(image, np.uint8)

    def _anchor_path(self, spot_id: str) -> Path:
        return self._tools.anchors / f"{spot_id}.png"

    def _look_again(
        self, check: Check, shot: Shot, sightings: list[Sighting], blockers: list[Blocker], found: Detections
    ) -> None:
        request = check.request
        if not check.due(shot.mono_s):
            return
        seen = look(request, shot.image, sightings, [b.box for b in blockers], self._anchor(request.place_id))
        pictures = self._tools.evidence.look(shot.image, scaled(request, shot.image), found)
        self._pictures.setdefault(request.verify_id, []).extend(pictures)
        if seen.overruled and self._tools.hard is not None:
            subject = example.Seen(label=request.label, score=0.0, box=scaled(request, shot.image))
            self._tools.hard.overruled(request, seen.reason, shot, subject, found)
        picture = pictures[0].sha256 if pictures else None
        taken = Look(at=shot.at, verdict=seen.verdict, score=seen.score, reason=seen.reason, picture=picture)
        check.add(taken, shot.mono_s)
        answer = check.answer()
        if answer is not None:
            self._answer(check, answer, shot.at)

    def _answer(self, check: Check, answer: Answer, at: datetime) -> None:
        request = check.request
        pictures = {p.sha256: p for p in self._pictures.get(request.verify_id, [])[-8:]}
        verdict = Verdict(
            device=self._tools.link.outbox.device,
            epoch=self._tools.link.outbox.epoch,
            seq=1,
            verify_id=request.verify_id,
            incident_id=request.incident_id,
            camera=self.camera.name,
            verdict=answer,
            at=at,
            looks=check.looks,
            evidence=[reference(p) for p in pictures.values()],
        )
        ended = self._memory.end(request.place_id) if answer == "cleared" else None
        try:
            self._tools.link.send(
                verdict, *pictures.values(), within=self._tools.store.answering(request.verify_id, ended)
            )
        except (OutboxFull, sqlite3.Error) as error:
            self.postponed += 1
            log.error("verdict.postponed", camera=self.camera.name, reason=str(error))
            return
        del self._checks[request.verify_id]
        self._pictures.pop(request.verify_id, None)
        if answer == "cleared":
            self._anchor_path(request.place_id).unlink(missing_ok=True)
        log.info("verdict", camera=self.camera.name, verdict=answer, looks=len(check.looks))


def _sort(found: Detections) -> tuple[list[Sighting], list[Blocker]]:
    sightings: list[Sighting] = []
    blockers: list[Blocker] = []
    for one in found:
        x1, y1, x2, y2 = (float(v) for v in one.box)
        if one.name in CASE_CLASS:
            sightings.append(Sighting(CASE_CLASS[one.name], one.name, float(one.score), (x1, y1, x2, y2)))
        elif one.name in BLOCKERS and one.score >= SIGHTING_SCORE_MIN:
            blockers.append(Blocker(one.name, float(one.score), (x1, y1, x2, y2)))
    return sightings, blockers
