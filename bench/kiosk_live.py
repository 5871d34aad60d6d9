"""Many real RTSP cameras at once on one machine: what our loop takes of the processor, and what it finds."""

from __future__ import annotations

import resource
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.kiosk_arms import GONE_S, SCORE_MIN, Incident, NoPictures, Setting, camera_of, candidates, incident_of
from bench.kiosk_clips import START, Clip
from bench.rtsp import NoServer, carried, serving
from detectors.load import load_detector
from edge.kiosk.rounds import Opener, round_of, side_of
from edge.kiosk.store import KioskStore
from edge.kiosk.tools import Tools
from edge.kiosk.watcher import Watcher
from edge.link import Broker, Link, Outbox
from edge.up.truth import match
from edge.watch.camera import Camera, Shot
from edge.watch.evidence import EvidenceMaker, Sealed
from edge.watch.source import Source

REST_S = 0.02
CONNECT_S = 60.0


@dataclass
class Seat:
    """One camera of the street and when its first picture came: the server plays the clip from there."""

    clip: Clip
    camera: Camera
    watcher: Watcher
    began: datetime | None = None
    incidents: list[Incident] = field(default_factory=list)

    def shot(self) -> Shot | None:
        """Its newest picture."""
        shot = self.camera.take(0.0)
        if shot is not None and self.began is None:
            self.began = shot.at
        return shot


def live(clips: list[Clip], setting: Setting, count: int, seconds: float) -> dict[str, Any]:
    """`count` cameras, each with its own connection to a local server that plays one of the clips; the server's own
    processor time is told apart, it is another machine's in the field. What cannot run says so."""
    if seconds > min(clip.seconds for clip in clips) - 2.0:
        raise ValueError(f"{seconds:g} s are longer than the clips: give a smaller --live-s or more --seconds")
    detector = load_detector(setting.manifest.path, "openvino", SCORE_MIN, setting.threads, setting.size_px)
    before = _children_s()
    try:
        with serving({f"street{i}": clip.path for i, clip in enumerate(clips)}) as urls, TemporaryDirectory() as folder:
            outbox = Outbox(Path(folder) / "bench.db", "bench")
            evidence = EvidenceMaker(NoPictures(), Sealed(Path(folder) / "originals", 10**9))  # type: ignore[arg-type]
            link = Link(outbox, Broker(port=1), "kiosk", handlers={})
            tools = Tools(link, KioskStore(outbox), detector, evidence, setting.rules, Path(folder))
            told = _watched(_seats(clips, list(urls.values()), setting, tools, count), setting, tools, seconds)
            tools.desk.close()
            outbox.close()
    except NoServer as error:
        return {"not_run": str(error)}
    return {**told, "server_cpu_s": round(_children_s() - before, 2)}


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _seats(clips: list[Clip], urls: list[str], setting: Setting, tools: Tools, count: int) -> list[Seat]:
    seats: list[Seat] = []
    for i in range(count):
        clip, url, name = clips[i % len(clips)], urls[i % len(clips)], f"camera-{i}"
        watcher = Watcher(camera_of(clip, name), tools, GONE_S, gate=setting.gate)
        seats.append(Seat(clip, Camera(name, Source(url), rate=setting.gate.rate()), watcher))
    return seats


def _watched(seats: list[Seat], setting: Setting, tools: Tools, seconds: float) -> dict[str, Any]:
    for seat in seats:
        seat.camera.start()
    loop = _Loop(seats, setting, tools)
    until = time.monotonic() + CONNECT_S
    while time.monotonic() < until and not all(seat.began for seat in seats):
        loop.turn()

    def run(until_s: float) -> dict[str, Any]:
        while time.monotonic() < until_s:
            loop.turn()
        return {"cameras": len(seats), "connected": sum(seat.began is not None for seat in seats)}

    told = carried(run, seconds - 5.0)  # the first cameras have been playing since they connected
    ended = datetime.now(UTC)
    for seat in seats:
        seat.watcher.finish(5.0)
        seat.camera.stop()
    told |= found_by(seats, tools, ended)
    for what in ("frames", "dropped", "failures"):
        told[what] = sum(float(seat.camera.health()[what]) for seat in seats)
    looks = [seat.watcher.health() for seat in seats]
    told["looks"] = {
        what: sum(float(one[f"looks_{what}"]) for one in looks) for what in ("idle", "regions", "whole", "opened")
    }
    return told | {"latency_ms": loop.latency_ms, "rounds": loop.rounds, "openings_spared": loop.opener.spared}


class _Loop:
    """As the kiosk's own (`edge.kiosk.node`)."""

    def __init__(self, seats: list[Seat], setting: Setting, tools: Tools) -> None:
        self._seats, self._tools = seats, tools
        self.opener = Opener(setting.gate.open_s, setting.gate.base_s)
        self._side = side_of(tools.detector)
        self._filed = 0
        self._due_s = dict.fromkeys((seat.camera.name for seat in seats), 0.0)
        self.latency_ms: list[float] = []
        self.rounds = 0

    def turn(self) -> None:
        """Look at what is new."""
        now_s = time.monotonic()
        new = [(s, shot) for s in self._seats if now_s >= self._due_s[s.camera.name] and (shot := s.shot())]
        if new:
            self.rounds += 1
            self.opener.begin()
            turns = round_of(self._tools.detector, [(seat.watcher, shot) for seat, shot in new], self._side)
            self.opener.end([(seat.camera, turn) for (seat, _), turn in zip(new, turns, strict=True)])
            for seat, _ in new:
                self._due_s[seat.camera.name] = now_s + 1.0 / seat.watcher.camera.detect_fps
        for seat in self._seats:
            seat.watcher.expire(now_s)
        self._time()
        threading.Event().wait(REST_S)

    def _time(self) -> None:
        """From when the deciding picture came to when the message is stored."""
        count = int(str(self._tools.link.outbox.query("select count(*) from outbox where channel = 'candidate'")[0][0]))
        if count > self._filed:
            now = datetime.now(UTC)
            fresh = candidates(self._tools.link.outbox)[self._filed :]
            self.latency_ms += [round((now - one.last_seen).total_seconds() * 1e3, 1) for one in fresh]
            self._filed = count


def found_by(seats: list[Seat], tools: Tools, ended: datetime) -> dict[str, Any]:
    """Recall and precision over all cameras; each camera's times are put back to its clip's."""
    by_name = {seat.camera.name: seat for seat in seats}
    for one in candidates(tools.link.outbox):
        seat = by_name[one.camera]
        assert seat.began is not None
        first = START + (one.first_seen - seat.began)
        seat.incidents.append({**incident_of(one), "first_seen": first.isoformat()})
    due = missed = made = extra = doubled = 0
    for seat in seats:
        watched = ended - seat.began if seat.began else timedelta(0)
        found = match(seat.clip.events, seat.incidents, START, START + watched)
        due, missed, made = due + found.due, missed + len(found.missed), made + len(seat.incidents)
        extra, doubled = extra + len(found.extra), doubled + len(found.doubled)
    share = {"event_recall": (due - missed, due), "event_precision": (made - extra, made)}
    told: dict[str, Any] = {name: round(part / whole, 4) if whole else None for name, (part, whole) in share.items()}
    return {**told, "due": due, "missed": missed, "filed": made, "extra": extra, "doubled": doubled}
