"""From a place that is due to a candidate in the outbox: rule, ground, pictures, numbers, one transaction."""

import sqlite3
import time
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import cv2
import msgspec
import numpy as np
import structlog

from detectors import Detections
from edge.kiosk.config import CameraSettings, ground_of
from edge.kiosk.hard import is_grey
from edge.kiosk.store import Within
from edge.kiosk.tools import Tools
from edge.link import OutboxFull
from edge.link.spans import Attributes, Span
from edge.watch.before import BeforePictures
from edge.watch.camera import Shot
from edge.watch.evidence import crop, reference, write_whole
from edge.watch.ground import Ground
from edge.watch.numbers import PosterNumbers
from edge.watch.places import Spot
from edge.watch.proof import Case, Facts, Proved
from edge.watch.rules import Decision, decide, under_standard
from edge.watch.source import Image
from edge.watch.view import ViewWatch
from edge.wire import Candidate, Place, trace

DUE_MAX = 64  # of one camera; each holds a frame. Past it a thing waits for its turn, as what it is: watched

log = structlog.get_logger()


@dataclass
class _Due:
    """A candidate as it was when its rule decided, waiting for its evidence. `put_off`: the outbox did not take it with
    its pictures."""

    spot: Spot
    candidate: Candidate
    why: str
    image: Image
    found: Detections
    proof: "Future[Proved]"
    began_ns: int
    put_off: bool = False


