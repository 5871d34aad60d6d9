"""Live MAVLink into the telemetry buffer, and our clock onto the vehicle's: what a recording is to replay, this is to a
flight. Times in the buffer are the vehicle's own, seconds since it was switched on."""

from __future__ import annotations

from collections.abc import Callable

from drone.autopilot.logs import GPS_FIX, TLOG
from drone.autopilot.timesync import Clock
from drone.autopilot.wire import Message
from drone.telemetry.buffer import Buffer
from drone.telemetry.sample import Fix, Telemetry

AUTOPILOT = 1  # MAV_COMP_ID_AUTOPILOT1
LIMIT = 20_000  # samples a channel: half an hour at 10 Hz
BACK_S = 5.0  # the vehicle's clock jumped back by more than a packet can be late: it has rebooted


class Live:
    """A listener of `Session`. vehicle: its system id once it is known; clock: the estimate of TIMESYNC.

    After a reboot the buffer is a new one: the old one's times mean nothing on the new clock, and frames that still
    wait for telemetry of before get none. `reboots` counts them.
    """

    def __init__(self, vehicle: Callable[[], int | None], clock: Callable[[], Clock | None]) -> None:
        self.buffer = Buffer(limit=LIMIT)
        self.reboots = 0
        self._vehicle = vehicle
        self._clock = clock
        self._newest_s = 0.0
        self._back = 0
        self._had_clock = False

    def __call__(self, message: Message, now_s: float) -> None:
        """Keep what a message tells of position, attitude, gimbal and fix."""
        self._watch_clock()
        if message.get_srcSystem() != self._vehicle():
            return
        kind = message.get_type()
        if kind != "GIMBAL_DEVICE_ATTITUDE_STATUS" and message.get_srcComponent() != AUTOPILOT:
            return
        read = TLOG.get(kind)
        if read is not None:
            sample = read(message)
            if sample is not None and self._timely(sample.at_s):
                self.buffer.add(sample)
        elif kind == "GPS_RAW_INT" and self._newest_s:
            self.buffer.add(Telemetry(self._newest_s, fix=_fix(message)))

    def vehicle_s(self, now_s: float) -> float | None:
        """A moment of our clock on the vehicle's; None before the first answer to TIMESYNC."""
        clock = self._clock()
        return None if clock is None else now_s + clock.offset_s

    def known_until_s(self) -> float:
        """Up to here position, attitude and gimbal are known as far as they come at all; minus infinity before."""
        channels = (self.buffer.position, self.buffer.attitude, self.buffer.gimbal)
        last = [channel.times[-1] for channel in channels if channel.times]
        return min(last) if self.buffer.position.times else float("-inf")

    def _watch_clock(self) -> None:
        """A clock that was known and is not was reset: the vehicle has rebooted. The old buffer goes before the new
        clock comes, or its first minute would be read as the new run's."""
        known = self._clock() is not None
        if self._had_clock and not known:
            self._anew(0.0)
        self._had_clock = known

    def _anew(self, newest_s: float) -> None:
        self.buffer = Buffer(limit=LIMIT)
        self.reboots += 1
        self._newest_s, self._back = newest_s, 0

    def _timely(self, at_s: float) -> bool:
        """Whether the sample is of this run of the vehicle; two from before mean that it has started anew."""
        if at_s >= self._newest_s - BACK_S:
            self._newest_s = max(self._newest_s, at_s)
            self._back = 0
            return True
        self._back += 1
        if self._back < 2:
            return False
        self._anew(at_s)
        return True


def _fix(m: Message) -> Fix:
    """Accuracies where the receiver tells them (MAVLink 2; 0: it does not)."""
    horizontal, vertical = (getattr(m, name, 0) / 1e3 or None for name in ("h_acc", "v_acc"))
    return Fix(GPS_FIX.get(m.fix_type, "none"), m.satellites_visible, horizontal, vertical)
