"""A line in virtual time between a flight and a simulated vehicle: seeded loss, doubling, delay, reordering, cuts.

Messages go as bytes through codecs on both ends, so headers, numbers and packing are real."""

import heapq
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from drone.autopilot.types import GROUND
from drone.autopilot.wire import Codec, Message
from drone.sim.vehicle import OWN, SimCopter

TICK_S = 0.1


class End(Protocol):
    """What sits at the ground's end: a flight, or one of its machines."""

    def tick(self, now_s: float) -> list[Message]: ...

    def receive(self, message: Message, now_s: float) -> list[Message]: ...


@dataclass(frozen=True)
class Weather:
    """loss, double: shares of packets; delay: seconds, drawn evenly, so that packets overtake each other."""

    loss: float = 0.0
    double: float = 0.0
    delay: tuple[float, float] = (0.0, 0.0)
    cut: tuple[float, float] = (0.0, 0.0)  # from, to: nothing goes through


class World:
    """Runs both ends. `run` until a condition holds or the virtual time is over."""

    def __init__(self, end: End, copter: SimCopter, weather: Weather = Weather(), seed: int = 0) -> None:
        self.end, self.copter, self.weather = end, copter, weather
        self.now_s = 0.0
        self.ground_sent: list[tuple[float, Message]] = []
        self._rng = random.Random(seed)
        self._ground, self._air = Codec(GROUND), Codec(OWN)
        self._flying: list[tuple[float, int, bool, bytes]] = []
        self._count = 0

    def run(self, until: Callable[[], object], limit_s: float) -> bool:
        """True when the condition came."""
        end_s = self.now_s + limit_s
        while not until():
            if self.now_s > end_s:
                return False
            self.step()
        return True

    def wait(self, seconds: float) -> None:
        """So much virtual time."""
        self.run(lambda: False, seconds)

    def step(self) -> None:
        """One tick of both ends."""
        self.now_s = round(self.now_s + TICK_S, 6)
        while self._flying and self._flying[0][0] <= self.now_s:
            _, _, upward, data = heapq.heappop(self._flying)
            self._arrive(upward, data)
        self._send(True, self.end.tick(self.now_s))
        self._send(False, self.copter.tick(self.now_s))

    def _arrive(self, upward: bool, data: bytes) -> None:
        if upward:
            for message in self._air.decode(data):
                self._send(False, self.copter.receive(message, self.now_s))
        else:
            for message in self._ground.decode(data):
                self._send(True, self.end.receive(message, self.now_s))

    def _send(self, upward: bool, messages: Iterable[Message]) -> None:
        for message in messages:
            data = (self._ground if upward else self._air).encode(message)
            if upward:
                self.ground_sent.append((self.now_s, message))
            for _ in range(2 if self._rng.random() < self.weather.double else 1):
                self._throw(upward, data)

    def _throw(self, upward: bool, data: bytes) -> None:
        start_s, end_s = self.weather.cut
        if self._rng.random() < self.weather.loss or start_s <= self.now_s < end_s:
            return
        self._count += 1
        arrives_s = self.now_s + self._rng.uniform(*self.weather.delay)
        heapq.heappush(self._flying, (arrives_s, self._count, upward, data))
