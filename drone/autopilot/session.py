"""The loop: line and machine together. One thread does everything, so what stops it stops the heartbeat too, and the
vehicle's own failsafe (FS_GCS_ENABLE) brings it home."""

import time
from collections.abc import Callable
from typing import Protocol

from drone.autopilot.flight import Flight
from drone.autopilot.link import Link
from drone.autopilot.types import Event, Refusal
from drone.autopilot.wire import Message

TICK_S = 0.05


class Listener(Protocol):
    """Whoever wants every message of the vehicle, with the loop's time: telemetry, a log."""

    def __call__(self, message: Message, now_s: float) -> None:
        """Must be quick: the heartbeat waits for it."""


class Session:
    """Runs one flight on one line. clock: monotonic seconds."""

    def __init__(
        self,
        flight: Flight,
        link: Link,
        *,
        on_event: Callable[[Event], None],
        listeners: tuple[Listener, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.flight = flight
        self._link = link
        self._on_event = on_event
        self._listeners = listeners
        self._clock = clock

    def step(self, now_s: float) -> None:
        """Read, think, send: once. Never waits."""
        out: list[Message] = []
        for message in self._link.poll(now_s):
            for listener in self._listeners:
                listener(message, now_s)
            out += self.flight.receive(message, now_s)
        out += self.flight.tick(now_s)
        self._link.send(out)
        for event in self.flight.events():
            self._on_event(event)

    def run(self, stops: Callable[[], int]) -> bool | Refusal:
        """Until the flight has ended. stops: how often the operator has asked to stop; at the first the vehicle is sent
        home and the heartbeat goes on until it has acknowledged, at the second the loop is left at once."""
        stopped = False
        while self.flight.outcome is None and stops() < 2:
            if stops() and not stopped:
                stopped = True
                self.flight.stop(self._clock())
            self.step(self._clock())
            self._link.wait(TICK_S)
        if self.flight.outcome is None:
            self.flight.stop(self._clock())
            self.step(self._clock())
        return self.flight.outcome if self.flight.outcome is not None else self.flight.left_unacknowledged()
