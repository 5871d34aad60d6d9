"""`zhuomu drone fly --sim`: plan, fly, see, report, merge, look again, close; every step against exact truth."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from detectors.load import load_detector
from drone.autopilot.types import Refusal
from drone.autopilot.words import refusal_line
from drone.mission.second import Bounds
from drone.seeing.build import DETECT_SCORE_MIN, close, tools_of
from drone.seeing.eye import Eye
from drone.seeing.rulefile import load_rules
from drone.seeing.second import Chooser
from drone.seeing.tools import Tools
from drone.sim.centre import Centre
from drone.sim.flying import Flying, Video
from drone.sim.kiosk import KioskWitness
from drone.sim.line import Weather
from drone.sim.patrol import Flown, area_plan, revisit_plan
from drone.sim.vehicle import Settings, SimCopter
from drone.sim.world import AirStreet
from edge.link.mqtt import Broker

DEVICE = "drone-1"
AGO = timedelta(minutes=20)  # virtual flights take minutes, real ones of them seconds: they lie in the past
LATER = timedelta(minutes=8)
WAIT_S = 90.0
GPS_M, YAW_DEG = (0.9, -0.7, 0.5), 0.8  # how wrong the copter's sensors are, inside what is believed of them


class SimError(RuntimeError):
    """The simulated patrol did not come to its end; `str()` is one line."""


@dataclass
class Result:
    """What came out, for people and for the test."""

    numbers: dict[str, Any] = field(default_factory=dict)

    def put(self, **values: Any) -> None:
        """Add."""
        self.numbers |= values


class SimPatrol:
    """seed: of the street; say: a line for people as things happen."""

    def __init__(self, folder: Path, seed: int, say: Callable[[str], None]) -> None:
        self.street = AirStreet(seed)
        self.result = Result()
        self._folder, self._say = folder, say
        self._start = datetime.now(UTC) - AGO

    def run(self) -> dict[str, Any]:
        """All of it. Raises SimError, ChildFailed, PlanError and what the parts raise on a broken installation."""
        with Centre(self._folder / "centre") as centre:
            broker = Broker(port=centre.mqtt_port)
            tools = tools_of(self._folder / DEVICE, DEVICE, broker, load_rules(), self.street.zones())
            try:
                self._patrol(tools)
                # Only now: virtual flights pass faster than the centre works, and crews that "dispose" of things while
                # the drone still flies over them would be told at once that they have not.
                tools.link.start()
                self._kiosk(broker)
                self._merged(centre, tools)
                self._revisit(centre, tools)
                self.result.put(**{f"centre_{k}": v for k, v in centre.summary().items()})
            finally:
                tools.link.drain(5.0)
                self.result.put(outbox_left=tools.link.outbox.size[0], **dict(tools.counts))
                tools.link.stop()
                close(tools)
        return self.result.numbers

    def _patrol(self, tools: Tools) -> None:
        flown = area_plan(self.street, self._folder)
        chooser = Chooser(flown.second_looks(Bounds(count_max=2, hold_s=3.0)), tools.counts)
        flying = self._fly(tools, flown, self._start, "patrol-1", chooser)
        truth = {event.id: event for event in self.street.standing()}
        filed = [t for t in tools.memory.things.values() if t.state == "filed"]
        errors, held = list[float](), 0
        for thing in filed:
            spot = thing.estimate()
            east, north = self.street.street.anchor.to_local(spot.lat, spot.lon)
            near = min(truth.values(), key=lambda e: math.hypot(e.east_m - east, e.north_m - north))
            errors.append(math.hypot(near.east_m - east, near.north_m - north))
            held += spot.holds(*near.place(self.street.street.anchor))
        self.result.put(
            frames=flying.frames,
            filed=len(filed),
            error_m_max=round(max(errors, default=0.0), 2),
            ellipses_hold=held,
            seen_m2=tools.ledger.size,
            second_looks_flown=flying.flight.air.looks_done if flying.flight.air is not None else 0,
        )

    def _kiosk(self, broker: Broker) -> None:
        witness = KioskWitness(self.street.street, load_detector(min_score=DETECT_SCORE_MIN), self._folder, broker)
        sent = witness.report("stall", self._start)
        left = witness.close()
        self.result.put(kiosk_reported=sent is not None, kiosk_left=left)

    def _merged(self, centre: Centre, tools: Tools) -> None:
        filed = tools.counts["candidates"]
        self._until(lambda: centre.summary()["candidates"] >= filed + 1, "the candidates at the gateway")
        incidents = centre.incidents()
        shared = [i for i in incidents if {"kiosk-1", DEVICE} <= {w["device"] for w in i["witnesses"]}]
        self.result.put(incidents=len(incidents), merged=len(shared))
        self._say(f"立案线索 candidates {filed + 1}, 事件 incidents {len(incidents)}, 合并 merged {len(shared)}")

    def _revisit(self, centre: Centre, tools: Tools) -> None:
        """Crews say that they have disposed of things, and all but one really have; the drone looks again."""
        wanted = sum(1 for i in centre.incidents() if {w["device"] for w in i["witnesses"]} == {DEVICE})
        self._until(lambda: len(tools.store.open_checks()) >= wanted, "the checks that come to the drone")
        eye_checks = Eye(tools, "revisit-1", "revisit-1")
        waiting = [asked for asked in eye_checks.checking.waiting if asked.target is not None]
        places = {asked.request.verify_id: asked.target for asked in waiting if asked.target is not None}
        eye_checks.aimed = tuple(places)
        events = self.street.standing()
        for number, spot in enumerate(places.values()):
            east, north = self.street.street.anchor.to_local(spot.lat, spot.lon)
            near = min(events, key=lambda e: math.hypot(e.east_m - east, e.north_m - north))
            if number:  # the first is left standing
                self.street.removed |= {thing.id for thing in near.things}
        flown = revisit_plan(self.street, self._folder, places)
        self._fly(tools, flown, datetime.now(UTC), "revisit-1", None, eye_checks)
        cleared = tools.counts["verdicts_cleared"]
        self._until(lambda: centre.summary()["closed"] >= cleared, "the closing of what was cleared")

    def _fly(
        self, tools: Tools, flown: Flown, start: datetime, name: str, chooser: Chooser | None, eye: Eye | None = None
    ) -> Flying:
        settings = Settings(speed_mps=2.5, home=self.street.home_e7, gps_error_m=GPS_M, yaw_error_deg=YAW_DEG)
        flying = Flying(
            flown.items,
            SimCopter(settings),
            self.street,
            eye or Eye(tools, name, name),
            start,
            video=Video(every_s=1.0),
            weather=Weather(loss=0.02, delay=(0.01, 0.08)),
            second=chooser,
        )
        began = time.monotonic()
        outcome = flying.run()
        if isinstance(outcome, Refusal):
            raise SimError(f"{name}: {refusal_line(outcome)}")
        took = time.monotonic() - began
        self._say(f"{name}: 飞行 flown {flying.world.now_s:.0f} s, {flying.frames} 帧 frames, 用时 took {took:.0f} s")
        return flying

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            if time.monotonic() > deadline:
                raise SimError(f"waited {WAIT_S:g} s for {what}; see the logs in {self._folder / 'centre'}")
            time.sleep(0.1)
