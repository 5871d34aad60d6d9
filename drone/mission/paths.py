"""Shortest ways inside a region with holes: Dijkstra over its visibility graph."""

from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from shapely.geometry import Point as ShapelyPoint
from shapely.geometry.base import BaseGeometry
from shapely.ops import nearest_points

from drone.mission.errors import PlanError
from drone.mission.frame import Point
from drone.mission.geojson import polygons

SLACK_M = 0.02  # a way along the edge itself counts as inside
NODES_MAX = 3000
Floats = NDArray[np.float64]


def length_of(way: list[Point]) -> float:
    """Metres along a polyline."""
    return float(sum(np.hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(way)))


class Paths:
    """Ways inside `fly`; what lies outside it by less than 2 cm counts as inside."""

    def __init__(self, fly: BaseGeometry) -> None:
        self.fly = fly
        self._inside = fly.buffer(SLACK_M, join_style="mitre")
        shapely.prepare(self._inside)
        rings = [r for p in polygons(fly.simplify(SLACK_M / 2)) for r in (p.exterior, *p.interiors)]
        self.corners = np.array([c[:2] for ring in rings for c in ring.coords[:-1]], float).reshape(-1, 2)
        if len(self.corners) > NODES_MAX:
            raise PlanError(f"outline with {len(self.corners)} corners; simplify it to fewer than {NODES_MAX}")
        self._between = self._distances(self.corners, self.corners)
        self._memory: dict[tuple[Point, Point], list[Point]] = {}

    def sees(self, starts: Floats, ends: Floats) -> NDArray[np.bool_]:
        """(N,) whether the straight line between (N, 2) starts and ends stays inside."""
        return np.asarray(shapely.covers(self._inside, shapely.linestrings(np.stack([starts, ends], axis=1))))

    def contains(self, at: Point) -> bool:
        """Whether a place lies inside."""
        return bool(shapely.covers(self._inside, ShapelyPoint(at)))

    def snapped(self, at: Point) -> Point:
        """The nearest place inside."""
        if self.contains(at):
            return at
        near, _ = nearest_points(self.fly, ShapelyPoint(at))
        return near.x, near.y

    def matrix(self, points: list[Point]) -> Floats:
        """(N, N) shortest distances in metres between points inside; inf where there is no way."""
        ends = np.asarray(points, float).reshape(-1, 2)
        graph = self._graph(ends)
        return np.asarray(dijkstra(csr_matrix(graph), directed=False, indices=range(len(ends))))[:, : len(ends)]

    def way(self, a: Point, b: Point) -> list[Point]:
        """The shortest way from a to b, both in it. Raises PlanError when there is none."""
        if (a, b) not in self._memory:
            self._memory[a, b] = self._way(a, b)
        return self._memory[a, b]

    def _way(self, a: Point, b: Point) -> list[Point]:
        ends = np.asarray([a, b], float)
        if self.sees(ends[:1], ends[1:])[0]:
            return [a, b]
        graph = csr_matrix(self._graph(ends))
        lengths, before = dijkstra(graph, directed=False, indices=0, return_predecessors=True)
        if not np.isfinite(lengths[1]):
            raise PlanError("no way between two places inside the fence; plan each part with its own home")
        places, at, way = [a, b, *map(tuple, self.corners.tolist())], 1, [b]
        while at != 0:
            at = int(before[at])
            way.append((float(places[at][0]), float(places[at][1])))
        return way[::-1]

    def _graph(self, ends: Floats) -> Floats:
        """Lengths of direct lines among ends and corners, 0 where there is none; ends first."""
        to_corners = self._distances(ends, self.corners)
        graph = np.block([[self._distances(ends, ends), to_corners], [to_corners.T, self._between]])
        return np.where(np.isfinite(graph), np.maximum(graph, 1e-6), 0.0)

    def _distances(self, a: Floats, b: Floats) -> Floats:
        """(len(a), len(b)) length of the straight line, inf where it leaves the region."""
        i, j = np.divmod(np.arange(len(a) * len(b)), max(len(b), 1))
        lengths = np.hypot(*(a[i] - b[j]).T)
        return np.where(self.sees(a[i], b[j]), lengths, np.inf).reshape(len(a), len(b))
