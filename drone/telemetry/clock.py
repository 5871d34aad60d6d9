"""Two clocks brought together: offset, rate and latency from one-way arrivals or from round trips.

One way (a message stamped by the vehicle, its arrival stamped here): delay is never negative, so the line that lies
under all arrivals is offset and rate, and what is above it is latency (Moon, Skelly, Towsley: Estimation and removal
of clock skew from network delay measurements, INFOCOM 1999). The smallest delay itself cannot be seen one way; a round
trip (MAVLink TIMESYNC) bounds it by half its duration, as NTP does (RFC 5905).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

PAIRS_MAX = 20_000
RATE_SPAN_MIN_S = 30.0  # a rate from less time would be noise
RATE_ODD = 1e-3  # a crystal is good to 1e-4: anything above is no crystal but a simulation or a broken clock

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ClockFit:
    """here = offset_s + rate * there.

    latency_s: the median delay above the smallest one; jitter_s: its 95th percentile; error_s: what the offset may be
    wrong by (half the shortest round trip, or None when only one way was measured: the smallest delay is unseen).
    """

    offset_s: float
    rate: float
    latency_s: float
    jitter_s: float
    error_s: float | None
    pairs: int

    def here_s(self, there_s: float) -> float:
        """A time of the other clock on this one."""
        return self.offset_s + self.rate * there_s

    @property
    def odd(self) -> bool:
        """Whether the rate is no clock's."""
        return abs(self.rate - 1.0) > RATE_ODD


class ClockSync:
    """Collects pairs, the newest `limit` of each kind (older ones leave, which lets the estimate follow drift)."""

    def __init__(self, limit: int = PAIRS_MAX) -> None:
        self._oneway: deque[Pair] = deque(maxlen=limit)
        self._trips: deque[tuple[float, float]] = deque(maxlen=limit)  # duration, offset

    def arrived(self, there_s: float, here_s: float) -> None:
        """A message that the other clock stamped at `there_s` arrived at `here_s`."""
        self._oneway.append((there_s, here_s))

    def answered(self, sent_s: float, there_s: float, received_s: float) -> None:
        """A request sent and answered here, stamped there in between (TIMESYNC: tc1 is there, ts1 is sent)."""
        if received_s >= sent_s:
            self._trips.append((received_s - sent_s, (sent_s + received_s) / 2 - there_s))

    def fit(self) -> ClockFit | None:
        """The estimate, None while nothing was collected. Round trips set the offset where there are any."""
        if not self._oneway and not self._trips:
            return None
        fitted = fit_oneway(list(self._oneway)) if self._oneway else None
        if not self._trips:
            return fitted
        shortest, offset = min(self._trips)
        late = fitted or ClockFit(0.0, 1.0, 0.0, 0.0, None, 0)
        pairs = late.pairs + len(self._trips)
        return ClockFit(offset, 1.0, late.latency_s, late.jitter_s, shortest / 2, pairs)


def fit_oneway(pairs: list[Pair]) -> ClockFit:
    """The line under all arrivals: the edge of the lower convex hull that spans the middle of the recording."""
    origin = pairs[0][0]  # far from zero a rate's rounding would become an offset
    shifted = sorted((there - origin, here) for there, here in pairs)
    rate, at_origin = _under(shifted)
    offset = at_origin - rate * origin
    delays = sorted(here - (at_origin + rate * there) for there, here in shifted)
    jitter = delays[min(len(delays) - 1, int(len(delays) * 0.95))]
    return ClockFit(offset, rate, median(delays), jitter, None, len(pairs))


def _under(pairs: list[Pair]) -> tuple[float, float]:
    if pairs[-1][0] - pairs[0][0] < RATE_SPAN_MIN_S:
        return 1.0, min(here - there for there, here in pairs)
    hull = lower_hull(pairs)
    middle = sum(there for there, _ in pairs) / len(pairs)
    for (x0, y0), (x1, y1) in pairwise(hull):
        if x0 <= middle <= x1 and x1 > x0:
            rate = (y1 - y0) / (x1 - x0)
            return rate, y0 - rate * x0
    raise AssertionError("the mean of sorted numbers lies between the first and the last")


def lower_hull(pairs: list[Pair]) -> list[Pair]:
    """The lower convex hull of points sorted by x (Andrew's monotone chain)."""
    hull: list[Pair] = []
    for x, y in pairs:
        while len(hull) >= 2 and _turns_right(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    return hull


def _turns_right(a: Pair, b: Pair, c: Pair) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) <= 0
