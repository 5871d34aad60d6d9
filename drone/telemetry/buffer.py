"""A bounded buffer of telemetry that answers "where was it at this moment", and refuses where it does not know."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from drone.telemetry.rotation import slerp
from drone.telemetry.sample import Fix, Gimbal, Position, Quaternion, Telemetry

GAP_MAX_S = 1.5  # DJI subtitles and slow radio links bring one sample a second
LIMIT = 50_000  # samples a channel: 80 minutes at 10 Hz

T = TypeVar("T")
Velocity = tuple[float, float, float]


class Gap(ValueError):
    """The moment lies outside what is known, or in a hole longer than the limit; `str()` is one line."""


class Channel(Generic[T]):
    """One quantity over time, sorted. The oldest are dropped at the limit (counted)."""

    def __init__(self, name: str, blend: Callable[[T, T, float], T], limit: int) -> None:
        self.name, self._blend, self._limit = name, blend, limit
        self.times: list[float] = []
        self._values: list[T] = []
        self.dropped = 0
        self.late = 0

    def add(self, at_s: float, value: T) -> None:
        """Keep a value; one that comes late finds its place, one for a moment already known replaces it."""
        if not self.times or at_s > self.times[-1]:
            self.times.append(at_s)
            self._values.append(value)
        else:
            self._insert(at_s, value)
        if len(self.times) > self._limit + self._limit // 10:  # in bulk: a list gives up its head slowly
            over = len(self.times) - self._limit
            del self.times[:over], self._values[:over]
            self.dropped += over

    def at(self, at_s: float, gap_max_s: float) -> T:
        """The interpolated value. Raises Gap."""
        i = bisect_left(self.times, at_s)
        if i < len(self.times) and self.times[i] == at_s:
            return self._values[i]
        if i == 0 or i == len(self.times):
            span = f"{self.times[0]:.3f} to {self.times[-1]:.3f} s" if self.times else "empty"
            raise Gap(f"{self.name} at {at_s:.3f} s: outside what is known ({span})")
        before, after = self.times[i - 1], self.times[i]
        if after - before > gap_max_s:
            raise Gap(f"{self.name} at {at_s:.3f} s: hole of {after - before:.2f} s, limit {gap_max_s:g} s")
        return self._blend(self._values[i - 1], self._values[i], (at_s - before) / (after - before))

    def _insert(self, at_s: float, value: T) -> None:
        self.late += 1
        i = bisect_left(self.times, at_s)
        if i < len(self.times) and self.times[i] == at_s:
            self._values[i] = value
        else:
            self.times.insert(i, at_s)
            self._values.insert(i, value)


class Buffer:
    """Position, attitude, gimbal, velocity and fix, each at its own rate. Not thread-safe: one loop owns it."""

    def __init__(self, gap_max_s: float = GAP_MAX_S, limit: int = LIMIT) -> None:
        self.gap_max_s = gap_max_s
        self.position: Channel[Position] = Channel("position", blend_position, limit)
        self.attitude: Channel[Quaternion] = Channel("attitude", slerp, limit)
        self.gimbal: Channel[Gimbal] = Channel("gimbal", blend_gimbal, limit)
        self.velocity: Channel[Velocity] = Channel("velocity", blend_velocity, limit)
        self.fix: Channel[Fix] = Channel("fix", worse, limit)

    @classmethod
    def of(cls, samples: Iterable[Telemetry], gap_max_s: float = GAP_MAX_S, limit: int = LIMIT) -> Buffer:
        """A buffer filled with these samples."""
        buffer = cls(gap_max_s, limit)
        for sample in samples:
            buffer.add(sample)
        return buffer

    def add(self, sample: Telemetry) -> None:
        """Keep every part that the sample has."""
        for name in ("position", "attitude", "gimbal", "fix"):
            value = getattr(sample, name)
            if value is not None:
                getattr(self, name).add(sample.at_s, value)
        if sample.velocity_m_s is not None:
            self.velocity.add(sample.at_s, sample.velocity_m_s)

    def at(self, at_s: float) -> Telemetry:
        """Everything known at this moment. A position, attitude or gimbal that the source sends at all must be known
        on both sides of the moment, or Gap is raised; velocity and fix are None where they are not known."""
        return Telemetry(
            at_s=at_s,
            position=self.position.at(at_s, self.gap_max_s),
            attitude=self.attitude.at(at_s, self.gap_max_s) if self.attitude.times else None,
            gimbal=self.gimbal.at(at_s, self.gap_max_s) if self.gimbal.times else None,
            velocity_m_s=self._or_none(self.velocity, at_s),
            fix=self._or_none(self.fix, at_s),
        )

    @property
    def dropped(self) -> int:
        """Values that the limit pushed out, over all channels."""
        channels = (self.position, self.attitude, self.gimbal, self.velocity, self.fix)
        return sum(channel.dropped for channel in channels)

    def _or_none(self, channel: Channel[T], at_s: float) -> T | None:
        try:
            return channel.at(at_s, self.gap_max_s)
        except Gap:
            return None


def blend_position(a: Position, b: Position, share: float) -> Position:
    """Linear in degrees and metres; the way over the date line is the short one."""
    turn = (b.lon - a.lon + 180.0) % 360.0 - 180.0
    lon = (a.lon + turn * share + 180.0) % 360.0 - 180.0
    known = dict(b.heights)
    heights = tuple((datum, m + (known[datum] - m) * share) for datum, m in a.heights if datum in known)
    return Position(a.lat + (b.lat - a.lat) * share, lon, heights)


def blend_gimbal(a: Gimbal, b: Gimbal, share: float) -> Gimbal:
    """Slerp; where the frame changed in between nothing can be said. Raises Gap."""
    if a.frame is not b.frame:
        raise Gap(f"gimbal: its frame changed from {a.frame} to {b.frame} at this moment")
    return Gimbal(slerp(a.quaternion, b.quaternion, share), a.frame)


def blend_velocity(a: Velocity, b: Velocity, share: float) -> Velocity:
    """Linear."""
    n, e, d = (p + (q - p) * share for p, q in zip(a, b, strict=True))
    return (n, e, d)


def worse(a: Fix, b: Fix, share: float) -> Fix:
    """Between two fixes the worse one holds."""
    return max(a, b, key=lambda fix: fix.horizontal_m if fix.horizontal_m is not None else -1.0)
