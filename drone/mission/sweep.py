"""Parallel lines over an area in one direction, and the cells that they form between obstacles.

The cells are those of the boustrophedon decomposition (Choset and Pignon 1997), found on the lines themselves: a cell
ends where a line splits round an obstacle and where pieces join again behind it.
"""

from itertools import pairwise
from math import atan2, ceil, cos, hypot, pi, sin

import shapely
from shapely.affinity import rotate
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from drone.mission.frame import Point
from drone.mission.geojson import polygons

Lane = tuple[Point, ...]
"""A polyline in metres along which pictures are taken."""
LANE_MIN_M = 1.0
ANGLE_STEPS = 60  # of 3 degrees
CONNECTOR_LINES = 1.3  # a turn to the next line costs about so many line spacings


def angles_of(target: BaseGeometry) -> list[float]:
    """Directions worth trying, radians from east in [0, pi): along every edge of the outline and every 3 degrees."""
    found = {round(k * pi / ANGLE_STEPS, 3) for k in range(ANGLE_STEPS)}
    for polygon in polygons(target.simplify(1.0)):
        for ring in (polygon.exterior, *polygon.interiors):
            found |= {round(atan2(b[1] - a[1], b[0] - a[0]) % pi, 2) for a, b in pairwise(ring.coords)}
    return sorted(found)


def rows_at(target: BaseGeometry, where: BaseGeometry, spacing_m: float, angle: float) -> list[list[Lane]]:
    """Lines at most `spacing_m` apart over all of `target`, clipped to `where`; one list of lanes per line, from one
    side to the other, each lane's points in the direction of `angle`."""
    turned, clip = (rotate(g, -angle, origin=(0, 0), use_radians=True) for g in (target, where))
    x1, y1, x2, y2 = turned.bounds
    count = max(ceil((y2 - y1) / spacing_m - 1e-6), 1)
    heights = [y1 + (y2 - y1) * (k + 0.5) / count for k in range(count)]
    lines = shapely.linestrings([[(x1 - 1, y), (x2 + 1, y)] for y in heights])
    return [[_turned_back(piece, angle) for piece in _pieces(cut)] for cut in shapely.intersection(lines, clip)]


def _turned_back(piece: LineString, angle: float) -> Lane:
    ends = rotate(piece, angle, origin=(0, 0), use_radians=True).coords
    return tuple((float(x), float(y)) for x, y in ends)


def _pieces(cut: BaseGeometry) -> list[LineString]:
    parts = [cut] if isinstance(cut, LineString) else list(getattr(cut, "geoms", ()))
    kept = [p for p in parts if isinstance(p, LineString) and p.length >= LANE_MIN_M]
    return sorted((LineString([min(p.coords), max(p.coords)]) for p in kept), key=lambda p: p.coords[0][0])


def effort(rows: list[list[Lane]], spacing_m: float) -> float:
    """About how far it is to fly the rows, metres: their length and a turn for each lane."""
    lanes = [lane for row in rows for lane in row]
    length = sum(hypot(lane[-1][0] - lane[0][0], lane[-1][1] - lane[0][1]) for lane in lanes)
    return length + len(lanes) * spacing_m * CONNECTOR_LINES


def cells_of(rows: list[list[Lane]], angle: float) -> list[list[Lane]]:
    """Lanes grouped into cells: runs of lines that neither split nor join."""
    cells: list[list[Lane]] = []
    before: list[tuple[Lane, list[Lane]]] = []
    for row in rows:
        now: list[tuple[Lane, list[Lane]]] = []
        for lane in row:
            below = [cell for other, cell in before if _overlap(lane, other, angle)]
            alone = len(below) == 1 and sum(_overlap(o, below[0][-1], angle) for o in row) == 1
            cell = below[0] if alone else []
            if not alone:
                cells.append(cell)
            cell.append(lane)
            now.append((lane, cell))
        before = now
    return cells


def _overlap(a: Lane, b: Lane, angle: float) -> bool:
    (a1, a2), (b1, b2) = (_span(lane, angle) for lane in (a, b))
    return max(a1, b1) < min(a2, b2)


def _span(lane: Lane, angle: float) -> tuple[float, float]:
    along = [x * cos(angle) + y * sin(angle) for x, y in (lane[0], lane[-1])]
    return min(along), max(along)
