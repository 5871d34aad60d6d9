"""From a site and its settings to a plan: areas, streets and places to look at again."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from drone.mission.aircraft import Aircraft, Pace, Wind
from drone.mission.camera import Camera, Spacing, spacing_of
from drone.mission.errors import PlanError
from drone.mission.frame import Point
from drone.mission.geojson import Site, polygons
from drone.mission.law import Law
from drone.mission.patch import coverage_of
from drone.mission.paths import Paths, length_of
from drone.mission.plan import Above, Fence, Flight, Plan, Waypoint, pictures_of
from drone.mission.route import Route, seen_by
from drone.mission.search import search, toured
from drone.mission.split import Base, split, triggers
from drone.mission.streets import street_lanes

UNREACHED_MAX = 0.005


class Settings(msgspec.Struct, frozen=True):
    """How to fly. height_m above `above`; overlaps as shares; margin_m: kept from fence and zones; pitch_deg: the
    camera's in revisits (areas and streets look straight down); street_m: width to see along streets."""

    height_m: float = 60.0
    forward: float = 0.7
    side: float = 0.6
    margin_m: float = 2.0
    camera: Camera = Camera()
    aircraft: Aircraft = Aircraft()
    wind: Wind = Wind()
    law: Law = Law()
    above: Above = "home"
    angle_deg: float | None = None
    street_m: float = 20.0
    pitch_deg: float = -60.0
    hold_s: float = 4.0


class FlightFigures(msgspec.Struct, frozen=True):
    """What a flight takes: metres, seconds from take-off to landing, share of the battery left on landing."""

    length_m: float
    time_s: float
    battery_left: float
    pictures: int


class Planned(msgspec.Struct, frozen=True):
    """A plan and what is known of it. coverage: share of the area seen at the asked overlap; direction_deg: of the
    lines, from east against the clock; route_m: all lines and turns without the ways from and to home."""

    plan: Plan
    kind: Literal["area", "streets", "revisit"]
    spacing: Spacing
    speed_mps: float
    coverage: float
    direction_deg: float | None
    route_m: float
    lines: int


class Ground:
    """What planning stands on: where to fly, from where, how fast. Raises PlanError for what the law or the wind
    forbids."""

    def __init__(self, site: Site, settings: Settings) -> None:
        if settings.height_m > settings.law.height_max_m:
            law = settings.law
            raise PlanError(
                f"height {settings.height_m:g} m is above the limit of {law.height_max_m:g} m ({law.height_cite_en}); "
                f"fly lower | 高度{settings.height_m:g}米超过{law.height_max_m:g}米上限({law.height_cite_zh})"
            )
        self.site, self.settings = site, settings
        self.spacing = spacing_of(settings.camera, settings.height_m, settings.forward, settings.side)
        self.speed_mps = self._speed()
        fly = site.free.buffer(-settings.margin_m, join_style="mitre", mitre_limit=2.0).simplify(0.05)
        if fly.is_empty:
            raise PlanError(f"no room to fly with {settings.margin_m:g} m of margin; give a smaller --margin")
        self.fly, self.home = _part_of(fly, site)
        self.paths = Paths(self.fly)
        self.home = self.paths.snapped(self.home)
        pace = Pace(settings.aircraft, settings.wind, self.speed_mps)
        self.base = Base(self.home, settings.height_m, pace, self.paths)

    def _speed(self) -> float:
        """As asked, or slower where the camera could not follow."""
        slow = self.spacing.trigger_m / max(self.settings.camera.interval_min_s, 1e-9)
        return round(min(self.settings.aircraft.speed_mps, slow), 2)


def _part_of(fly: BaseGeometry, site: Site) -> tuple[BaseGeometry, Point]:
    """The part of the region that home lies in (the largest when no home is given), and home."""
    parts = sorted(polygons(fly), key=lambda p: -p.area)
    if site.home is None:
        place = parts[0].representative_point()
        return parts[0], (place.x, place.y)
    at = shapely.Point(site.home)
    if site.free.distance(at) > 0.5:
        raise PlanError("home lies outside the fence or in a no-fly zone; move it inside")
    return min(parts, key=lambda p: p.distance(at)), site.home