class Filing:
    """One camera's candidates.

    Pictures take about a second to redact, so they are made on the desk's thread while detection goes on. Until the
    one transaction that stores candidate, pictures and the filed spot together, the spot stays "watching": a kill in
    between loses the pictures' work alone, and the spot is due again after the restart.
    """

    def __init__(self, camera: CameraSettings, tools: Tools, view: ViewWatch, before: BeforePictures) -> None:
        self.camera = camera
        self._tools = tools
        self._view = view
        self._before = before
        self._due: dict[str, _Due] = {}
        self._ground: dict[tuple[int, int], Ground | None] = {}
        self._numbers = PosterNumbers(tools.desk.numbers)
        self.postponed = 0

    def consider(self, spot: Spot, shot: Shot, found: Detections) -> None:
        """Ask the rules about a spot that was just seen; nothing is filed from a view that shows nothing."""
        if spot.state != "watching" or spot.spot_id in self._due:
            return
        decision = self._tools.sightings.judge(self._tools.rules, spot, self.camera.zone, shot.at)
        self._numbers.look(spot, decision, shot.image, shot.mono_s)
        if self._tools.hard is not None and is_grey(spot, decision):
            self._tools.hard.grey(spot, decision, shot, found)
        if decision.file and len(self._due) < DUE_MAX and not self._view.fault(shot.image, shot.mono_s, now=True):
            self._begin(spot, decision, shot, found)

    def would(self, spot: Spot, at: datetime) -> bool:
        """Whether the rules would file this spot if it were seen at that moment: worth a look at the whole picture,
        which the redaction of its vehicles needs anyway."""
        if spot.state != "watching" or spot.spot_id in self._due:
            return False
        seen = replace(spot, last_seen=max(at, spot.last_seen))
        decision = decide(self._tools.rules, seen, self.camera.zone, at)
        return decision.file or (self._tools.hard is not None and is_grey(seen, decision))

    def read(self, spot: Spot, shot: Shot) -> None:
        """Between looks at the whole picture: read a poster's numbers."""
        if spot.case_class == "poster" and spot.state == "watching" and spot.spot_id not in self._due:
            decision = decide(self._tools.rules, spot, self.camera.zone, shot.at)
            self._numbers.look(spot, decision, shot.image, shot.mono_s)

    def finish(self, wait_s: float = 0.0) -> None:
        """File what has its pictures. Call it with each frame; with `wait_s` seconds of patience before the end."""
        if wait_s:
            wait([due.proof for due in self._due.values()], wait_s)
        for due in [d for d in self._due.values() if d.proof.done()]:
            try:
                self._file(due)
            except (OutboxFull, sqlite3.Error) as error:
                self.postponed += 1
                due.put_off = isinstance(error, sqlite3.Error)
                log.error("candidate.postponed", camera=self.camera.name, reason=str(error))

    def forget(self, spots: list[Spot]) -> None:
        """These spots have gone; what is due of them is filed all the same."""
        self._numbers.forget(spot for spot in spots if spot.spot_id not in self._due)

    def _begin(self, spot: Spot, decision: Decision, shot: Shot, found: Detections) -> None:
        candidate = under_standard(self._candidate(spot, decision, shot.image), self._tools.rules)
        ring = self._tools.rings.get(self.camera.name)
        cut = ring.cut(shot.mono_s) if ring is not None else None
        case = Case(_facts(candidate, shot), shot.image, spot.box, found, self._before.of(spot), ring, cut)
        proof = self._tools.desk.prove(self._tools.prover, case)
        if proof is not None:
            self._due[spot.spot_id] = _Due(spot, candidate, decision.why, shot.image, found, proof, time.time_ns())

    def _file(self, due: _Due) -> None:
        spot, proved = due.spot, due.proof.result()
        pictures, missing = proved.pictures, proved.missing
        if due.put_off and pictures:
            pictures, missing = [], "the outbox's disk had no room for the pictures; they are sealed on the device"
        candidate = msgspec.structs.replace(
            due.candidate,
            evidence=[reference(p) for p in pictures],
            evidence_record=proved.record,
            evidence_missing=missing[:2000],
            campaigns=self._numbers.campaigns(spot.spot_id),
        )
        self._keep_anchor(spot.spot_id, crop(due.image, candidate.box, margin=0.0))
        before = spot.state, spot.candidate_id
        spot.state = "gone" if spot.state == "gone" else "filed"
        spot.candidate_id = candidate.candidate_id
        try:
            self._tools.link.send(candidate, *pictures, within=self._with(candidate, spot, proved))
        except (OutboxFull, sqlite3.Error):
            spot.state, spot.candidate_id = before
            raise
        del self._due[spot.spot_id]
        self._numbers.forget([spot])
        self._before.forget([spot])
        if self._tools.hard is not None:
            self._tools.hard.filed(candidate, pictures, due.found)
        self._tell(due)

    def _tell(self, due: _Due) -> None:
        """The first step of the candidate's trace: from the frame that completed its rule until it is in the outbox."""
        sent, camera = due.candidate, self.camera.name
        mark = trace.trace_id(sent.trace)
        log.info("candidate", camera=camera, case_class=sent.case_class, why=due.why, trace=mark)
        about: Attributes = {"candidate": sent.candidate_id, "camera": camera, "rule": sent.rule}
        self._tools.spans.say(Span("kiosk.file", sent.trace, "", due.began_ns, time.time_ns(), about))

    def _with(self, candidate: Candidate, spot: Spot, proved: Proved) -> Within:
        """What is stored in the candidate's own transaction."""
        within = self._tools.sightings.filing(candidate, self._tools.store.saving(spot))
        if self._tools.sending is None or not proved.large:
            return within
        waits = self._tools.sending.queue.adding(candidate.candidate_id, proved.large)

        def both(conn: sqlite3.Connection) -> None:
            within(conn)
            waits(conn)

        return both

    def _candidate(self, spot: Spot, decision: Decision, image: Image) -> Candidate:
        assert decision.rule is not None
        height, width = image.shape[:2]
        outbox = self._tools.link.outbox
        return Candidate(
            device=outbox.device,
            epoch=outbox.epoch,
            seq=1,
            candidate_id=f"{outbox.device}.{spot.spot_id}",
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
            trace=trace.begin(),
        )

    def _place(self, spot: Spot, size: tuple[int, int]) -> Place:
        if size not in self._ground:
            self._ground[size] = ground_of(self.camera, *size)
        ground = self._ground[size]
        if ground is not None:
            return ground.place(spot.box, spot.case_class)
        camera = self.camera
        return Place(lat=camera.lat, lon=camera.lon, error_major_m=camera.error_m, error_minor_m=camera.error_m)

    def _keep_anchor(self, spot_id: str, place: Image) -> None:
        done, data = cv2.imencode(".png", place)
        if done:
            try:
                write_whole(anchor_path(self._tools, spot_id), data.tobytes())
            except OSError as error:
                log.error("anchor.unsaved", camera=self.camera.name, reason=str(error))


def _facts(candidate: Candidate, shot: Shot) -> Facts:
    return Facts(
        candidate.candidate_id,
        candidate.camera,
        candidate.case_class,
        candidate.rule,
        candidate.rule_version,
        candidate.model,
        candidate.model_sha256,
        shot.at,
        shot.mono_s,
    )


def anchor_path(tools: Tools, spot_id: str) -> Path:
    """Where the picture of a filed thing in its place is kept for checks."""
    return tools.anchors / f"{spot_id}.png"


def anchor(tools: Tools, spot_id: str) -> Image | None:
    """How the place looked when the thing was there, or None when nothing is kept of it."""
    path = anchor_path(tools, spot_id)
    image = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.exists() else None
    return None if image is None else np.asarray(image, np.uint8)
