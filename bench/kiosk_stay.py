"""How many events one thing becomes that stays for half an hour: a network that flickers, vans in front, a restart.

The pictures are the sample street's, one every two seconds as the gate's base rate has it; what the network says is
drawn from the truth, so that both ways of watching are given the same flicker. The clock is virtual.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bench.kiosk_arms import (
    NoPictures,
    NotInstalled,
    Setting,
    Timers,
    Told,
    camera_of,
    candidates,
    tuned_tracker,
)
from bench.kiosk_clips import START, Clip, Pace, Paced
from detectors.types import Detections, Image
from edge.kiosk.store import KioskStore
from edge.kiosk.tools import Tools
from edge.kiosk.watcher import Watcher
from edge.link import Broker, Link, Outbox
from edge.sim import truth
from edge.sim.street import Street
from edge.sim.timetable import Event
from edge.watch.boxes import Box, covered
from edge.watch.camera import Shot
from edge.watch.evidence import EvidenceMaker, Sealed

SIZE = (640, 360)
STEP_S = 2.0  # between our pictures
FPS_B = 5  # of the tracker's: 0.2 s, as in the comparison of whole clips
STAYS_GONE_S = 120.0  # a kiosk's own default
DOWN_S = 20.0  # the restart takes so long
SEEN = 0.8  # share of frames in which the network sees a thing that is there
BLIND, BLIND_S = 0.08, 10.0  # share of windows of so long in which it overlooks it throughout
HIDES_S, HIDDEN_S = 240.0, (10.0, 90.0)  # a van comes once in so long, and stands before the thing so long
JITTER = 0.02  # of a box's sides, one sigma
NAMES = ("stall", "poster", "bicycle", "litter_heap", "bin_overflow", "truck")


class Staying(Paced):
    """Each place's first thing stays; people, riders and cars pass as usual."""

    def __init__(self, street: Street) -> None:
        super().__init__(street, Pace())

    def _candidates(self, from_s: float, to_s: float) -> Iterator[Event]:
        for place in self.layout.places:
            if place.index in self._offset:
                yield _for_ever(self._stay(place, 0))
        yield from (e for e in super()._candidates(from_s, to_s) if e.path is not None)


def _for_ever(event: Event) -> Event:
    return replace(event, to_s=86_400.0)


@dataclass(frozen=True)
class Hiding:
    """A van before one thing."""

    thing: int
    from_s: float
    to_s: float
    box: Box


