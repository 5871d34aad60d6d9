"""A camera's own times on the device's monotonic clock: they may jump, stand still or be missing."""

JUMP_S = 2.0  # a stream that is further off than this was re-timed, or the network stood still
FOLLOW = 0.01  # share of a picture's delay by which the believed delay follows: clocks drift, the network's does not


class Steady:
    """Where each picture belongs in monotonic time. The least delay seen is taken for the true one, so pictures that
    arrive in a burst after a stall keep their distances. Never in the future, never backwards."""

    def __init__(self) -> None:
        self._offset_s: float | None = None
        self._last_s = float("-inf")
        self.jumps = 0

    def place(self, media_s: float, now_s: float) -> float:
        """Monotonic seconds of a picture with the stream's own time `media_s` that arrives `now_s`."""
        gap_s = now_s - media_s - (self._offset_s if self._offset_s is not None else now_s - media_s)
        if self._offset_s is None or abs(gap_s) > JUMP_S:
            self.jumps += self._offset_s is not None
            self._offset_s = now_s - media_s
        else:
            self._offset_s += gap_s if gap_s < 0 else FOLLOW * gap_s
        self._last_s = min(now_s, max(self._last_s, media_s + self._offset_s))
        return self._last_s
