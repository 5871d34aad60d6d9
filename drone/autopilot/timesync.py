"""The vehicle's clock against ours by TIMESYNC: offset, round trip, and how much to believe it. Pure machine.

Source: https://mavlink.io/en/services/timesync.html. ArduPilot's clock is the time since it started.
"""

from collections import deque
from dataclasses import dataclass
from statistics import median

from drone.autopilot.wire import Message, mav

PERIOD_S = 1.0
SAMPLES_MAX = 30
PENDING_MAX = 8
# Of the last samples those count whose round trip is near the best one: delay that is not the same both ways shows as
# a longer round trip, and half of the excess is the most that it can bend the offset.
NEAR_BEST = 1.5


@dataclass(frozen=True)
class Clock:
    """vehicle time = our time + offset_s. The error of the offset is at most half the round trip."""

    offset_s: float
    round_trip_s: float
    samples: int


class TimeSync:
    """Asks once a second, answers the vehicle's own questions."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int]] = deque(maxlen=SAMPLES_MAX)  # (round trip ns, offset ns)
        self._pending: deque[int] = deque(maxlen=PENDING_MAX)
        self._next_s = 0.0

    def reset(self) -> None:
        """The vehicle has started anew: its clock too."""
        self._samples.clear()
        self._pending.clear()

    @property
    def clock(self) -> Clock | None:
        """The estimate, None before the first answer."""
        if not self._samples:
            return None
        best = min(trip for trip, _ in self._samples)
        near = [offset for trip, offset in self._samples if trip <= best * NEAR_BEST]
        return Clock(median(near) / 1e9, best / 1e9, len(self._samples))

    def tick(self, now_s: float) -> list[Message]:
        """The next question when it is due."""
        if now_s < self._next_s:
            return []
        self._next_s = now_s + PERIOD_S
        # 0 has a meaning of its own in both fields.
        sent_ns = max(1, round(now_s * 1e9))
        self._pending.append(sent_ns)
        return [mav.MAVLink_timesync_message(0, sent_ns)]

    def receive(self, message: Message, now_s: float) -> list[Message]:
        """An answer to one of our questions, or a question."""
        if message.get_type() != "TIMESYNC":
            return []
        now_ns = max(1, round(now_s * 1e9))
        if message.tc1 == 0:
            return [mav.MAVLink_timesync_message(now_ns, message.ts1)]
        if message.ts1 in self._pending:
            self._pending.remove(message.ts1)
            self._samples.append((now_ns - message.ts1, message.tc1 - (message.ts1 + now_ns) // 2))
        return []
