"""What the lines miss, corners at slanted edges mostly, and small detours to it, the most ground a metre first."""

from typing import NamedTuple

import numpy as np
from shapely.geometry.base import BaseGeometry

from drone.mission.frame import Point
from drone.mission.geojson import polygons
from drone.mission.paths import Paths
from drone.mission.route import Leg, Route, cells_seen, seen_by

COVERAGE_ASKED = 0.9956  # a little above the promise of 99.5 %
ROUNDS_MAX = 6
PIECE_MIN_M2 = 0.5


def coverage_of(seen: BaseGeometry, target: BaseGeometry) -> float:
    """Share of the target's area that was seen."""
    return float(seen.intersection(target).area / target.area)


class Patched(NamedTuple):
    """A route that covers `share` of the area, and the places that it was sent to beside its lanes."""

    route: Route
    share: float
    aims: tuple[Point, ...]


def patched(route: Route, target: BaseGeometry, paths: Paths, line_m: float, trigger_m: float) -> Patched:
    """The route with detours to what it misses, until enough is covered."""
    aims = list[Point]()
    route = _looking(route, target, line_m, trigger_m)
    share = coverage_of(seen_by(route, line_m, trigger_m), target)
    for _ in range(ROUNDS_MAX):
        if share >= COVERAGE_ASKED:
            break
        missed = target.difference(seen_by(route, line_m, trigger_m))
        open_m2, before = missed.area - (1 - COVERAGE_ASKED) * target.area, route.length_m
        pieces = [(p.area, _aim(p, paths, line_m)) for p in polygons(missed) if p.area >= PIECE_MIN_M2]
        tried = [(_detour(route, aim, paths).cost_m / area, area, aim) for area, aim in pieces]
        for _, area, aim in sorted(tried):
            if open_m2 <= 0:
                break
            route = _taken(route, aim, _detour(route, aim, paths))
            aims.append(aim)
            open_m2 -= area
        share = coverage_of(seen_by(route, line_m, trigger_m), target)
        if route.length_m == before:
            break
    return Patched(route, share, tuple(aims))


def _looking(route: Route, target: BaseGeometry, line_m: float, trigger_m: float) -> Route:
    """The camera is on too on transits that see ground which nothing else sees: it costs no way."""
    missed = target.difference(seen_by(route, line_m, trigger_m))
    kinds = [
        Leg.TURN
        if kind is Leg.WAY and cells_seen(a, b, trigger_m, line_m, trigger_m).intersection(missed).area >= PIECE_MIN_M2
        else kind
        for a, b, kind in route.legs
    ]
    return Route(route.points, kinds)


def _aim(piece: BaseGeometry, paths: Paths, line_m: float) -> Point:
    """Where to fly to see a piece: its middle, or for a long one a place inside it."""
    middle = piece.centroid if piece.minimum_rotated_rectangle.length < 4 * line_m else piece.representative_point()
    return paths.snapped((middle.x, middle.y))


class Detour(NamedTuple):
    """A way to a place: off leg number `leg`, from its foot `spot` and back, or (None) instead of the leg."""

    cost_m: float
    leg: int
    spot: Point | None


def _detour(route: Route, aim: Point, paths: Paths) -> Detour:
    """The cheapest one; infinitely long when no leg sees the place."""
    a, b = np.asarray(route.points[:-1], float), np.asarray(route.points[1:], float)
    goal = np.broadcast_to(np.asarray(aim, float), a.shape)
    run = b - a
    share = np.clip(((goal - a) * run).sum(1) / np.maximum((run**2).sum(1), 1e-12), 0.0, 1.0)
    foot = a + run * share[:, None]
    between = np.hypot(*(goal - a).T) + np.hypot(*(b - goal).T) - np.hypot(*run.T)
    out_and_back = 2 * np.hypot(*(goal - foot).T)
    lines = np.array([kind is Leg.LINE for kind in route.kinds])  # a detour instead of a line would leave it unseen
    between[~(paths.sees(a, goal) & paths.sees(goal, b)) | lines] = np.inf
    out_and_back[~paths.sees(foot, goal)] = np.inf
    k, n = int(between.argmin()), int(out_and_back.argmin())
    if between[k] <= out_and_back[n]:
        return Detour(float(between[k]), k, None)
    return Detour(float(out_and_back[n]), n, (float(foot[n][0]), float(foot[n][1])))


def _taken(route: Route, aim: Point, way: Detour) -> Route:
    """The route with the detour, camera on."""
    if not np.isfinite(way.cost_m):
        return route
    if way.spot is None:
        return _put_in(route, way.leg, [aim], [Leg.TURN, Leg.TURN])
    kind = route.kinds[way.leg]
    return _put_in(route, way.leg, [way.spot, aim, way.spot], [kind, Leg.TURN, Leg.TURN, kind])


def _put_in(route: Route, leg: int, points: list[Point], kinds: list[Leg]) -> Route:
    return Route(
        [*route.points[: leg + 1], *points, *route.points[leg + 1 :]],
        [*route.kinds[:leg], *kinds, *route.kinds[leg + 1 :]],
    )
