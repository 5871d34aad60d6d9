"""The kiosk's whole chain over a rendered street, faster than real time: candidates and verdicts beside the truth."""

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from detectors import Detector, load_detector
from detectors.redact import Redactor
from edge.kiosk.config import CameraSettings, load_rules
from edge.kiosk.hard import HardExamples, HardLimits, Origin
from edge.kiosk.store import KioskStore
from edge.kiosk.tools import Tools
from edge.kiosk.watcher import Watcher
from edge.link import Broker, Link, Outbox
from edge.link.logs import to_stderr
from edge.sim import truth as street_truth
from edge.sim.street import Street
from edge.up.cli import RULES
from edge.up.truth import CORNERS, Match, match
from edge.watch.camera import Shot
from edge.watch.evidence import EvidenceMaker, Sealed
from edge.watch.rules import Zone
from edge.wire import Candidate, Verdict, Verify, channel, decode

PICTURES_S = 60.0  # the street runs faster than its pictures are redacted, so each frame waits for them
START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@dataclass
class Result:
    """What the kiosk said about a street. `checks`: (expected, answered) for each check asked."""

    match: Match
    candidates: list[Candidate]
    checks: list[tuple[str, str]] = field(default_factory=list)


def run(folder: Path, seed: int, detector: Detector, seconds: float = 90.0, fps: float = 2.0) -> Result:
    """Watch a street of this seed. Each filed thing is asked about 8 s after its candidate (it should be still there)
    and 4 s after its removal (it should be cleared)."""
    street = Street(seed=seed)
    width, height = street.camera.width, street.camera.height
    zones = [Zone(z.name, z.name, [(x / width, y / height) for x, y in z.image]) for z in street.zones()]
    points = [
        {"x": p["image"][0] / width, "y": p["image"][1] / height, "lat": p["wgs84"][0], "lon": p["wgs84"][1]}
        for p in street.calibration_points()
    ]
    outbox = Outbox(folder / f"{seed}.db", "kiosk-1")
    evidence = EvidenceMaker(Redactor(), Sealed(folder / f"originals-{seed}", 10**9))
    origin = Origin("kiosk-1", detector.model_name, detector.model_sha256)
    tools = Tools(
        link=Link(outbox, Broker(port=1), "kiosk", handlers={}),
        store=KioskStore(outbox),
        detector=detector,
        evidence=evidence,
        rules=load_rules(RULES),
        anchors=folder,
    )
    tools.hard = HardExamples(folder / "hard", tools.desk, origin, HardLimits())
    camera = CameraSettings("street", "none", calibration=_points(points), zone=zones)
    watcher = Watcher(camera, tools, gone_s=30.0)
    events = [street_truth.event_line(street, e, START) for e in street.events(seconds)]
    return _watch(street, watcher, outbox, events, seconds, fps)


def _points(points: list[dict[str, float]]) -> list[Any]:
    from edge.kiosk.config import CalibrationPoint

    return [CalibrationPoint(**p) for p in points]


def _watch(
    street: Street, watcher: Watcher, outbox: Outbox, events: list[dict[str, Any]], seconds: float, fps: float
) -> Result:
    asked: dict[str, str] = {}
    due: list[tuple[float, str, Candidate]] = []
    known = 0
    for number in range(int(seconds * fps)):
        t = number / fps
        watcher.take(Shot(street.render(t), START + timedelta(seconds=t), t, number + 1))
        watcher.finish(PICTURES_S)
        candidates = [m for m in _messages(outbox) if isinstance(m, Candidate)]
        for candidate in candidates[known:]:
            due += _questions(candidate, events, t)
        known = len(candidates)
        for question in [q for q in due if q[0] <= t]:
            due.remove(question)
            _, expected, candidate = question
            verify_id = f"{candidate.place_id}-{expected}"
            asked[verify_id] = expected
            watcher.ask(_verify(candidate, verify_id))
    messages = _messages(outbox)
    candidates = [m for m in messages if isinstance(m, Candidate)]
    incidents = [_incident(c) for c in candidates]
    found = match(events, incidents, START, START + timedelta(seconds=seconds))
    verdicts = {m.verify_id: m.verdict for m in messages if isinstance(m, Verdict)}
    return Result(found, candidates, [(asked[i], verdicts[i]) for i in asked if i in verdicts])


def _questions(candidate: Candidate, events: list[dict[str, Any]], t: float) -> list[tuple[float, str, Candidate]]:
    ends = [
        e["to_s"]
        for e in events
        if e["should_file"] and match([e], [_incident(candidate)], START, START + timedelta(days=1)).exact == 1
    ]
    if not ends:
        return []
    there = [(t + 8, "still_there", candidate)] if t + 12 < ends[0] else []
    return [*there, (ends[0] + 4, "cleared", candidate)]


def _incident(c: Candidate) -> dict[str, Any]:
    """As the gateway lists it."""
    size = (c.frame_width, c.frame_height) * 2
    witness = {name: v / s for name, v, s in zip(CORNERS, c.box, size, strict=True)}
    place = {"lat": c.place.lat, "lon": c.place.lon}
    first = c.first_seen.isoformat()
    return {
        "incident_id": c.candidate_id,
        "case_class": c.case_class,
        "first_seen": first,
        "witnesses": [witness],
    } | place


def _verify(c: Candidate, verify_id: str) -> Verify:
    return Verify(
        verify_id=verify_id,
        incident_id=c.candidate_id,
        camera="street",
        place_id=c.place_id,
        case_class=c.case_class,
        label=c.label,
        box=c.box,
        frame_width=c.frame_width,
        frame_height=c.frame_height,
    )


def _messages(outbox: Outbox) -> list[Any]:
    rows = outbox.query("select channel, payload from outbox where channel in ('candidate', 'verdict') order by seq")
    return [decode(channel("up", str(name)), bytes(payload), "kiosk-1") for name, payload in rows]  # type: ignore[arg-type]


def main(seeds: list[int]) -> None:
    """Print one JSON line a seed: what was due, what became of it, and how the checks were answered."""
    to_stderr("critical")
    detector = load_detector(min_score=0.15, threads=2)
    for seed in seeds:
        with TemporaryDirectory() as folder:
            result = run(Path(folder), seed, detector)
        extra = [f"{c.label} {c.score:.2f}" for c in result.candidates if c.candidate_id in result.match.extra]
        checks = Counter(f"{expected}: {answered}" for expected, answered in result.checks)
        line = {"seed": seed, **result.match.to_dict(), "extra": extra, "checks": checks}
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]])