def plan_area(site: Site, settings: Settings) -> Planned:
    """A lawnmower over the site's area. Raises PlanError."""
    ground = Ground(site, settings)
    target = site.area.difference(site.no_fly)
    if target.is_empty:
        raise PlanError("no area to cover; draw a polygon, or plan streets or checks instead")
    _reachable(target, ground)
    best = search(ground, target)
    return _planned(ground, "area", best.route, best.share, float(np.degrees(best.angle)), best.lines)


def _reachable(target: BaseGeometry, ground: Ground) -> None:
    reach = ground.fly.buffer(ground.settings.margin_m + ground.spacing.line_m / 2)
    lost = target.difference(reach).area / target.area
    if lost > UNREACHED_MAX:
        raise PlanError(
            f"{lost:.1%} of the area cannot be reached from home inside the fence (zones or narrow places part it); "
            "plan each part with its own home"
        )


def plan_streets(site: Site, settings: Settings) -> Planned:
    """Along the site's streets, as many lines side by side as their width needs. Raises PlanError."""
    if not site.streets:
        raise PlanError("no streets in it; draw LineStrings")
    ground = Ground(site, settings)
    lanes, target = street_lanes(site, ground.fly, settings.street_m, ground.spacing.line_m)
    if not lanes:
        raise PlanError("no street lies where flying is allowed; move the fence")
    route = toured(ground, lanes, [[k] for k in range(len(lanes))])
    seen = seen_by(route, ground.spacing.line_m, ground.spacing.trigger_m)
    return _planned(ground, "streets", route, coverage_of(seen, target), None, len(lanes))


def _planned(
    ground: Ground, kind: Literal["area", "streets"], route: Route, share: float, direction: float | None, lines: int
) -> Planned:
    flights = tuple(flight_of(part, ground) for part in split(route, ground.base))
    plan = Plan(fence_of(ground.site), flights)
    return Planned(plan, kind, ground.spacing, ground.speed_mps, share, direction, route.length_m, lines)


def flight_of(route: Route, ground: Ground, pitch_deg: float = -90.0) -> Flight:
    """A route from home and back as a flight."""
    settings, frame = ground.settings, ground.site.frame
    places = frame.e7(route.points)
    gaps = [*triggers(route, ground.spacing.trigger_m), 0.0]
    height = round(settings.height_m, 3)
    waypoints = tuple(Waypoint(lat, lon, height, gap) for (lat, lon), gap in zip(places, gaps, strict=True))
    return Flight(frame.e7([ground.home])[0], height, ground.speed_mps, pitch_deg, waypoints[1:], settings.above)


def fence_of(site: Site) -> Fence:
    """The fence's outlines inside, its holes and no-fly zones outside."""
    inside, outside = [], []
    for polygon in polygons(site.fence):
        inside.append(polygon.exterior)
        outside += list(polygon.interiors)
    outside += [p.exterior for p in polygons(site.no_fly)]
    rings = [[tuple(site.frame.e7([(x, y) for x, y, *_ in r.coords[:-1]])) for r in rs] for rs in (inside, outside)]
    return Fence(tuple(rings[0]), tuple(rings[1]))


def figures(flight: Flight, ground: Ground) -> FlightFigures:
    """What a flight takes, counted again from the plan itself."""
    points = [ground.home, *ground.site.frame.of_e7([w.place for w in flight.waypoints])]
    pace = ground.base.pace
    seconds = ground.base.fixed_s + pace.way_s(points) + sum(w.hold_s for w in flight.waypoints)
    left = 1 - seconds / pace.aircraft.endurance_s
    return FlightFigures(length_of(points), seconds, left, pictures_of(flight))
