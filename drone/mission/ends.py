"""Where lanes begin and end: as far as their pictures must reach to see the ground beside them, and no farther.

A line's last picture sees half a trigger distance ahead, so at a level end a lane stops that much short of the edge; at
a slanted one the strip that it looks at goes on beside it, so it flies past the edge where flying is allowed. What
share of the strip's width an end may miss is the caller's choice: a shorter way, or fewer corners to see otherwise.
"""

from collections.abc import Sequence
from math import cos, sin
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import rotate
from shapely.geometry.base import BaseGeometry

from drone.mission.sweep import LANE_MIN_M, Lane

ACROSS = 12  # lines of a strip on which its end is looked for
FAR_M = 1e6

Floats = NDArray[np.float64]
Span = tuple[float, float]


class Strips(NamedTuple):
    """The area and the region for flying, turned so that lanes run along x; what pictures see: `line_m` across,
    `ahead_m` before the first and after the last."""

    target: BaseGeometry
    fly: BaseGeometry
    angle: float
    line_m: float
    ahead_m: float

    @classmethod
    def of(cls, target: BaseGeometry, fly: BaseGeometry, angle: float, line_m: float, trigger_m: float) -> "Strips":
        """From geometry as it lies, and lines in a direction of `angle` radians."""
        turned = [rotate(g, -angle, origin=(0, 0), use_radians=True) for g in (target, fly)]
        return cls(turned[0], turned[1], angle, line_m, trigger_m / 2)


def ended(rows: Sequence[Sequence[Lane]], strips: Strips, spare: float) -> list[list[Lane]]:
    """The rows with their lanes' ends moved so that each misses at most the share `spare` of its strip's width."""
    c, s = cos(strips.angle), sin(strips.angle)
    out = list[list[Lane]]()
    for row in rows:
        spans = [(x1 * c + y1 * s, x2 * c + y2 * s) for (x1, y1), *_, (x2, y2) in row]
        height = row[0][0][1] * c - row[0][0][0] * s if row else 0.0
        moved = _moved(spans, height, strips, spare) if row else []
        out.append(
            [((a * c - height * s, a * s + height * c), (b * c - height * s, b * s + height * c)) for a, b in moved]
        )
    return out


def _moved(spans: list[Span], height: float, strips: Strips, spare: float) -> list[Span]:
    """Begin and end along the line, of all lanes of a row."""
    offsets = ((np.arange(ACROSS) + 0.5) / ACROSS - 0.5) * strips.line_m
    beside = _cuts(strips.target, height + offsets)
    allowed = _cuts(strips.fly, np.array([height]))
    out = list[Span]()
    for k, (a, b) in enumerate(spans):
        low, high = _room(a, b, allowed)
        low = max(low, (spans[k - 1][1] + a) / 2) if k else low
        high = min(high, (b + spans[k + 1][0]) / 2) if k + 1 < len(spans) else high
        own = beside[(beside[:, 2] > a) & (beside[:, 1] < b)]
        begin = -_end(np.column_stack([own[:, 0], -own[:, 1]]), -a, strips, spare)
        end = _end(own[:, [0, 2]], b, strips, spare)
        out.append(_long_enough(min(max(begin, low), high), min(max(end, low), high), low, high))
    return out


def _end(reaches: Floats, now: float, strips: Strips, spare: float) -> float:
    """Where a lane that ends at `now` should end. reaches: (N, 2) number of a line of its strip, and how far the area
    goes on it; beyond a line spacing others see better."""
    if not len(reaches):
        return now
    last = np.full(ACROSS, -FAR_M)
    np.maximum.at(last, reaches[:, 0].astype(int), np.minimum(reaches[:, 1], now + strips.line_m))
    ordered = np.sort(last[last > -FAR_M])[::-1]
    return float(ordered[min(int(spare * len(ordered)), len(ordered) - 1)]) - strips.ahead_m


def _long_enough(begin: float, end: float, low: float, high: float) -> Span:
    if end - begin >= LANE_MIN_M:
        return begin, end
    half = min(LANE_MIN_M, high - low) / 2
    middle = min(max((begin + end) / 2, low + half), high - half)
    return middle - half, middle + half


def _room(a: float, b: float, allowed: Floats) -> Span:
    """How far the region goes on both sides of a lane; the lane itself at least."""
    holding = [(x1, x2) for _, x1, x2 in allowed.tolist() if x1 <= (a + b) / 2 <= x2]
    low, high = holding[0] if holding else (a, b)
    return min(low, a), max(high, b)


def _cuts(shape: BaseGeometry, heights: Floats) -> Floats:
    """(N, 3) number of the line, x from, x to: the pieces of level lines inside a shape."""
    x1, _, x2, _ = shape.bounds
    lines = shapely.linestrings([[(x1 - 1, y), (x2 + 1, y)] for y in heights.tolist()])
    pieces, number = shapely.get_parts(shapely.intersection(lines, shape), return_index=True)
    boxes = shapely.bounds(pieces).reshape(-1, 4)
    kept = np.isfinite(boxes[:, 0]) & (boxes[:, 2] > boxes[:, 0])
    return np.column_stack([number[kept], boxes[kept, 0], boxes[kept, 2]])
