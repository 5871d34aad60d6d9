"""Virtual time and a network that loses, doubles, delays and reorders what it carries."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass


class Clock:
    """Events in their order; equal times in the order in which they were asked for."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._n = 0

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        """Do something later."""
        self._n += 1
        heapq.heappush(self._events, (self.now_s + seconds, self._n, what))

    def run(self, until_s: float) -> None:
        """Everything up to a time."""
        while self._events and self._events[0][0] <= until_s:
            self.now_s, _, what = heapq.heappop(self._events)
            what()
        self.now_s = until_s


@dataclass
class Network:
    """`fair`: nothing more is lost, doubled or late."""

    clock: Clock
    rng: random.Random
    loss: float
    twice: float
    delay_s: float
    fair: bool = False

    def carry(self, deliver: Callable[[], None]) -> None:
        """Deliver once, twice or never."""
        if self.fair:
            self.clock.after(0.01, deliver)
            return
        if self.rng.random() < self.loss:
            return
        for _ in range(2 if self.rng.random() < self.twice else 1):
            self.clock.after(self.rng.random() ** 3 * self.delay_s, deliver)
