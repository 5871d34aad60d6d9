"""One long way over all lanes with the camera on where it counts, and what of the area its pictures cover."""

from enum import Enum
from itertools import pairwise
from math import ceil, hypot

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from drone.mission.frame import Point
from drone.mission.paths import Paths
from drone.mission.plan import picture_points
from drone.mission.sweep import Lane
from drone.mission.tour import Stop

CLOSE_LINES = 1.6  # on turns up to so many line spacings the camera stays on: they see the corners that lines miss


ROUNDING_M = 0.02
SHORT_M = 1.0  # trigger distance of a leg without length: the picture at its start alone


class Leg(Enum):
    """LINE: a lane, pictures; TURN: from lane to lane, pictures too; WAY: transit, none."""

    LINE = 1
    TURN = 2
    WAY = 3


class Route:
    """points: the way in metres; kinds[i]: what the leg from point i to point i + 1 is."""

    def __init__(self, points: list[Point], kinds: list[Leg]) -> None:
        self.points, self.kinds = points, kinds

    @property
    def legs(self) -> list[tuple[Point, Point, Leg]]:
        """(from, to, kind)."""
        return [(a, b, kind) for (a, b), kind in zip(pairwise(self.points), self.kinds, strict=True)]

    @property
    def length_m(self) -> float:
        """Metres from the first point to the last."""
        return sum(hypot(b[0] - a[0], b[1] - a[1]) for a, b, _ in self.legs)


def joined(lanes: list[Lane], tour: list[Stop], paths: Paths, spacing_m: float) -> Route:
    """Lanes in the tour's order, joined by the shortest ways inside the region. A lane of one point is a place to take
    a picture at: the camera is on on the ways to and from it."""
    points, kinds = list[Point](), list[Leg]()
    place = False
    for number, back in tour:
        lane = lanes[number][::-1] if back else lanes[number]
        if points:
            way = paths.way(points[-1], lane[0])
            close = sum(hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(way)) <= CLOSE_LINES * spacing_m
            close = close or place or len(lane) == 1
            points += way[1:]
            kinds += [Leg.TURN if close else Leg.WAY] * (len(way) - 1)
        else:
            points.append(lane[0])
        place = len(lane) == 1
        points += lane[1:]
        kinds += [Leg.LINE] * (len(lane) - 1)
    return Route(points, kinds)


def trigger_for(length_m: float, trigger_m: float) -> float:
    """The trigger distance for a leg: at most the one asked for, and such that its last picture is at its end; in
    whole centimetres, a little short so that rounding loses no picture. A very short leg takes one picture."""
    steps = max(ceil(length_m / trigger_m - 1e-6), 1)
    return max(int((length_m / steps - ROUNDING_M) * 100) / 100, 0.01) if length_m > 2 * ROUNDING_M else SHORT_M


def cells_seen(a: Point, b: Point, trigger_m: float, line_m: float, asked_m: float) -> BaseGeometry:
    """The ground of a leg's pictures at the asked overlap: `line_m` across, half of `asked_m` beyond first and last."""
    length = hypot(b[0] - a[0], b[1] - a[1])
    east, north = ((b[0] - a[0]) / length, (b[1] - a[1]) / length) if length > 1e-9 else (1.0, 0.0)
    last = picture_points(a, b, trigger_m)[-1]
    ahead, side = np.array([east, north]) * asked_m / 2, np.array([-north, east]) * line_m / 2
    p, q = np.array(a) - ahead, np.array(last) + ahead
    return shapely.polygons([p + side, q + side, q - side, p - side])


def seen_by(route: Route, line_m: float, trigger_m: float) -> BaseGeometry:
    """All ground that a route's pictures cover at the asked overlap."""
    legs = [
        cells_seen(a, b, trigger_for(hypot(b[0] - a[0], b[1] - a[1]), trigger_m), line_m, trigger_m)
        for a, b, kind in route.legs
        if kind is not Leg.WAY
    ]
    return shapely.union_all(legs)
