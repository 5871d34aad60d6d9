"""The kiosk process: cameras in, candidates out, checks answered, until it is told to stop."""

import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from detectors import load_detector
from detectors.manifest import is_name
from detectors.redact import Redactor
from edge.care.timed import TimedDetector
from edge.evidence import Chain, ChainFailed, device_key
from edge.kiosk.asked import Asked
from edge.kiosk.care import Care, Caring
from edge.kiosk.config import KioskSettings, beside, load_rules
from edge.kiosk.footage import Footage
from edge.kiosk.gating import gate_for
from edge.kiosk.hard import HardExamples, HardLimits, Origin
from edge.kiosk.rounds import Opener, round_of, side_of
from edge.kiosk.rulefile import RuleFile
from edge.kiosk.sending import Sending
from edge.kiosk.sightings import SightingLimits
from edge.kiosk.store import KioskStore
from edge.kiosk.tools import Tools
from edge.kiosk.watcher import Watcher
from edge.link import Limits, Link, Outbox, OutboxFull
from edge.link.spans import open_spans
from edge.watch.camera import Camera, Shot
from edge.watch.evidence import EvidenceMaker, Sealed
from edge.watch.source import NETWORK, Source, Transport, check
from edge.wire import Ask, Look, Verdict, Verify

if TYPE_CHECKING:
    from edge.kiosk.onair import OnAir

DETECT_SCORE_MIN = 0.15
DRAIN_S = 10.0
FINISH_S = 5.0  # at the end, for pictures under way: `zhuomu up` and systemd wait no longer than 20 and 30 s

log = structlog.get_logger()


