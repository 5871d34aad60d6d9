"""Three ways to watch a street for things that stay: A stock Ultralytics, B OpenCV and ByteTrack by hand, C ours.

Each reads one clip as fast as it can, with the same network, and says what it would file. None makes pictures of
evidence or reads posters: these cost the same for each event, and A and B have nothing like it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import cv2
import numpy as np

from bench.kiosk_clips import START, Clip
from detectors.errors import ModelError, RedactionError
from detectors.load import load_detector
from detectors.manifest import Manifest
from detectors.text import TextError
from detectors.types import Detections, Image
from detectors.ultralytics_backend import import_yolo
from edge.kiosk.config import CalibrationPoint, CameraSettings, ground_of
from edge.kiosk.gating import GateSettings
from edge.kiosk.rounds import round_of, side_of
from edge.kiosk.store import KioskStore
from edge.kiosk.tools import Tools
from edge.kiosk.watcher import Watcher
from edge.link import Broker, Link, Outbox
from edge.watch.boxes import CASE_CLASS, Box
from edge.watch.camera import Shot
from edge.watch.decode import Decoder
from edge.watch.evidence import EvidenceMaker, Sealed
from edge.watch.places import Spot
from edge.watch.rules import RuleBook, Zone, decide
from edge.watch.source import Source
from edge.wire import Candidate, CaseClass, channel, decode

SCORE_MIN = 0.15
EVERY_B = 5  # B looks at every fifth picture: its makers' advice for slow processors
GONE_S = 30.0  # as `zhuomu up` has it: the sample street puts new things where old ones stood a minute ago
LOST_S = 30.0  # B, tuned: a track may be lost so long
Incident = dict[str, Any]


class NotInstalled(RuntimeError):
    """An arm that cannot run here; `str()` is one line that says what to install."""


@dataclass
class Told:
    """What an arm would file, and ms from the picture that decided to the message stored.

    `marks`: (second of the street, processor seconds of this process since the arm began) after each picture: before
    the first lies what loading and the first picture cost, after it what watching costs."""

    incidents: list[Incident]
    latency_ms: list[float] = field(default_factory=list)
    looks: dict[str, float] = field(default_factory=dict)
    marks: list[tuple[float, float]] = field(default_factory=list)

    @property
    def start_s(self) -> float:
        """Processor seconds until the first picture was done: imports, loading the network, opening the clip."""
        return self.marks[0][1]

    def per_minute(self, from_s: float, to_s: float) -> float:
        """Processor seconds a minute of the street between two of its seconds, as near as marks lie to them."""
        within = [mark for mark in self.marks if from_s <= mark[0] <= to_s]
        if len(within) < 2:
            raise ValueError(f"fewer than two pictures between {from_s:g} and {to_s:g} s; give a longer part")
        (t0, busy0), (t1, busy1) = within[0], within[-1]
        return 60.0 * (busy1 - busy0) / (t1 - t0)


class Meter:
    """Writes an arm's marks. `cpu`: seconds."""

    def __init__(self, told: Told, from_s: float, cpu: Callable[[], float] = time.process_time) -> None:
        self._told, self._from_s, self._cpu, self._began = told, from_s, cpu, cpu()

    def done(self, media_s: float) -> None:
        """A picture has been through the arm."""
        self._told.marks.append((self._from_s + media_s, self._cpu() - self._began))


@dataclass(frozen=True)
class Setting:
    """What is the same for all arms."""

    manifest: Manifest
    rules: RuleBook
    threads: int
    size_px: int
    gate: GateSettings


Arm = Callable[[Clip, Setting], Told]


def camera_of(clip: Clip, name: str = "") -> CameraSettings:
    """The clip's camera as a kiosk's file would describe it; named after its kind, or otherwise."""
    zones = [Zone(kind, kind, polygon) for kind, polygon in clip.zones]
    return CameraSettings(
        name or clip.kind, str(clip.path), calibration=[CalibrationPoint(**p) for p in clip.points], zone=zones
    )


