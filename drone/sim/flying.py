"""One simulated flight with eyes: autopilot, copter, camera and seeing on one virtual clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from detectors.types import Image
from drone.aloft import EYES_OPEN
from drone.autopilot.flight import Flight, Options
from drone.autopilot.live import Live
from drone.autopilot.prepare import Plan
from drone.autopilot.types import Event, Refusal
from drone.autopilot.wire import Message
from drone.georef.errors import Sigmas
from drone.georef.locate import Locator
from drone.seeing.eye import Eye, Outcome
from drone.seeing.second import Chooser
from drone.seeing.waiting import Frame, Waiting
from drone.sim.line import Weather, World
from drone.sim.vehicle import SimCopter
from drone.sim.world import LENS
from edge.sim.scene import Seen

FLIGHT_S_MAX = 900.0
FAIR = Weather(delay=(0.01, 0.05))


@dataclass(frozen=True)
class Video:
    """every_s: between frames; late_s: how late they really come; lag_s and lag_sigma_s: what is believed of that.
    Nobody has measured it: a quarter of a second, give or take as much."""

    every_s: float = 1.0
    late_s: float = 0.1
    lag_s: float = 0.25
    lag_sigma_s: float = 0.25


class Scenery(Protocol):
    """What lies below the copter: the sample street, or something that is drawn faster."""

    def picture(self, copter: SimCopter) -> tuple[Image, list[Seen]]:
        """What the copter's camera shows now, from where it truly is (the lens is LENS), and the truth about it."""
        ...


class Flying:
    """An End of `World`. second: who may order second looks, None: nobody. report: called with every outcome."""

    def __init__(
        self,
        plan: Plan,
        copter: SimCopter,
        street: Scenery,
        eye: Eye,
        start: datetime,
        *,
        video: Video = Video(),
        weather: Weather = FAIR,
        second: Chooser | None = None,
        report: Callable[[Outcome], None] = lambda _outcome: None,
        seed: int = 0,
    ) -> None:
        self.flight = Flight(plan, Options())
        self.events: list[Event] = []
        self.live = Live(self._system, lambda: self.flight.timesync.clock)
        self.eye, self.start, self.video = eye, start, video
        self.world = World(self, copter, weather, seed)
        self.frames = 0
        self._copter, self._street, self._second, self._report = copter, street, second, report
        self._sigmas = Sigmas(time_s=max(video.lag_sigma_s, Sigmas().time_s))
        self._waiting = Waiting(eye.counts, ahead_s=2 * self._sigmas.time_s)
        self._late: list[tuple[float, Frame]] = []
        self._next_s = 0.0

    def run(self) -> bool | Refusal:
        """Fly to the end; then what is still open is answered and stored."""
        self.world.run(lambda: self.flight.outcome is not None, FLIGHT_S_MAX)
        self.eye.landed(self.utc(self.world.now_s))
        return self.flight.outcome if self.flight.outcome is not None else self.flight.left_unacknowledged()

    def utc(self, now_s: float) -> datetime:
        """The virtual clock in UTC."""
        return self.start + timedelta(seconds=now_s)

    def tick(self, now_s: float) -> list[Message]:
        """One step of the ground station, then of the camera."""
        out = self.flight.tick(now_s)
        self.events += self.flight.events()
        self._expose(now_s)
        self._arrive(now_s)
        return out

    def receive(self, message: Message, now_s: float) -> list[Message]:
        """A message from the vehicle."""
        self.live(message, now_s)
        return self.flight.receive(message, now_s)

    def _expose(self, now_s: float) -> None:
        air = self.flight.air
        if air is None or air.phase not in EYES_OPEN or now_s < self._next_s or not self._copter.armed:
            return
        self._next_s = now_s + self.video.every_s
        image, _ = self._street.picture(self._copter)
        taken_s = now_s + self.video.late_s - self.video.lag_s  # as one believes who sees it arrive
        self._late.append((now_s + self.video.late_s, Frame(image, taken_s, self.utc(taken_s))))
        self.frames += 1

    def _arrive(self, now_s: float) -> None:
        for at_s, frame in self._late:
            if at_s <= now_s:
                self._waiting.put(frame)
        self._late = [(at_s, frame) for at_s, frame in self._late if at_s > now_s]
        for frame, vehicle_s in self._waiting.ready(self.live, now_s):
            outcome = self.eye.take(frame.image, vehicle_s, frame.at, self._locator())
            self._look_again(outcome, now_s)
            self._report(outcome)

    def _locator(self) -> Locator:
        return Locator(self.live.buffer, LENS, sigmas=self._sigmas)

    def _look_again(self, outcome: Outcome, now_s: float) -> None:
        if self._second is None or not outcome.doubtful:
            return
        things = [thing for thing, _ in outcome.doubtful]
        found = self._second.choose(things, self.flight.vehicle.state)
        if found is not None and self.flight.look(found[1], now_s):
            self._second.spend(found[0])

    def _system(self) -> int | None:
        address = self.flight.vehicle.address
        return address.system if address is not None else None