class Kiosk:
    """Everything that one mini-PC runs. Raises at construction whatever is wrong with settings, rules, model, files.

    `new_views`: the cameras were turned on purpose; learn their views anew. `care`: which settings hold (without one, a
    start that counts as none)."""

    def __init__(
        self,
        local: KioskSettings,
        settings_file: Path,
        software: str,
        new_views: bool = False,
        care: Care | None = None,
    ) -> None:
        care = care or Care(local, settings_file, counting=False)
        settings = self._settings = care.settings
        data = care.data
        self._rules = RuleFile(care.rules, load_rules(care.rules, care.standards), standards=care.standards)
        self._opener = Opener(settings.gate.open_s, settings.gate.base_s)
        gate = self._gate = gate_for(settings.gate, [rule.dwell_s for rule in self._rules.book.rule])
        sources = [_source(c.source, c.transport) for c in settings.camera]
        model = settings.model
        self.care = Caring(care, self._health, self._queues, software)
        network = load_detector(
            network_of(settings_file, model.path),
            backend=model.backend,
            min_score=DETECT_SCORE_MIN,
            threads=model.threads or None,
            size=model.size or None,
        )
        detector = TimedDetector(network, self.care.detecting)
        self.outbox = Outbox(
            data / f"{settings.device}.db", settings.device, Limits(bytes_max=settings.outbox_bytes_max)
        )
        self._store = KioskStore(self.outbox)
        sealed = Sealed(data / "originals", settings.originals_bytes_max, settings.free_bytes_min)
        self.evidence = EvidenceMaker(Redactor(), sealed)
        self._chain = Chain(data / "evidence", device_key(data), settings.device)
        self._onair = _onair(settings, data, self.outbox) if settings.live.on else None
        self._footage = Footage(settings, data, self._onair.takers if self._onair else None)
        anchors = data / "anchors"
        anchors.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._sending = (
            Sending(settings.upload, data, self.outbox, settings.free_bytes_min) if settings.upload.url else None
        )
        more = self._sending.handlers if self._sending else {}
        self.link = Link(
            self.outbox,
            settings.broker.beside(settings_file.parent),
            "kiosk",
            handlers={"verify": self._asked, "config": self.care.offer, "ask": self._answer, **more},
            software=software,
            health=self.care.cameras,
            losses=self.counters,
            condition=self.care.condition,
        )
        shows = self._onair.desk if self._onair and settings.live.desk else None
        self._asks = Asked(settings.device, care.database, care.standards, self.link.say, shows)
        self._tools = Tools(
            self.link,
            self._store,
            detector,
            self.evidence,
            self._rules.book,
            anchors,
            chain=self._chain,
            rings=self._footage.rings,
            saw=self._onair.saw if self._onair else None,
            sending=self._sending,
            spans=open_spans(settings.trace, "zhuomu-kiosk", settings.device),
        )
        self._tools.sightings.limits = SightingLimits(settings.sightings_rows_max, settings.sightings_days_max)
        origin = Origin(settings.device, detector.model_name, detector.model_sha256)
        limits = HardLimits(settings.hard_bytes_max, settings.hard_per_hour_max)
        self._hard = self._tools.hard = HardExamples(data / "hard", self._tools.desk, origin, limits)
        self._cameras = [
            Camera(
                c.name,
                replace(source, on_packet=self._footage.taps.get(c.name)),
                loop=c.loop,
                rate=gate.rate() if gate else None,
                on_shot=self._onair.shots.get(c.name) if self._onair else None,
            )
            for c, source in zip(settings.camera, sources, strict=True)
        ]
        self._watchers = {c.name: Watcher(c, self._tools, settings.gone_s, new_views, gate) for c in settings.camera}
        self._heal()
        self._asked_lock = threading.Lock()
        self._asked_queue: list[Verify] = self._store.open_checks()
        self._model = (detector.model_name, detector.model_sha256)

    def run(self, stop: threading.Event) -> None:
        """Watch until `stop` is set or every recording has been played to its end; then drain the outbox. With
        `care.restart` set at the end, other settings hold and the process has to be started anew."""
        self.care.begin(self.link, self.counters, lambda: self._rules.book.version, self._model)
        self.link.start()
        if self._sending is not None:
            self._sending.start(self.link)
        self._footage.start()
        if self._onair is not None:
            self._onair.start(self._cameras)
        for camera in self._cameras:
            camera.start()
        try:
            self._watch(stop)
        finally:
            self._end()

    def counters(self) -> dict[str, int]:
        """What was withheld, deleted or put off since the start; goes out with every health message."""
        return {
            "pictures_withheld": self.evidence.withheld,
            "originals_deleted": self.evidence.sealed.deleted,
            "posters_unread": self.evidence.unread,
            "pictures_put_off": self._tools.desk.refused,
            "messages_postponed": sum(w.postponed for w in self._watchers.values()),
            "rules_refused": self._rules.refused,
            "spots_unsaved": self._store.unsaved,
            "openings_spared": self._opener.spared,
            **self._tools.sightings.counters,
            **self._hard.counters,
            **self._tools.prover.counters,
            **self._chain.counters,
            **self._footage.counters(),
            **self._asks.counters,
            **(self._onair.counters() if self._onair else {}),
            **(self._sending.counters() if self._sending else {}),
            **self._tools.spans.counters(),
        }

    def _heal(self) -> None:
        """Look at the evidence chain's end before the first candidate; a disk that is full now may have room later."""
        try:
            self._chain.check()
        except ChainFailed as error:
            log.error("evidence.unready", reason=str(error))

    def _watch(self, stop: threading.Event) -> None:
        due = {c.name: 0.0 for c in self._cameras}
        while not self._done(stop):
            self._hand_over_checks()
            self._tools.rules = self._rules.current(time.monotonic())
            shots = self._new_shots(due)
            if self._gate is None:
                for camera, shot in shots:
                    self._watchers[camera.name].take(shot)
            elif taken := list(shots):
                self._gated(taken)
            self._expire_checks(time.monotonic())
            self.care.round(time.monotonic())
            stop.wait(0.02)

    def _done(self, stop: threading.Event) -> bool:
        return stop.is_set() or self.care.restart.is_set() or all(c.ended for c in self._cameras)

    def _new_shots(self, due: dict[str, float]) -> Iterator[tuple[Camera, Shot]]:
        """Of each camera that may be looked at again, its newest frame."""
        for camera in self._cameras:
            now = time.monotonic()
            shot = camera.take(0.0) if now >= due[camera.name] else None
            if shot is not None:
                due[camera.name] = now + 1.0 / self._watchers[camera.name].camera.detect_fps
                yield camera, shot

    def _gated(self, shots: list[tuple[Camera, Shot]]) -> None:
        detector = self._tools.detector
        self._opener.begin()
        turns = round_of(detector, [(self._watchers[c.name], shot) for c, shot in shots], side_of(detector))
        self._opener.end([(camera, turn) for (camera, _), turn in zip(shots, turns, strict=True)])

    def _expire_checks(self, now: float) -> None:
        for watcher in self._watchers.values():
            watcher.expire(now)

    def _end(self) -> None:
        self.care.end()
        self._asks.close()
        for camera in self._cameras:
            camera.stop()
        if self._onair is not None:
            self._onair.stop()
        self._footage.stop()
        until = time.monotonic() + FINISH_S
        for watcher in self._watchers.values():
            watcher.flush(max(0.0, until - time.monotonic()))
        self._tools.desk.close()
        drained = self.link.drain(0.0 if self.care.restart.is_set() else DRAIN_S)
        log.info("kiosk.stopped", outbox_left=self.outbox.size[0], drained=drained)
        if self._sending is not None:
            self._sending.stop()
        self.link.stop()
        self._tools.spans.stop()
        self.outbox.close()

    def _asked(self, request: Verify) -> None:
        self._store.ask(request)
        with self._asked_lock:
            self._asked_queue.append(request)

    def _answer(self, ask: Ask) -> None:
        self._asks(ask)

    def _hand_over_checks(self) -> None:
        with self._asked_lock:
            requests, self._asked_queue = self._asked_queue, []
        known = {r.verify_id for r in self._store.open_checks()} if requests else set()
        for request in requests:
            watcher = self._watchers.get(request.camera)
            if watcher is None:
                self._no_such_camera(request)
            elif request.verify_id in known:
                watcher.ask(request)

    def _no_such_camera(self, request: Verify) -> None:
        log.warning("verify.unknown_camera", camera=request.camera)
        now = datetime.now(UTC)
        verdict = Verdict(
            device=self.outbox.device,
            epoch=self.outbox.epoch,
            seq=1,
            verify_id=request.verify_id,
            incident_id=request.incident_id,
            camera=request.camera,
            verdict="cannot_see",
            at=now,
            looks=[Look(at=now, verdict="cannot_see", score=0.0, reason="this kiosk has no camera of that name")],
        )
        try:
            self.link.send(verdict, within=self._store.answering(request.verify_id, None))
        except (OutboxFull, sqlite3.Error) as error:
            log.error("verdict.left_open", camera=request.camera, reason=str(error))  # the centre asks again

    def _health(self) -> dict[str, dict[str, float | str]]:
        return {c.name: {**c.health(), **self._watchers[c.name].health()} for c in self._cameras}

    def _queues(self) -> dict[str, float]:
        """What waits inside, beside the outbox."""
        uploads = {"uploads": float(self._sending.queue.waiting)} if self._sending else {}
        return {"pictures": float(self._tools.desk.waiting), "checks": float(len(self._asked_queue)), **uploads}


def _onair(settings: KioskSettings, data: Path, outbox: Outbox) -> "OnAir":
    """A kiosk without live view carries nothing of WebRTC's libraries in memory."""
    from edge.kiosk.onair import OnAir

    return OnAir(settings, data, outbox)


def _source(spec: str, transport: Transport) -> Source:
    """A file must be readable now; a network or USB camera may come up later than the kiosk does."""
    if spec.startswith((*NETWORK, "/dev/video")):
        return Source(spec, transport)
    return check(spec)


def network_of(settings_file: Path, named: str) -> Path | None:
    """A network that ships goes by its name alone; anything else is a file."""
    if not named:
        return None
    return Path(named) if is_name(Path(named)) else beside(settings_file, named)


def run_until_signal(kiosk: Kiosk) -> bool:
    """Run with SIGTERM and SIGINT as the way to stop; True when one of them came."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    kiosk.run(stop)
    return stop.is_set()