def arm_a(clip: Clip, setting: Setting) -> Told:
    """`YOLO(onnx).track(stream=True)` as its handbook shows it, with a timer a track. Raises NotInstalled."""
    told = Told([])
    meter = Meter(told, clip.from_s)
    try:
        model = import_yolo()(str(setting.manifest.path), task="detect")
    except ModelError as error:
        raise NotInstalled("ultralytics is not installed; do: pip install 'zhuomu[bench]'") from error
    timers = Timers(clip, setting, told)
    tracked = model.track(str(clip.path), stream=True, imgsz=setting.size_px, device="cpu", verbose=False)
    for number, result in enumerate(tracked):
        boxes = result.boxes.cpu().numpy()
        ids = np.zeros(0) if boxes.id is None else boxes.id
        names = [setting.manifest.classes[int(c)] for c in boxes.cls]
        t_s = number / clip.header["fps"]
        timers.add(clip.from_s + t_s, zip(ids, names, boxes.conf, boxes.xyxy, strict=False))
        meter.done(t_s)
    return told


def arm_b(clip: Clip, setting: Setting) -> Told:
    """OpenCV, every fifth picture, ONNX Runtime, supervision's ByteTrack, a timer a track. Raises NotInstalled."""
    told = Told([])
    meter = Meter(told, clip.from_s)
    try:
        import supervision as sv
    except ImportError as error:
        raise NotInstalled("supervision is not installed; do: pip install 'zhuomu[bench]'") from error
    detector = load_detector(setting.manifest.path, "onnx", SCORE_MIN, setting.threads, setting.size_px)
    tracker = tuned_tracker(sv, clip.header["fps"] / EVERY_B)
    timers = Timers(clip, setting, told)
    for number, image in _every(clip.path, EVERY_B):
        found = detector.detect(image)
        boxes = sv.Detections(found.boxes, confidence=found.scores, class_id=found.class_ids.astype(int))
        seen = tracker.update_with_detections(boxes)
        names = [found.names[int(c)] for c in seen.class_id]
        t_s = number / clip.header["fps"]
        timers.add(clip.from_s + t_s, zip(seen.tracker_id, names, seen.confidence, seen.xyxy, strict=True))
        meter.done(t_s)
    return told


def tuned_tracker(sv: Any, fps: float) -> Any:
    """supervision's ByteTrack for things that stay: weak sightings count, and a track may be lost for LOST_S."""
    return sv.ByteTrack(
        track_activation_threshold=SCORE_MIN,
        lost_track_buffer=round(LOST_S * 30),  # it counts in frames of 30 a second
        minimum_matching_threshold=0.8,
        frame_rate=round(fps),
    )


def arm_c(clip: Clip, setting: Setting) -> Told:
    """Ours: gate, regions, anchors, place memory, rules, outbox, as `zhuomu kiosk` runs them."""
    told = Told([])
    meter = Meter(told, clip.from_s)
    detector = load_detector(setting.manifest.path, "openvino", SCORE_MIN, setting.threads, setting.size_px)
    with TemporaryDirectory() as folder:
        outbox = Outbox(Path(folder) / "bench.db", "bench")
        evidence = EvidenceMaker(NoPictures(), Sealed(Path(folder) / "originals", 10**9))  # type: ignore[arg-type]
        link = Link(outbox, Broker(port=1), "kiosk", handlers={})
        tools = Tools(link, KioskStore(outbox), detector, evidence, setting.rules, Path(folder))
        watcher = Watcher(camera_of(clip), tools, GONE_S, gate=setting.gate)
        _watch(clip, setting.gate, watcher, tools, told, meter)
        tools.desk.close()
        told.incidents += [incident_of(candidate) for candidate in candidates(outbox)]
        outbox.close()
    return told


ARMS: dict[str, Arm] = {"A": arm_a, "B": arm_b, "C": arm_c}


def _watch(clip: Clip, gate: GateSettings, watcher: Watcher, tools: Tools, told: Told, meter: Meter) -> None:
    decoders: list[Decoder] = []

    def decoding(stream: av.VideoStream) -> Decoder:
        decoders.append(Decoder(stream, gate.rate()))
        return decoders[-1]

    taken_s, filed = float("-inf"), 0
    for number, frame in enumerate(Source(str(clip.path)).frames(decoding)):
        if frame.media_s - taken_s < 1.0 / watcher.camera.detect_fps:
            continue
        taken_s, began = frame.media_s, time.perf_counter()
        at = START + timedelta(seconds=clip.from_s + frame.media_s)
        shot = Shot(frame.picture, at, frame.media_s, number)
        (turn,) = round_of(tools.detector, [(watcher, shot)], side_of(tools.detector))
        watcher.finish(10.0)
        if turn.plan.open:
            decoders[-1].open(gate.open_s)
        now = int(str(tools.link.outbox.query("select count(*) from outbox where channel = 'candidate'")[0][0]))
        told.latency_ms += [(time.perf_counter() - began) * 1e3] * (now - filed)
        filed = now
        meter.done(frame.media_s)
    health = watcher.health()
    told.looks = {name: float(value) for name, value in health.items() if name.startswith("looks_")}


