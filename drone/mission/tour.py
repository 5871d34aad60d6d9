"""The order and the directions in which lanes are flown: boustrophedon by cells first, then made shorter.

Local search of 2-opt and or-opt moves with seeded kicks (iterated local search, Lourenco, Martin and Stutzle 2003).
"""

from itertools import pairwise
from random import Random

import numpy as np
from numpy.typing import NDArray

Stop = tuple[int, bool]
"""(lane's number, flown from its end to its start)."""
Floats = NDArray[np.float64]
BLOCK_MAX = 3
LANES_MAX = 600
EFFORT = 6_000_000  # moves looked at, about; keeps large areas to seconds
KICKS = 40
EPSILON = 1e-6


class Costs:
    """Ways between lanes: end 2i is lane i's start, 2i + 1 its end, the last row is home."""

    def __init__(self, matrix: Floats) -> None:
        self.home = len(matrix) - 1
        self.rows: list[list[float]] = matrix.tolist()

    def between(self, a: Stop | None, b: Stop | None) -> float:
        """From where a ends to where b begins; None is home."""
        start = self.home if a is None else 2 * a[0] + (not a[1])
        return self.rows[start][self.home if b is None else 2 * b[0] + b[1]]

    def total(self, tour: list[Stop]) -> float:
        """Home, all lanes, home; without the lanes themselves."""
        stops = [None, *tour, None]
        return sum(self.between(a, b) for a, b in pairwise(stops))


def best_tour(cells: list[list[int]], matrix: Floats, kicks: int = KICKS, seed: int = 0) -> list[Stop]:
    """A short tour over lanes that are grouped into cells by number; `kicks`: how often to try to leave a dead end."""
    costs = Costs(matrix)
    tour = _improved(_by_cells(cells, costs), costs)
    kicks = min(kicks, EFFORT // max(len(tour) ** 2 * 20, 1))
    rng, length = Random(seed), costs.total(tour)
    for _ in range(kicks if len(tour) > 3 else 0):
        a, b, c = sorted(rng.sample(range(1, len(tour)), 3))
        other = _improved(tour[:a] + tour[b:c] + tour[a:b] + tour[c:], costs)
        if (found := costs.total(other)) < length - EPSILON:
            tour, length = other, found
    return tour


def _by_cells(cells: list[list[int]], costs: Costs) -> list[Stop]:
    """Cell after cell, the nearest next, each back and forth."""
    left, tour = [cell for cell in cells if cell], list[Stop]()
    while left:
        ways = [(cell, run) for cell in left for run in _runs(cell)]
        last = tour[-1] if tour else None
        cell, run = min(ways, key=lambda way: costs.between(last, way[1][0]))
        left.remove(cell)
        tour += run
    return tour


def _runs(cell: list[int]) -> list[list[Stop]]:
    """The four ways to fly a cell back and forth."""
    ways = [(order, flip) for order in (cell, cell[::-1]) for flip in (False, True)]
    return [[(lane, (k % 2 == 1) != flip) for k, lane in enumerate(order)] for order, flip in ways]


def _improved(tour: list[Stop], costs: Costs) -> list[Stop]:
    """A tour that no single move makes shorter."""
    better = True
    while better:
        tour, better = _two_opt(tour, costs)
        tour, moved = _or_opt(tour, costs)
        better = better or moved
    return tour


def _two_opt(tour: list[Stop], costs: Costs) -> tuple[list[Stop], bool]:
    """Turn round the runs that are shorter the other way."""
    between, found = costs.between, False
    for i in range(len(tour)):
        for j in range(i, len(tour)):
            before = tour[i - 1] if i else None
            after = tour[j + 1] if j + 1 < len(tour) else None
            first, last = (tour[i][0], not tour[i][1]), (tour[j][0], not tour[j][1])
            gain = between(before, tour[i]) + between(tour[j], after) - between(before, last) - between(first, after)
            if gain > EPSILON:
                tour[i : j + 1] = _turned(tour[i : j + 1])
                found = True
    return tour, found


def _or_opt(tour: list[Stop], costs: Costs) -> tuple[list[Stop], bool]:
    """Move short runs to better places, either way round."""
    between, found = costs.between, False
    for size in range(1, BLOCK_MAX + 1):
        for i in range(len(tour) - size + 1):
            block, rest = tour[i : i + size], tour[:i] + tour[i + size :]
            ends = [None, *rest, None]
            saved = between(ends[i], block[0]) + between(block[-1], ends[i + 1]) - between(ends[i], ends[i + 1])
            if saved <= EPSILON:
                continue
            ways = (block, _turned(block))
            gaps = [between(a, b) for a, b in pairwise(ends)]
            options = [
                (between(ends[k], way[0]) + between(way[-1], ends[k + 1]) - gaps[k], k, n)
                for n, way in enumerate(ways)
                for k in range(len(gaps))
            ]
            cost, k, n = min(options)
            if cost < saved - EPSILON:
                tour, found = rest[:k] + ways[n] + rest[k:], True
    return tour, found


def _turned(run: list[Stop]) -> list[Stop]:
    return [(lane, not back) for lane, back in reversed(run)]
