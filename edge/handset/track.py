"""Where a crew went, thinned on the handset: Douglas-Peucker in metres, with a point every few minutes all the same."""

import math
from collections.abc import Sequence

from edge.wire import Point

TOLERANCE_M = 10.0
GAP_S_MAX = 300.0
ACCURACY_M_MAX = 100.0
_METRES_PER_DEG = 111_320.0


def thinned(points: Sequence[Point], tolerance_m: float = TOLERANCE_M, gap_s_max: float = GAP_S_MAX) -> list[Point]:
    """The points that matter: no left-out point is further than `tolerance_m` from the line between its neighbours,
    and none are left out for longer than `gap_s_max`. Points the receiver itself calls worse than 100 m are dropped.

    Source: Douglas and Peucker, "Algorithms for the reduction of the number of points", Cartographica 1973.
    """
    good = [p for p in points if p.accuracy_m is None or p.accuracy_m <= ACCURACY_M_MAX]
    good.sort(key=lambda p: p.at)
    if len(good) <= 2:
        return good
    keep = {0, len(good) - 1}
    plane = _plane(good)
    stack = [(0, len(good) - 1)]
    while stack:
        first, last = stack.pop()
        split = _worst(plane, first, last, tolerance_m)
        if split is None and (good[last].at - good[first].at).total_seconds() > gap_s_max and last - first > 1:
            split = (first + last) // 2
        if split is not None:
            keep.add(split)
            stack += [(first, split), (split, last)]
    return [good[i] for i in sorted(keep)]


def _plane(points: Sequence[Point]) -> list[tuple[float, float]]:
    """Metres east and north of the first point; good to a metre within a city."""
    east = _METRES_PER_DEG * math.cos(math.radians(points[0].lat))
    return [((p.lon - points[0].lon) * east, (p.lat - points[0].lat) * _METRES_PER_DEG) for p in points]


def _worst(plane: Sequence[tuple[float, float]], first: int, last: int, tolerance_m: float) -> int | None:
    worst, at = tolerance_m, None
    for i in range(first + 1, last):
        off_m = _off(plane[i], plane[first], plane[last])
        if off_m > worst:
            worst, at = off_m, i
    return at


def _off(p: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    """Metres from a point to a stretch of line."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = dx * dx + dy * dy
    share = 0.0 if length == 0 else max(0.0, min(1.0, ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length))
    return math.hypot(p[0] - a[0] - share * dx, p[1] - a[1] - share * dy)
