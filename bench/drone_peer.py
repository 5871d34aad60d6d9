"""Another coverage planner to compare with: the steps of Fields2Cover 2.1 with its own solver, OR-tools.

Fields2Cover has no wheel and its source needs GDAL, TBB and sources from the internet, so its method is done here:
swaths one operating width apart clipped to the field, the direction with the least swath, their order and direction
from OR-tools routing with guided local search (its `RoutePlannerBase`), ways along the shortest path. It gets the
lines' directions that are best for it and covers no corners that lines miss, which is to its advantage.
"""

from __future__ import annotations

from math import hypot
from typing import Any

import numpy as np
import shapely
from shapely.affinity import rotate
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from drone.mission.frame import Point
from drone.mission.paths import Paths

PEER = "Fields2Cover's method on OR-tools"
DIRECTIONS = 3
SECONDS = 1
CENTIMETRES = 100
FORCED = 10_000_000  # cm: more than any way, so that both ends of a swath follow one another


def peer_length_m(target: BaseGeometry, fly: BaseGeometry, line_m: float, home: Point) -> float | None:
    """Length of its path from home over all swaths and back, metres; None when OR-tools is not installed."""
    try:
        from ortools.constraint_solver import pywrapcp
    except ImportError:
        return None
    where, paths = fly.intersection(target), Paths(fly)
    swaths = sorted(
        (_swaths(target, where, line_m, degrees) for degrees in range(180)), key=lambda s: _effort(s, line_m)
    )
    return min(_routed(lines, paths, home, pywrapcp) for lines in swaths[:DIRECTIONS])


def _swaths(target: BaseGeometry, where: BaseGeometry, line_m: float, degrees: float) -> list[LineString]:
    x1, y1, x2, y2 = rotate(target, -degrees, origin=(0, 0)).bounds
    heights = np.arange(y1 + line_m / 2, y2 + line_m / 2, line_m)
    lines = shapely.linestrings([[(x1 - 1, y), (x2 + 1, y)] for y in heights])
    cut = [rotate(line, degrees, origin=(0, 0)).intersection(where) for line in lines]
    parts = [part for one in cut for part in getattr(one, "geoms", [one])]
    return [part for part in parts if isinstance(part, LineString) and part.length >= 1.0]


def _effort(swaths: list[LineString], line_m: float) -> float:
    return float(sum(s.length for s in swaths) + 1.3 * line_m * len(swaths))


def _routed(swaths: list[LineString], paths: Paths, home: Point, solver: Any) -> float:
    """Ends 2i and 2i + 1 are those of swath i, the last node is home."""
    ends = [(x, y) for s in swaths for x, y in (s.coords[0], s.coords[-1])]
    metres = paths.matrix([*ends, home])
    cost = np.rint(metres * CENTIMETRES).astype(int) + FORCED
    for k in range(len(swaths)):
        cost[2 * k, 2 * k + 1] = cost[2 * k + 1, 2 * k] = 0
    manager = solver.RoutingIndexManager(len(cost), 1, len(cost) - 1)
    routing = solver.RoutingModel(manager)
    rows = cost.tolist()
    index = routing.RegisterTransitCallback(lambda a, b: rows[manager.IndexToNode(a)][manager.IndexToNode(b)])
    routing.SetArcCostEvaluatorOfAllVehicles(index)
    asked = solver.DefaultRoutingSearchParameters()
    asked.local_search_metaheuristic = 3  # GUIDED_LOCAL_SEARCH
    asked.time_limit.seconds = SECONDS
    found = routing.SolveWithParameters(asked)
    ways = (found.ObjectiveValue() - FORCED * (len(swaths) + 1)) / CENTIMETRES
    lengths = sum(hypot(b[0] - a[0], b[1] - a[1]) for a, b in zip(ends[::2], ends[1::2], strict=True))
    return float(ways + lengths)
