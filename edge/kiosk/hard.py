"""Hard examples: redacted pictures that people should look at, kept in the device's data folder within a budget.

They stay here until an operator copies the folder to where `zhuomu model label --kiosk FOLDER` runs: nothing of it goes
over the wire, except that a filed candidate's picture travels as its evidence anyway.
"""

import hashlib
from collections import Counter
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from detectors import Detections
from edge.kiosk.example import Example, Seen, Why
from edge.watch.camera import Shot
from edge.watch.desk import Desk
from edge.watch.evidence import write_whole
from edge.watch.places import Spot
from edge.watch.rules import Decision
from edge.wire import Candidate, Evidence, Verify

GREY_SCORE = 0.10  # this near the rule's threshold, above or below
GREY_S_MIN = 60.0
FILES_MAX = 20_000
HOURS_KEPT = 512

log = structlog.get_logger()


@dataclass(frozen=True)
class HardLimits:
    """`bytes_max` 0: nothing is kept. `per_hour_max`: pictures of one camera in one hour of UTC."""

    bytes_max: int = 256 * 1024**2
    per_hour_max: int = 6


@dataclass(frozen=True)
class Origin:
    """Whose pictures these are."""

    device: str
    model: str
    model_sha256: str


def is_grey(spot: Spot, decision: Decision) -> bool:
    """Whether a thing has stood for long, twice the rule's dwell, with a score about which the network is unsure."""
    rule = decision.rule
    if rule is None or decision.file or spot.state != "watching":
        return False
    near = abs(spot.score - rule.score_min) <= GREY_SCORE
    return near and spot.dwell_s >= max(GREY_S_MIN, 2 * rule.dwell_s)