class Script:
    """What the network says at any second, and the picture that it says it of."""

    def __init__(self, seed: int, seconds: float) -> None:
        self.seed, self.seconds = seed, seconds
        self.street = Street(seed, *SIZE)
        self.street.timetable = Staying(self.street)
        told = list(truth.lines(self.street, FPS_B, seconds, START))
        self.things = [line for line in told if line.get("should_file")]
        self.clip = Clip("stays", Path("none"), seconds, self.things, told[0])
        self.boxes = [_px(line["box"]) for line in self.things]
        self.hidings = [h for i in range(len(self.things)) for h in self._hidings(i)]

    def _hidings(self, thing: int) -> Iterator[Hiding]:
        rng = np.random.default_rng([self.seed, thing, 71])
        begin = self.things[thing]["from_s"] + 30.0 + rng.uniform(0, HIDES_S)
        while begin < self.seconds:
            end = begin + rng.uniform(*HIDDEN_S)
            x1, y1, x2, y2 = self.boxes[thing]
            mx, my = 0.2 * (x2 - x1), 0.2 * (y2 - y1)
            yield Hiding(thing, begin, end, (max(0.0, x1 - mx), max(0.0, y1 - my), x2 + mx, y2 + my))
            begin = end + rng.uniform(0.5, 1.5) * HIDES_S

    def picture(self, t_s: float) -> Image:
        """(H, W, 3) uint8 BGR."""
        image = self.street.render(t_s)
        for van in self._there(t_s):
            x1, y1, x2, y2 = (int(v) for v in van.box)
            rng = np.random.default_rng([self.seed, van.thing, int(van.from_s)])
            shape = (image[y1:y2, x1:x2].shape[0], 1, 3)
            image[y1:y2, x1:x2] = rng.integers(60, 200, shape, dtype=np.uint8)
        return image

    def seen(self, t_s: float, regions: Sequence[Box] = ()) -> Detections:
        """The network's word; with regions only what lies in one."""
        tick = round(t_s * FPS_B)
        rng = np.random.default_rng([self.seed, tick, 72])
        draws = rng.random(len(self.boxes)), rng.normal(0, 1, (len(self.boxes), 5))
        vans = self._there(t_s)
        found: list[tuple[Box, float, int]] = [(van.box, 0.8, NAMES.index("truck")) for van in vans]
        for i, thing in enumerate(self.things):
            hidden = any(covered(self.boxes[i], van.box) > 0.3 for van in vans)
            if t_s >= thing["from_s"] and not hidden and not self._blind(i, t_s) and draws[0][i] < SEEN:
                found.append((_shaken(self.boxes[i], draws[1][i]), 0.6 + 0.08 * draws[1][i][4], _kind(thing)))
        if regions:
            found = [one for one in found if any(covered(one[0], region) > 0.95 for region in regions)]
        return Detections.of(
            np.array([box for box, _, _ in found], np.float32).reshape(-1, 4),
            np.array([score for _, score, _ in found], np.float32).clip(0.3, 0.99),
            np.array([kind for _, _, kind in found], np.int32),
            NAMES,
        )

    def _blind(self, thing: int, t_s: float) -> bool:
        window = int(t_s // BLIND_S)
        return bool(np.random.default_rng([self.seed, thing, window, 73]).random() < BLIND)

    def _there(self, t_s: float) -> list[Hiding]:
        return [h for h in self.hidings if h.from_s <= t_s < h.to_s]


def _px(shares: Sequence[float]) -> Box:
    x1, y1, x2, y2 = (s * side for s, side in zip(shares, SIZE * 2, strict=True))
    return (x1, y1, x2, y2)


def _kind(thing: dict[str, Any]) -> int:
    return NAMES.index(thing["label"])


def _shaken(box: Box, draw: Any) -> Box:
    wide, high = box[2] - box[0], box[3] - box[1]
    x1, y1, x2, y2 = (v + JITTER * s * d for v, s, d in zip(box, (wide, high) * 2, draw, strict=False))
    return (max(0.0, x1), max(0.0, y1), x2, y2)


class NoNetwork:
    """Stands where a watcher wants a network; what it would say comes from the script."""

    names, model_name, model_sha256 = NAMES, "scripted", "0" * 64


def ours(script: Script, setting: Setting) -> tuple[int, set[int]]:
    """(candidates filed, things among them), with a restart in the middle."""
    with TemporaryDirectory() as folder:
        half = STEP_S * (script.seconds / 2 // STEP_S)
        _watch(script, setting, Path(folder), 0.0, half)
        return _watch(script, setting, Path(folder), half + DOWN_S, script.seconds)


def _watch(script: Script, setting: Setting, folder: Path, from_s: float, to_s: float) -> tuple[int, set[int]]:
    outbox = Outbox(folder / "bench.db", "bench")
    evidence = EvidenceMaker(NoPictures(), Sealed(folder / "originals", 10**9))  # type: ignore[arg-type]
    link = Link(outbox, Broker(port=1), "kiosk", handlers={})
    tools = Tools(link, KioskStore(outbox), NoNetwork(), evidence, setting.rules, folder)  # type: ignore[arg-type]
    watcher = Watcher(camera_of(script.clip), tools, STAYS_GONE_S, gate=setting.gate)
    for number in range(int((to_s - from_s) // STEP_S)):
        t = from_s + number * STEP_S
        shot = Shot(script.picture(t), START + timedelta(seconds=t), t, number)
        plan, fault = watcher.plan(shot)
        nothing = Detections.empty(NAMES)
        watcher.settle(shot, plan, fault, nothing if plan.idle else script.seen(t, plan.regions))
        watcher.finish(10.0)
    watcher.flush(10.0)
    filed = [c.box for c in candidates(outbox)]
    tools.desk.close()
    outbox.close()
    return len(filed), {_nearest(script, box) for box in filed}


def _nearest(script: Script, box: Box) -> int:
    return int(np.argmax([covered(box, other) + covered(other, box) for other in script.boxes]))


def tracked(script: Script, setting: Setting, restart: bool) -> int:
    """Candidates of supervision's ByteTrack, tuned, with a timer a track. Raises NotInstalled."""
    try:
        import supervision as sv
    except ImportError as error:
        raise NotInstalled("supervision is not installed; do: pip install 'zhuomu[bench]'") from error
    told = Told([])
    half = script.seconds / 2 if restart else script.seconds
    for from_s, to_s in ((0.0, half), (half + DOWN_S, script.seconds)):
        tracker, timers = tuned_tracker(sv, FPS_B), Timers(script.clip, setting, told)
        for tick in range(int(from_s * FPS_B), int(to_s * FPS_B)):
            found = script.seen(tick / FPS_B)
            boxes = sv.Detections(found.boxes, confidence=found.scores, class_id=found.class_ids.astype(int))
            seen = tracker.update_with_detections(boxes)
            names = [NAMES[int(c)] for c in seen.class_id]
            timers.add(tick / FPS_B, zip(seen.tracker_id, names, seen.confidence, seen.xyxy, strict=True))
    return len(told.incidents)


def stays(seed: int, minutes: float, setting: Setting) -> dict[str, Any]:
    """Events per thing of ours and of the tuned tracker."""
    script = Script(seed, 60.0 * minutes)
    count, hits = len(script.things), ours(script, setting)
    told: dict[str, Any] = {"minutes": minutes, "things": count, "occlusions": len(script.hidings)}
    told["longest_occlusion_s"] = round(max((h.to_s - h.from_s for h in script.hidings), default=0.0), 1)
    told["ours_restarted"] = {"events_per_real": round(hits[0] / count, 4), "found": len(hits[1])}
    for name, restart in (("byte_track", False), ("byte_track_restarted", True)):
        try:
            told[name] = {"events_per_real": round(tracked(script, setting, restart) / count, 4)}
        except NotInstalled as error:
            told[name] = {"not_run": str(error)}
    return told
