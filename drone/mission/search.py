"""The shortest of many ways over an area: directions of lines, how far they reach at their ends, their order.

All candidates are flown on paper, corners that the lines miss included, and the one that takes the least time wins.
"""

from __future__ import annotations

from math import cos, pi, radians, sin
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from shapely.geometry.base import BaseGeometry

from drone.mission.ends import Strips, ended
from drone.mission.errors import PlanError
from drone.mission.patch import patched
from drone.mission.route import Route, joined
from drone.mission.sweep import Lane, angles_of, cells_of, effort, rows_at
from drone.mission.tour import KICKS, LANES_MAX, best_tour

if TYPE_CHECKING:
    from drone.mission.build import Ground

DIRECTIONS = 10  # tried in full, of all whose lines alone look short
DIRECTIONS_AGAIN = 3
APART = radians(3.0)  # nearer directions are the same try
SPARE = 0.35
SPARES = (0.1, 0.2, 0.5, 0.65)
LANES_FEW, LANES_MANY = 60, 200  # from so many lanes on fewer things are tried: an hour's flight is planned in seconds
COVERAGE_PROMISED = 0.995
COVERAGE_NEAR = 0.0005


class Swept(NamedTuple):
    """A candidate: the way, the share of the area that it covers, its lines' direction in radians and number, and what
    its lanes' ends may miss."""

    route: Route
    share: float
    angle: float
    lines: int
    spare: float


def search(ground: Ground, target: BaseGeometry) -> Swept:
    """The quickest candidate that covers as much as any, or what was promised. Raises PlanError."""
    angles = _directions(ground, target)
    tried = [swept(ground, target, angles[0], SPARE, KICKS // 8)]
    few = tried[0].lines <= LANES_FEW
    count = DIRECTIONS if few else 4 if tried[0].lines <= LANES_MANY else 2
    tried += [swept(ground, target, angle, SPARE, KICKS // 8) for angle in angles[1:count]]
    again = _ranked(tried, ground)[: DIRECTIONS_AGAIN if few else 1]
    tried += [swept(ground, target, one.angle, spare, KICKS // 8) for one in again for spare in SPARES]
    tried += [swept(ground, target, t.angle, t.spare, KICKS) for t in _ranked(tried, ground)[: 2 if few else 1]]
    return _ranked(tried, ground)[0]


def _ranked(tried: list[Swept], ground: Ground) -> list[Swept]:
    enough = min(max(one.share for one in tried) - COVERAGE_NEAR, COVERAGE_PROMISED)
    return sorted((one for one in tried if one.share >= enough), key=lambda one: cost(one.route, ground))


def _directions(ground: Ground, target: BaseGeometry) -> list[float]:
    """The most promising directions of lines, radians, best first, none beside a better one."""
    if ground.settings.angle_deg is not None:
        return [radians(ground.settings.angle_deg) % pi]
    where, line_m = ground.fly.intersection(target), ground.spacing.line_m
    pace = ground.base.pace

    def slow(angle: float) -> float:
        east, north = cos(angle), sin(angle)
        slowness = 1 / pace.ground_mps(east, north) + 1 / pace.ground_mps(-east, -north)
        return effort(rows_at(target, where, line_m, angle), line_m) * slowness

    kept = list[float]()
    for angle in sorted(angles_of(target), key=slow):
        if all(min(abs(angle - other), pi - abs(angle - other)) >= APART for other in kept):
            kept.append(angle)
    return kept


def swept(ground: Ground, target: BaseGeometry, angle: float, spare: float, kicks: int) -> Swept:
    """Lines in one direction, with detours to what they miss. Raises PlanError."""
    line_m, trigger_m = ground.spacing.line_m, ground.spacing.trigger_m
    where = ground.fly.intersection(target)
    rows = rows_at(target, where, line_m, angle)
    number = {id(lane): k for k, lane in enumerate(lane for row in rows for lane in row)}
    cells = [[number[id(lane)] for lane in cell] for cell in cells_of(rows, angle)]
    strips = Strips.of(target, ground.fly, angle, line_m, trigger_m)
    lanes = [lane for row in ended(rows, strips, spare) for lane in row]
    if not lanes:
        lanes, cells = [_spot(where, ground)], [[0]]
    found = patched(toured(ground, lanes, cells, kicks), target, ground.paths, line_m, trigger_m)
    ways = [found]
    if found.aims and kicks >= KICKS:
        places: list[Lane] = [(aim,) for aim in found.aims]
        apart = [[len(lanes) + k] for k in range(len(places))]
        route = toured(ground, lanes + places, cells + apart, kicks)
        ways.append(patched(route, target, ground.paths, line_m, trigger_m))
    enough = min(found.share, COVERAGE_PROMISED)
    best = min((way for way in ways if way.share >= enough), key=lambda way: cost(way.route, ground))
    return Swept(best.route, best.share, angle, len(lanes), spare)


def _spot(where: BaseGeometry, ground: Ground) -> Lane:
    """A lane for an area that is smaller than a line's width: to a place in it and a metre on."""
    at = (where if not where.is_empty else ground.fly).representative_point()
    here = ground.paths.snapped((at.x, at.y))
    return (here, ground.paths.snapped((here[0] + 1.0, here[1])))


def toured(ground: Ground, lanes: list[Lane], cells: list[list[int]], kicks: int = KICKS) -> Route:
    """The lanes in a short order, joined inside the region. Raises PlanError."""
    if len(lanes) > LANES_MAX:
        raise PlanError(f"{len(lanes)} lines, at most {LANES_MAX} are planned at once; fly higher or plan it in parts")
    ends = [end for lane in lanes for end in (lane[0], lane[-1])]
    matrix = ground.paths.matrix([*ends, ground.home])
    if not np.isfinite(matrix).all():
        raise PlanError("a part of the area cannot be reached inside the fence; plan each part with its own home")
    return joined(lanes, best_tour(cells, matrix, kicks), ground.paths, ground.spacing.line_m)


def cost(route: Route, ground: Ground) -> float:
    """Seconds, ways from and to home included."""
    base = ground.base
    return base.out_s(route.points[0]) + base.pace.way_s(route.points) + base.back_s(route.points[-1])