class Timers:
    """A timer for each track, and the rules' clauses on top: what people build around a tracker."""

    def __init__(self, clip: Clip, setting: Setting, told: Told) -> None:
        self._rules, self._camera, self._told = setting.rules, camera_of(clip), told
        self._size = (clip.header["width"], clip.header["height"])
        self._spots: dict[int, Spot] = {}

    def add(self, t_s: float, tracked: Iterator[tuple[Any, str, Any, Any]]) -> None:
        """One picture's tracks: (id, class name, score, box xyxy px)."""
        at = START + timedelta(seconds=t_s)
        for track, name, score, box in tracked:
            if name in CASE_CLASS:
                x1, y1, x2, y2 = (float(v) for v in box)
                self._see(int(track), name, float(score), (x1, y1, x2, y2), at)

    def _see(self, track: int, name: str, score: float, box: Box, at: datetime) -> None:
        spot = self._spots.get(track)
        if spot is None:
            width, height = self._size
            spot = Spot(str(track), "bench", CASE_CLASS[name], box, width, height, at, at, score=score, hits=0, looks=0)
            self._spots[track] = spot
        seen = replace(spot, box=box, last_seen=at, hits=spot.hits + 1, looks=spot.looks + 1)
        seen.score += (score - seen.score) * 0.2
        seen.labels = {**spot.labels, name: spot.labels.get(name, 0) + 1}
        if seen.state == "watching" and decide(self._rules, seen, self._camera.zone, at).file:
            seen.state = "filed"
            self._told.incidents.append(_incident(seen, self._camera))
        self._spots[track] = seen


def _incident(spot: Spot, camera: CameraSettings) -> Incident:
    ground = ground_of(camera, spot.frame_width, spot.frame_height)
    assert ground is not None
    place = ground.place(spot.box, spot.case_class)
    return _as_listed(
        spot.spot_id, spot.case_class, spot.first_seen, spot.box, (spot.frame_width, spot.frame_height), place
    )


def candidates(outbox: Outbox) -> list[Candidate]:
    """What waits there, oldest first."""
    rows = outbox.query("select payload from outbox where channel = 'candidate' order by seq")
    found = [decode(channel("up", "candidate"), row[0], "bench") for row in rows]  # type: ignore[arg-type]
    return [one for one in found if isinstance(one, Candidate)]


def incident_of(c: Candidate) -> Incident:
    """As the gateway would list it."""
    return _as_listed(c.candidate_id, c.case_class, c.first_seen, c.box, (c.frame_width, c.frame_height), c.place)


def _as_listed(name: str, kind: CaseClass, first: datetime, box: Box, size: tuple[int, int], place: Any) -> Incident:
    """As the gateway lists it, for `edge.up.truth.match`."""
    corners = {k: v / s for k, v, s in zip(("x1", "y1", "x2", "y2"), box, size * 2, strict=True)}
    about = {"incident_id": name, "case_class": kind, "first_seen": first.isoformat(), "witnesses": [corners]}
    return {**about, "lat": place.lat, "lon": place.lon}


def _every(path: Path, nth: int) -> Iterator[tuple[int, Image]]:
    reader = cv2.VideoCapture(str(path))
    number = 0
    while reader.grab():
        if number % nth == 0:
            done, image = reader.retrieve()
            if done:
                yield number, np.asarray(image, np.uint8)
        number += 1
    reader.release()


class NoPictures:
    """Makes no pictures and reads nothing: not measured here."""

    @property
    def reader(self) -> NoPictures:
        """Reads nothing either."""
        return self

    def redact(self, image: Image, vehicles: Detections | None = None, part: float = 1.0) -> Image:
        """Fails, so that a candidate goes without pictures."""
        raise RedactionError("no pictures in this measurement")

    def read(self, poster: Image) -> list[Any]:
        """Fails, so that no number is read."""
        raise TextError("no reading in this measurement")
