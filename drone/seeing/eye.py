"""The whole way of one frame from a flying camera: can it see, what does it see, where does that stand, what is due."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import structlog

from detectors import Detections
from detectors.types import Image
from detectors.view import check_view
from drone.georef.errors import change_of
from drone.georef.locate import Locator, foot
from drone.georef.refusal import NotPlaced
from drone.georef.ties import Look
from drone.replay import HEIGHT_ERROR_SHARE, PIXEL_ERROR
from drone.seeing.checking import Checking
from drone.seeing.filing import Filing
from drone.seeing.inflight import InFlight
from drone.seeing.memory import Change
from drone.seeing.sizes import SIZES
from drone.seeing.things import Placed, Thing
from drone.seeing.tools import Seen, Tools
from drone.seeing.view import FrameView
from drone.telemetry.buffer import Buffer
from edge.watch.boxes import BLOCKERS, CASE_CLASS, Box, covered
from edge.watch.places import Sighting, one_each
from edge.watch.rules import Decision

SIGHTING_SCORE_MIN = 0.25
BORDER_PX = 3.0  # a box that ends so near the picture's edge is cut, and where it stands is not in the picture
BORDER_SHARE = 0.06  # of the picture: things whose place lies so near the edge are not missed there
COVERED_MAX = 0.3
SAVE_EVERY_S = 2.0
LEFT_S = 1.5  # not seen for so long: it has left the picture, or the network has lost it

log = structlog.get_logger()


@dataclass
class Outcome:
    """What one frame gave. doubtful: things that have left the picture and that a rule would want if they were seen
    better, with the rule's words: as long as a flight still looks at a thing, it may become sure by itself."""

    change: Change = field(default_factory=Change)
    cells: int = 0
    doubtful: list[tuple[Thing, str]] = field(default_factory=list)
    refused: str = ""


class Eye:
    """Runs on one thread. era: under which set of lasting errors frames are taken (`drone.seeing.things`); flight: the
    name under which the ledger keeps this flight's looks; aimed: ids of the checks that it is sent for."""

    def __init__(self, tools: Tools, flight: str, era: str, aimed: Collection[str] = ()) -> None:
        self.aimed = aimed
        self._tools = tools
        self._flight, self._era = flight, era
        self.filing = Filing(tools)
        self.checking = Checking(tools)
        self.inflight = InFlight(tools.counts)
        self.reasons: Counter[str] = Counter()
        self._buffer: Buffer | None = None
        self._saved_s = 0.0
        self._doubts: dict[str, str] = {}

    @property
    def counts(self) -> Counter[str]:
        """Everything that was dropped, refused or done, by name."""
        return self._tools.counts

    def take(self, image: Image, at_s: float, at: datetime, locator: Locator) -> Outcome:
        """One frame (H, W, 3), taken at `at_s` on the telemetry's clock and `at` in UTC.

        A frame whose pose nobody knows places nothing and is counted; one that shows nothing is no look at anything."""
        tools = self._tools
        tools.counts["frames"] += 1
        if self._buffer is not None and locator.buffer is not self._buffer:  # the vehicle has rebooted
            before = self.inflight.correction
            self.inflight.restart()
            tools.memory.rebase(self._era, *change_of(before, self.inflight.correction, locator.sigmas))
        self._buffer = locator.buffer
        locator = replace(locator, correction=self.inflight.correction)
        try:
            view = FrameView.of(locator, at_s)
        except NotPlaced as refusal:
            return self._refuse(refusal.reason)
        quality = check_view(image)
        found = tools.detector.detect(image) if quality.ok else Detections.empty(tools.detector.names)
        sightings, blockers = _sort(found)
        placed = [] if not quality.ok else self._placed(sightings, at_s, locator)
        seen = Seen(image, at, view, found, placed, blockers, quality.text)
        outcome = Outcome(refused="" if quality.ok else quality.reasons[0].fault)
        if quality.ok:
            outcome.change = tools.memory.update(placed, at, self._era, lambda things: _shown(things, seen))
            seen = replace(seen, known=outcome.change.placed)
            outcome.cells = tools.ledger.see(view, seen.at_us, self._flight, 1.0 - quality.blur, blockers)
            self._learn(outcome.change, image, at_s, locator)
            self._judge(outcome.change, seen)
            outcome.doubtful = self._left(at)
        else:
            self.reasons[outcome.refused] += 1
        self.checking.take(seen)
        self._keep(outcome.change, at.timestamp())
        return outcome

    def finish(self, wait_s: float = 0.0) -> None:
        """Send what was waiting for its pictures."""
        self.filing.finish(wait_s)
        self.checking.finish(wait_s)

    def landed(self, at: datetime, wait_s: float = 30.0) -> None:
        """The flight is over: answer what is open, store everything."""
        self.checking.landed(at, self.aimed)
        self.finish(wait_s)
        self._tools.store.save(list(self._tools.memory.things.values()))
        self._tools.ledger.flush()

    def _learn(self, change: Change, image: Image, at_s: float, locator: Locator) -> None:
        """From what the memory knows again and from the ground itself; all that this flight has seen moves with it."""
        before = self.inflight.correction
        looks = [_look(thing_id, placed, locator) for thing_id, placed in change.placed.items()]
        found = self.inflight.take(image, at_s, locator, looks)
        if found is not None:
            self._tools.memory.rebase(self._era, *change_of(before, found, locator.sigmas))

    def _refuse(self, reason: str) -> Outcome:
        self.reasons[reason] += 1
        self._tools.counts["frames_refused"] += 1
        return Outcome(refused=reason)

    def _placed(self, sightings: list[Sighting], at_s: float, locator: Locator) -> list[Placed]:
        placed = list[Placed]()
        for sighting in one_each(s for s in sightings if s.score >= SIGHTING_SCORE_MIN):
            if _cut(sighting.box, locator):
                continue
            try:
                placed.append(sense(locator, sighting, at_s))
            except NotPlaced as refusal:
                self.reasons[refusal.reason] += 1
                self._tools.counts["sightings_refused"] += 1
        return placed

    def _judge(self, change: Change, seen: Seen) -> None:
        for thing in change.seen:
            self._doubts.pop(thing.thing_id, None)
        for thing in change.due:
            decision = self.filing.consider(thing, seen, change.placed[thing.thing_id].box)
            if _doubtful(thing, decision):
                self._doubts[thing.thing_id] = decision.why

    def _left(self, at: datetime) -> list[tuple[Thing, str]]:
        known = self._tools.memory.things
        self._doubts = {i: why for i, why in self._doubts.items() if i in known}
        pairs = [(known[i], why) for i, why in self._doubts.items()]
        return [(thing, why) for thing, why in pairs if (at - thing.last_seen).total_seconds() >= LEFT_S]

    def _keep(self, change: Change, now_s: float) -> None:
        """A disk that fails costs memory over a restart, never the flight: what is unsaved is tried again."""
        store = self._tools.store
        try:
            store.save(change.gone)
            store.forget(change.forgotten)
            self.finish()
            if now_s - self._saved_s >= SAVE_EVERY_S:
                store.save(list(self._tools.memory.things.values()))
                self._tools.ledger.flush()
                self._saved_s = now_s
        except sqlite3.Error as error:
            self._tools.counts["not_stored"] += 1
            log.error("drone.not_stored", reason=str(error))