class HardExamples:
    """The folder `hard/`. Oldest files are deleted first; what is skipped, deleted or fails is counted. A full disk
    costs the example alone, never the candidate."""

    def __init__(self, folder: Path, desk: Desk, origin: Origin, limits: HardLimits) -> None:
        self._folder = folder
        self._desk = desk
        self._waiting: list[tuple[Future[list[Evidence]], Example]] = []
        self._origin = origin
        self._limits = limits
        self._hours: Counter[tuple[str, str]] = Counter()
        self.counters = {"hard_kept": 0, "hard_skipped": 0, "hard_deleted": 0, "hard_failed": 0}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in folder.glob("*.part"):
            left.unlink(missing_ok=True)
        files = [p for ending in ("jpg", "json") for p in folder.glob(f"*.{ending}")]
        self._sizes = {p.name: p.stat().st_size for p in files}
        self._grey = {name.rpartition("-")[2].partition(".")[0] for name in self._sizes if "-grey-" in name}

    def filed(self, candidate: Candidate, pictures: list[Evidence], found: Detections) -> None:
        """A candidate was filed: note what else was seen in its picture; a grey example of the same thing goes."""
        key = _key(candidate.place_id)
        if key in self._grey:
            self._grey.discard(key)
            self._delete([name for name in self._sizes if f"-grey-{key}." in name])
        frame = _frame(pictures)
        if frame is None or not self._limits.bytes_max:
            return
        size = (candidate.frame_width, candidate.frame_height)
        subject = Seen(label=candidate.label, score=candidate.score, box=candidate.box)
        ids = (candidate.camera, candidate.place_id, candidate.candidate_id)
        self._write(
            self._example("filed", candidate.rule, ids, candidate.last_seen, size, subject, frame.sha256, found), None
        )

    def grey(self, spot: Spot, decision: Decision, shot: Shot, found: Detections) -> None:
        """A thing near the threshold, once for each thing."""
        key = _key(spot.spot_id)
        if key in self._grey or not self._room(spot.camera, shot.at):
            return
        if len(self._grey) >= FILES_MAX:
            self._grey.clear()
        self._grey.add(key)
        subject = Seen(label=spot.label, score=_share(spot.score), box=spot.box)
        self._keep("grey", decision.why, (spot.camera, spot.spot_id, ""), shot, subject, found)

    def overruled(self, request: Verify, reason: str, shot: Shot, subject: Seen, found: Detections) -> None:
        """A check was answered against the detector."""
        if self._room(request.camera, shot.at):
            ids = (request.camera, request.place_id, f"{self._origin.device}.{request.place_id}")
            self._keep("overruled", reason, ids, shot, subject, found)

    def finish(self, wait_s: float = 0.0) -> None:
        """Write what has its redacted picture. Call it with each frame; with `wait_s` of patience before the end."""
        if wait_s:
            wait([picture for picture, _ in self._waiting], wait_s)
        ready = [one for one in self._waiting if one[0].done()]
        self._waiting = [one for one in self._waiting if one not in ready]
        for picture, example in ready:
            try:
                frame = _frame(picture.result())
            except OSError as error:
                self._failed(error)
                continue
            if frame is not None:
                self._write(msgspec.structs.replace(example, picture=frame.sha256), frame.data)

    def _room(self, camera: str, at: datetime) -> bool:
        if not self._limits.bytes_max:
            return False
        hour = (camera, f"{at:%Y%m%d%H}")
        if self._hours[hour] >= self._limits.per_hour_max:
            self.counters["hard_skipped"] += 1
            return False
        if len(self._hours) > HOURS_KEPT:
            self._hours.clear()
        self._hours[hour] += 1
        return True

    def _keep(
        self, why: Why, reason: str, ids: tuple[str, str, str], shot: Shot, subject: Seen, found: Detections
    ) -> None:
        height, width = shot.image.shape[:2]
        picture = self._desk.frame_and_crop(shot.image, subject.box, found)
        if picture is None:
            self.counters["hard_skipped"] += 1
            return
        self._waiting.append((picture, self._example(why, reason, ids, shot.at, (width, height), subject, "", found)))

    def _example(
        self,
        why: Why,
        reason: str,
        ids: tuple[str, str, str],
        at: datetime,
        size: tuple[int, int],
        subject: Seen,
        picture: str,
        found: Detections,
    ) -> Example:
        seen = [Seen(label=d.name, score=round(_share(d.score), 4), box=d.box) for d in list(found)[:1000]]
        return Example(
            why=why,
            reason=reason,
            device=self._origin.device,
            camera=ids[0],
            at=at,
            spot_id=ids[1],
            candidate_id=ids[2],
            model=self._origin.model,
            model_sha256=self._origin.model_sha256,
            picture=picture,
            frame_width=size[0],
            frame_height=size[1],
            subject=subject,
            detections=seen,
        )

    def _write(self, example: Example, picture: bytes | None) -> None:
        """The picture first: a sidecar never names a picture that is not there."""
        stem = f"{example.at:%Y%m%dT%H%M%S%f}-{example.why}-{_key(example.spot_id)}"
        try:
            if picture is not None:
                self._put(f"{stem}.jpg", picture)
            self._put(f"{stem}.json", msgspec.json.encode(example))
        except OSError as error:
            self._failed(error)
            return
        self.counters["hard_kept"] += 1
        self._trim()

    def _put(self, name: str, data: bytes) -> None:
        write_whole(self._folder / name, data)
        self._sizes[name] = len(data)

    def _trim(self) -> None:
        size = sum(self._sizes.values())
        for stem in sorted({name.partition(".")[0] for name in self._sizes}):
            if size <= self._limits.bytes_max and len(self._sizes) <= FILES_MAX:
                return
            pair = [name for name in (f"{stem}.jpg", f"{stem}.json") if name in self._sizes]
            size -= sum(self._sizes[name] for name in pair)
            self._delete(pair)
            self.counters["hard_deleted"] += 1

    def _delete(self, names: list[str]) -> None:
        for name in names:
            del self._sizes[name]
            try:
                (self._folder / name).unlink(missing_ok=True)
            except OSError as error:
                self._failed(error)

    def _failed(self, error: OSError) -> None:
        self.counters["hard_failed"] += 1
        log.error("hard.failed", folder=str(self._folder), reason=str(error))


def _frame(pictures: list[Evidence]) -> Evidence | None:
    return next((p for p in pictures if p.kind == "frame"), None)


def _key(spot_id: str) -> str:
    """A file name's part: ids come from outside, file names must not."""
    return hashlib.sha256(spot_id.encode()).hexdigest()[:16]


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
