"""A stream's own times as RTP timestamps that only go forward, and which frame a timestamp belongs to."""

from collections import OrderedDict
from dataclasses import dataclass

RATE = 90_000  # RTP clock of video (RFC 6184)
JUMP_S = 2.0  # further from the device's clock than this, the stream was opened anew or its clock was set
FRAMES_KEPT = 1024
LEAST_STEP = 90  # ticks after a jump


@dataclass(frozen=True)
class Moment:
    """A frame: the stream's own seconds, and the device's monotonic clock."""

    stream_s: float
    mono_s: float


class Timeline:
    """One for each camera, the same for all its viewers. Used under its owner's lock."""

    def __init__(self, origin: int) -> None:
        self._origin = origin
        self._zero: Moment | None = None
        self._anew = False
        self._base = 0
        self._last = -LEAST_STEP
        self._by_stream: OrderedDict[int, int] = OrderedDict()
        self._moments: OrderedDict[int, Moment] = OrderedDict()
        self.jumps = 0

    def stamp(self, stream_s: float, mono_s: float) -> int:
        """The 32-bit timestamp of a frame; the same frame asked again gets the same one."""
        key = round(stream_s * 1e4)
        known = self._by_stream.get(key)
        if known is not None and abs(self._moments[known].mono_s - mono_s) < JUMP_S:
            return known
        if self._anew or self._off(stream_s, mono_s):
            self._rebase(stream_s, mono_s)
        assert self._zero is not None
        ticks = self._base + round((stream_s - self._zero.stream_s) * RATE)
        self._last = max(self._last, ticks)
        return self._note(key, (self._origin + ticks) & 0xFFFFFFFF, Moment(stream_s, mono_s))

    def restart(self) -> None:
        """A new connection: its times have nothing to do with those before."""
        self._by_stream.clear()
        self._anew = True

    def of(self, stream_s: float) -> int | None:
        """The timestamp of a frame that was stamped not long ago, None for any other."""
        return self._by_stream.get(round(stream_s * 1e4))

    def moment(self, timestamp: int) -> Moment | None:
        """Which frame a timestamp belongs to, None when that is too long ago or never was."""
        return self._moments.get(timestamp)

    def _off(self, stream_s: float, mono_s: float) -> bool:
        zero = self._zero
        return zero is None or abs((stream_s - zero.stream_s) - (mono_s - zero.mono_s)) > JUMP_S

    def _rebase(self, stream_s: float, mono_s: float) -> None:
        if self._zero is not None:
            self.jumps += 1
            waited = round((mono_s - self._zero.mono_s) * RATE)
            self._base = max(self._last + LEAST_STEP, self._base + waited)
        self._zero = Moment(stream_s, mono_s)
        self._anew = False
        self._by_stream.clear()

    def _note(self, key: int, timestamp: int, moment: Moment) -> int:
        self._by_stream[key] = timestamp
        self._moments[timestamp] = moment
        for kept in (self._by_stream, self._moments):
            while len(kept) > FRAMES_KEPT:
                kept.popitem(last=False)
        return timestamp
