"""The one plan type: what a vehicle needs to know, in units that every dialect can carry without loss."""

from itertools import pairwise
from math import hypot
from typing import Literal

import msgspec
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from drone.mission.frame import E7, Frame, GeoE7, Point

Ring = tuple[GeoE7, ...]
Above = Literal["home", "ground"]


class Waypoint(msgspec.Struct, frozen=True):
    """A place to fly to. Heights in whole millimetres' precision, places in 1e-7 degrees WGS-84.

    trigger_m: to the next waypoint a picture every so many metres, the first at once; 0 (and at the last): none.
    hold_s: stay so long; shot: take one picture after it; look_at: turn the camera to this place on the ground.
    """

    lat_e7: int
    lon_e7: int
    height_m: float
    trigger_m: float = 0.0
    hold_s: float = 0.0
    shot: bool = False
    look_at: GeoE7 | None = None

    @property
    def place(self) -> GeoE7:
        """(latitude, longitude) in 1e-7 degrees."""
        return self.lat_e7, self.lon_e7


class Flight(msgspec.Struct, frozen=True):
    """One battery: take off at home, the waypoints in order (the last is above home), land at home.

    above: heights count from the take-off place or from the ground below (terrain following). pitch_deg: camera, -90
    is straight down.
    """

    home: GeoE7
    height_m: float
    speed_mps: float
    pitch_deg: float
    waypoints: tuple[Waypoint, ...]
    above: Above = "home"


class Fence(msgspec.Struct, frozen=True):
    """Where to stay: inside one of `inside`, outside all of `outside`; rings are not closed by a repeated point."""

    inside: tuple[Ring, ...]
    outside: tuple[Ring, ...] = ()


class Plan(msgspec.Struct, frozen=True):
    """Flights in order and the fence that holds for all of them."""

    fence: Fence
    flights: tuple[Flight, ...]


def frame_of(plan: Plan) -> Frame:
    """A local frame for a plan: at the first corner of its fence."""
    lat, lon = plan.fence.inside[0][0]
    return Frame(lat / E7, lon / E7)


def region_of(fence: Fence, frame: Frame) -> BaseGeometry:
    """Where the fence lets fly, in metres."""
    inside, outside = (
        shapely.union_all([Polygon(frame.of_e7(ring)) for ring in rings]) for rings in (fence.inside, fence.outside)
    )
    return inside.difference(outside)


def points_of(flight: Flight, frame: Frame) -> list[Point]:
    """The flight's waypoints in metres."""
    return frame.of_e7([w.place for w in flight.waypoints])


def picture_points(a: Point, b: Point, trigger_m: float) -> list[Point]:
    """Where pictures are taken from a towards b: at a and every trigger_m after it."""
    length = hypot(b[0] - a[0], b[1] - a[1])
    if trigger_m <= 0:
        return []
    steps = [k * trigger_m / max(length, 1e-9) for k in range(int(length / trigger_m + 1e-6) + 1)]
    return [(a[0] + (b[0] - a[0]) * k, a[1] + (b[1] - a[1]) * k) for k in steps]


def pictures_of(flight: Flight) -> int:
    """How many pictures a flight takes."""
    lat, lon = flight.home
    way = points_of(flight, Frame(lat / E7, lon / E7))
    legs = zip(pairwise(way), flight.waypoints[:-1], strict=True) if way else ()
    return sum(len(picture_points(a, b, w.trigger_m)) for (a, b), w in legs) + sum(w.shot for w in flight.waypoints)
