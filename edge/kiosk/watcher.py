"""One camera's way from frame to candidate: can it see, what does it see, what stays, what is due, what was asked."""

import hashlib
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import structlog

from detectors import Detections
from edge.kiosk.checking import Checking
from edge.kiosk.config import CameraSettings
from edge.kiosk.filing import Filing
from edge.kiosk.gating import GateSettings
from edge.kiosk.tools import Tools
from edge.watch.before import BeforePictures
from edge.watch.boxes import BLOCKERS, CASE_CLASS
from edge.watch.camera import Shot
from edge.watch.clockstep import NO_STEP, ClockSteps
from edge.watch.evidence import write_whole
from edge.watch.lookout import Lookout, Plan
from edge.watch.places import Habits, PlaceMemory, Sighting
from edge.watch.rivals import Blocker, standing
from edge.watch.source import Source
from edge.watch.view import CHECK_EVERY_S, ViewWatch, pack, unpack
from edge.wire import Verify

SIGHTING_SCORE_MIN = 0.25
SAVE_EVERY_S = 2.0
ASK_EVERY_S = 10.0  # with the gate on: between looks at the whole picture for one spot that the rules would file

log = structlog.get_logger()


class Watcher:
    """State of one camera. `take` is called with each shot that is due; it runs on the kiosk's one detection thread.

    `new_view`: forget how this camera's view looked and learn it anew.
    """

    def __init__(
        self,
        camera: CameraSettings,
        tools: Tools,
        gone_s: float,
        new_view: bool = False,
        gate: GateSettings | None = None,
    ) -> None:
        self.camera = camera
        self._tools = tools
        self._lookout = Lookout(gate.care()) if gate else None
        self._view = _view(camera, tools, new_view, gate.view_s if gate else CHECK_EVERY_S)
        habits = gate.habits(gone_s) if gate else Habits(gone_s=gone_s)
        self._memory = PlaceMemory(camera.name, habits, tools.store.spots(camera.name))
        self._clock = ClockSteps(tools.store.ahead_s())
        self._before = BeforePictures()
        self._filing = Filing(camera, tools, self._view, self._before)
        self._checking = Checking(camera.name, tools, self._memory, self._view)
        self._saved_s = 0.0
        self._asked_s: dict[str, float] = {}
        self._told = ""

    @property
    def postponed(self) -> int:
        """Messages that the outbox did not take at once."""
        return self._filing.postponed + self._checking.postponed

    def ask(self, request: Verify) -> None:
        """Begin a check, once."""
        self._checking.ask(request)

    def take(self, shot: Shot) -> None:
        """One frame through the whole chain. While the view shows nothing, the place memory rests: what cannot be seen
        has not gone, and nothing new is believed."""
        self._follow_clock(shot)
        fault = self._view.fault(shot.image, shot.mono_s)
        self._tell(fault)
        self.settle(shot, Plan(), fault, self._tools.detector.detect(shot.image))

    def plan(self, shot: Shot) -> tuple[Plan, str]:
        """With the gate on: what of this frame the network should see, and what is wrong with the view. Then `settle`.
        The frame's colours are not worked out where grey tells enough."""
        if self._lookout is None:
            raise ValueError("this camera has no gate; call take")
        self._follow_clock(shot)
        checked = self._checking.due(shot.mono_s)
        whole = checked or self._nearly_due(shot)
        plan = self._lookout.plan(shot.luma, self._memory.spots, shot.mono_s, whole)
        look = plan.upset or self._view.due(shot.mono_s)
        fault = self._view.fault(shot.image, shot.mono_s, now=plan.upset) if look else self._view.text
        self._tell(fault)
        return (Plan(whole=checked) if fault else plan), fault

    def _nearly_due(self, shot: Shot) -> bool:
        """Whether a spot only waits for a look at the whole picture; one that such a look did not find is not asked
        about again for a while."""
        near = [spot.spot_id for spot in standing(self._memory.spots) if self._filing.would(spot, shot.at)]
        new = [i for i in near if shot.mono_s - self._asked_s.get(i, float("-inf")) >= ASK_EVERY_S]
        self._asked_s = {i: shot.mono_s if i in new else self._asked_s[i] for i in near}
        return bool(new)

    def settle(self, shot: Shot, plan: Plan, fault: str, found: Detections) -> None:
        """What the network found where it looked."""
        sightings, blockers = _sort(found)
        if self._tools.saw is not None and (plan.whole or len(found)):
            self._tools.saw(self.camera.name, shot, found, plan.whole)
        if not fault:
            self._remember([s for s in sightings if s.score >= SIGHTING_SCORE_MIN], blockers, shot, found, plan)
        if plan.whole:
            self._checking.look(shot, sightings, [b.box for b in blockers], found)
        self.finish()
        self._save(shot.mono_s)

    def finish(self, wait_s: float = 0.0) -> None:
        """Send what was waiting for its pictures; `wait_s`: how long to wait for those under way."""
        until = time.monotonic() + wait_s
        self._filing.finish(wait_s)
        self._checking.finish(max(0.0, until - time.monotonic()) if wait_s else 0.0)
        if self._tools.hard is not None:
            self._tools.hard.finish(max(0.0, until - time.monotonic()) if wait_s else 0.0)

    def expire(self, mono_s: float) -> None:
        """Answer checks for which the camera has given no picture in time, and send what is ready."""
        self._checking.expire(mono_s)
        self.finish()

    def flush(self, wait_s: float = 0.0) -> None:
        """Store all spots before the process ends. What has its pictures within `wait_s` is sent; the rest is still
        "watching" or open in the store, and due again after the restart."""
        self.finish(wait_s)
        self._tools.store.keep(self._memory.spots, ahead_s=self._clock.ahead_s)
        self._tools.sightings.flush()

    def health(self) -> dict[str, float | str]:
        """What the operator should know about this camera's view."""
        looks = {f"looks_{what}": float(count) for what, count in self._lookout.counts.items()} if self._lookout else {}
        steps = {"wall_clock_steps": float(self._clock.steps)} if self._clock.steps else {}
        return {**self._view.health(), **looks, **steps}

    def _remember(
        self, sure: list[Sighting], blockers: list[Blocker], shot: Shot, found: Detections, plan: Plan
    ) -> None:
        height, width = shot.size
        looked = None if plan.whole else plan.sees
        change = self._memory.update(
            sure, blockers, shot.at, shot.mono_s, (width, height), looked, plan.unchanged, plan.absent
        )
        if plan.whole:
            self._before.note(shot.image, shot.at, shot.mono_s, found, [b.box for b in blockers])
        self._before.hold(change.seen)
        for spot in change.due if plan.whole else []:
            self._filing.consider(spot, shot, found)
        for spot in [] if plan.whole else self._memory.spots:
            self._filing.read(spot, shot)
        asked = change if plan.whole else replace(change, due=[])
        self._tools.sightings.seen(self.camera.name, self.camera.zone, asked, shot, self._tools.rules)
        if self._lookout is not None and not plan.idle:
            seen, hidden = (frozenset(s.spot_id for s in some) for some in (change.seen, change.hidden))
            self._lookout.done(plan, shot.luma, self._memory.spots, seen, shot.mono_s, hidden)
        for spot in change.gone:
            log.info("place.gone", camera=self.camera.name, place=spot.spot_id, case_class=spot.case_class)
        self._filing.forget(change.forgotten + change.gone)
        self._before.forget(change.forgotten + change.gone)
        self._tools.store.keep(change.gone, change.forgotten)

    def _follow_clock(self, shot: Shot) -> None:
        """Somebody set the wall clock (a network that came back, a battery that is empty): what is remembered moves
        with it. Dwell, patience and confirmations go on as if nothing had happened; hours and days are the new clock's
        from this frame on."""
        by = self._clock.step(shot.at, shot.mono_s)
        if by == NO_STEP:
            return
        log.warning("clock.stepped", camera=self.camera.name, by_s=round(by.total_seconds(), 1))
        self._memory.shift(by)
        self._before.shift(by)
        self._tools.sightings.shift(self._memory.spots, by)
        self._tools.store.keep(self._memory.spots, ahead_s=self._clock.ahead_s)

    def _save(self, mono_s: float) -> None:
        if mono_s - self._saved_s >= SAVE_EVERY_S:
            self._saved_s = mono_s
            self._tools.store.keep(self._memory.spots, ahead_s=self._clock.ahead_s)

    def _tell(self, fault: str) -> None:
        """A line in the log when the view goes bad or comes back."""
        name = fault.split(":")[0]
        if name != self._told:
            self._told = name
            if fault:
                log.warning("view.bad", camera=self.camera.name, reason=fault)
            else:
                log.info("view.good", camera=self.camera.name)


def _view(camera: CameraSettings, tools: Tools, new_view: bool, every_s: float) -> ViewWatch:
    """A camera's known view counts for its source, zones and calibration: who draws those anew has a new view. It is
    kept beside the anchors, one file a camera, readable by the device's owner alone: it is an unredacted picture."""
    drawn = msgspec.json.encode((camera.source, camera.zone, camera.calibration))
    key = hashlib.sha256(drawn).digest()
    path = tools.anchors / f"view-{hashlib.sha256(camera.name.encode()).hexdigest()[:16]}.bin"
    body = path.read_bytes() if path.exists() and not new_view else b""
    return ViewWatch(
        live=Source(camera.source).live,
        kept=unpack(body[len(key) :]) if body.startswith(key) else None,
        keep=lambda reference: _keep_view(path, key + pack(reference), camera.name),
        every_s=every_s,
    )


def _keep_view(path: Path, body: bytes, camera: str) -> None:
    """On a disk that is full the view is learned anew after a restart."""
    try:
        write_whole(path, body)
    except OSError as error:
        log.error("view.unsaved", camera=camera, reason=str(error))


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