def sense(locator: Locator, sighting: Sighting, at_s: float) -> Placed:
    """A sighting on the ground. Raises NotPlaced."""
    x1, y1, x2, y2 = sighting.box
    sigma = PIXEL_ERROR + HEIGHT_ERROR_SHARE * (y2 - y1)
    width, height = locator.camera.width - 1, locator.camera.height - 1
    below = locator.locate(at_s, min(max((x1 + x2) / 2, 0), width), min(max(y2, 0), height), sigma)
    x, y = foot(sighting.box, below.depression_deg)
    sensed = locator.sense(at_s, min(max(x, 0), width), min(max(y, 0), height), sigma)
    return Placed(sighting.case_class, sighting.label, sighting.score, sighting.box, sensed)


def _look(thing_id: str, placed: Placed, locator: Locator) -> Look:
    """A known thing as a tie point: the pixel where it stands, as sure as `sense` takes it."""
    x, y = foot(placed.box, placed.sensed.located.depression_deg)
    width, height = locator.camera.width - 1, locator.camera.height - 1
    sigma = PIXEL_ERROR + HEIGHT_ERROR_SHARE * (placed.box[3] - placed.box[1])
    return Look(thing_id, min(max(x, 0), width), min(max(y, 0), height), sigma)


def _sort(found: Detections) -> tuple[list[Sighting], list[Box]]:
    sightings = [Sighting(CASE_CLASS[d.name], d.name, d.score, d.box) for d in found if d.name in CASE_CLASS]
    blockers = [d.box for d in found if d.name in BLOCKERS and d.score >= SIGHTING_SCORE_MIN]
    return sightings, blockers


def _cut(box: Box, locator: Locator) -> bool:
    x1, y1, x2, y2 = box
    width, height = locator.camera.width - 1, locator.camera.height - 1
    return x1 <= BORDER_PX or y1 <= BORDER_PX or x2 >= width - BORDER_PX or y2 >= height - BORDER_PX


def _shown(things: Sequence[Thing], seen: Seen) -> list[bool]:
    """Whether each thing would have been found: well inside the picture, finely enough, nobody before it."""
    if not things:
        return []
    here = np.array([(t.lat0, t.lon0) for t in things])
    border = BORDER_SHARE * min(seen.image.shape[:2])
    rough = seen.view.show(here[:, 0], here[:, 1])
    shown = [False] * len(things)
    for number in np.flatnonzero(rough.inside).tolist():
        thing = things[number]
        spot = thing.estimate()
        one = seen.view.show(np.array([spot.lat]), np.array([spot.lon]), border)
        size = SIZES[thing.case_class]
        half = 50 * size.across_m / max(float(one.cm_px[0]), 1e-6)
        x, y = one.pixel[0].tolist()
        box = (x - half, y - 2 * half, x + half, y + half)
        hidden = any(covered(box, by) > COVERED_MAX for by in seen.blockers)
        shown[number] = bool(one.inside[0]) and float(one.cm_px[0]) <= size.cm_px_max and not hidden
    return shown


def _doubtful(thing: Thing, decision: Decision) -> bool:
    """A rule is there for it, and what the rule misses is certainty, not time: another look may help."""
    rule = decision.rule
    if decision.file or rule is None or thing.state != "watching":
        return False
    return thing.score < rule.score_min or thing.presence < rule.presence_min or thing.hits < rule.sightings_min
