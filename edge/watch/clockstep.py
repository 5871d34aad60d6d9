"""The wall clock may be set while a kiosk watches: by how much, so that no dwell is measured across it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

STEP_S = 2.0  # a smaller difference between two frames is slewing, or the time between two readings
NO_STEP = timedelta(0)


def wall_now() -> datetime:
    """The device's clock, UTC."""
    return datetime.now(UTC)


Wall = Callable[[], datetime]


class ClockSteps:
    """Compares wall and monotonic time of one camera's frames. `known_s`: wall less monotonic seconds as a process
    before this one had it since the same boot; a step in between is then told with the first frame."""

    def __init__(self, known_s: float | None = None) -> None:
        self._ahead_s = known_s
        self.steps = 0

    @property
    def ahead_s(self) -> float | None:
        """Wall (seconds since 1970) less monotonic time of the last frame; None before the first."""
        return self._ahead_s

    def step(self, at: datetime, mono_s: float) -> timedelta:
        """By how much the wall clock was moved since the last frame; zero when it was not."""
        last_s, self._ahead_s = self._ahead_s, at.timestamp() - mono_s
        moved_s = 0.0 if last_s is None else self._ahead_s - last_s
        if abs(moved_s) < STEP_S:
            return NO_STEP
        self.steps += 1
        return timedelta(seconds=moved_s)
