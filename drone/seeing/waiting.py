"""Frames that wait until the telemetry of their moment is here: pictures and telemetry come by different ways."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from detectors.types import Image
from drone.georef.pose import MOTION_STEP_S

WAITING_MAX = 8  # of 2.8 MB at 1280x720
PATIENCE_S = 3.0


class Clocked(Protocol):
    """Telemetry that knows how far it is and how our clock lies on its own."""

    def vehicle_s(self, now_s: float) -> float | None:
        """A moment of our clock on the vehicle's."""
        ...

    def known_until_s(self) -> float:
        """Up to here it is known."""
        ...


@dataclass(frozen=True, eq=False)
class Frame:
    """taken_s: when it was exposed as far as we know, on our monotonic clock; at: the same in UTC."""

    image: Image
    taken_s: float
    at: datetime


class Waiting:
    """A bounded queue. Counts: `frames_dropped` (too many waited: the oldest), `frames_given_up` (no telemetry)."""

    def __init__(self, counts: Counter[str], waiting_max: int = WAITING_MAX, ahead_s: float = MOTION_STEP_S) -> None:
        """ahead_s: so far past its moment telemetry must be known: as far as its clock may be wrong."""
        self._ahead_s = max(ahead_s, MOTION_STEP_S)
        self._frames = deque[Frame]()
        self._counts = counts
        self._max = waiting_max

    def put(self, frame: Frame) -> None:
        """One more."""
        if len(self._frames) >= self._max:
            self._frames.popleft()
            self._counts["frames_dropped"] += 1
        self._frames.append(frame)

    def ready(self, telemetry: Clocked, now_s: float) -> list[tuple[Frame, float]]:
        """Frames whose moment is known on both sides, each with that moment on the vehicle's clock."""
        out, rest = list[tuple[Frame, float]](), deque[Frame]()
        for frame in self._frames:
            at_s = telemetry.vehicle_s(frame.taken_s)
            if at_s is not None and telemetry.known_until_s() >= at_s + self._ahead_s:
                out.append((frame, at_s))
            elif now_s - frame.taken_s > PATIENCE_S:
                self._counts["frames_given_up"] += 1
            else:
                rest.append(frame)
        self._frames = rest
        return out
