"""Flights to places that wait for a look: a viewpoint for each inside the fence, camera on the place, a picture."""

from __future__ import annotations

from math import cos, pi, radians, sin, tan

import numpy as np

from drone.mission.build import Ground, Planned, Settings, fence_of
from drone.mission.errors import PlanError
from drone.mission.frame import Point
from drone.mission.geojson import Check, Site
from drone.mission.plan import Flight, Plan, Waypoint
from drone.mission.route import Leg, Route
from drone.mission.split import split
from drone.mission.tour import best_tour

PITCH_MIN_DEG, PITCH_MAX_DEG = -90.0, -15.0  # flatter, a place on the ground is known too badly
BEARINGS = 16
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0, 1.5, 2.0, 3.0, 4.0)  # of the distance that the pitch asks for, best first
CHECKS_MAX = 200


def plan_revisits(site: Site, settings: Settings) -> Planned:
    """Every check of the site seen once, on the shortest tour found. Raises PlanError."""
    if not site.checks:
        raise PlanError('no places to look at in it; add points with "kind": "check"')
    if len(site.checks) > CHECKS_MAX:
        raise PlanError(f"{len(site.checks)} places, at most {CHECKS_MAX} in one plan; send the most urgent")
    if not PITCH_MIN_DEG <= settings.pitch_deg <= PITCH_MAX_DEG:
        raise PlanError(f"camera pitch {settings.pitch_deg:g}: give -90 (down) to -15 degrees")
    ground = Ground(site, settings)
    ground.base.stay_s = settings.hold_s
    views = [viewpoint(check, ground) for check in site.checks]
    ends = [view for view in views for _ in range(2)]
    matrix = ground.paths.matrix([*ends, ground.home])
    if not np.isfinite(matrix).all():
        raise PlanError("a place cannot be reached inside the fence; plan each part with its own home")
    order = [number for number, _ in best_tour([[k] for k in range(len(views))], matrix)]
    route = _visiting([views[k] for k in order], ground)
    parts, todo = split(route, ground.base), list(order)
    flights = [_flight(part, todo, ground) for part in parts]
    plan = Plan(fence_of(site), tuple(flights))
    return Planned(plan, "revisit", ground.spacing, ground.speed_mps, 1.0, None, route.length_m, len(views))


def viewpoint(check: Check, ground: Ground) -> Point:
    """From where to look: as far off as the camera's pitch asks, else nearer, else farther, inside the fence; nearest
    to home. Raises PlanError when the place lies too deep in ground where nothing may be flown."""
    off = ground.settings.height_m / tan(radians(-ground.settings.pitch_deg))
    farthest = ground.settings.height_m / tan(radians(-PITCH_MAX_DEG))
    for share in (s for s in SHARES if s * off <= farthest):
        ring = [
            (check.at[0] + off * share * sin(b), check.at[1] + off * share * cos(b))
            for b in (2 * pi * k / BEARINGS for k in range(BEARINGS))
        ]
        inside = [p for p in ring if ground.paths.contains(p)]
        if inside:
            return min(inside, key=lambda p: (p[0] - ground.home[0]) ** 2 + (p[1] - ground.home[1]) ** 2)
    lat, lon = ground.site.frame.geo([check.at])[0]
    raise PlanError(f"check {check.id} at {lat:.6f}, {lon:.6f}: no viewpoint inside the fence; move the fence")


def _visiting(views: list[Point], ground: Ground) -> Route:
    """Each view as a leg without length (the picture), ways between."""
    points, kinds = [views[0], views[0]], [Leg.LINE]
    for view in views[1:]:
        way = ground.paths.way(points[-1], view)
        points += [*way[1:], view]
        kinds += [*[Leg.WAY] * (len(way) - 1), Leg.LINE]
    return Route(points, kinds)


def _flight(route: Route, todo: list[int], ground: Ground) -> Flight:
    """A route as a flight; takes the checks that it visits from the front of `todo`."""
    frame, settings = ground.site.frame, ground.settings
    height = round(settings.height_m, 3)
    waypoints = list[Waypoint]()
    for _, b, kind in route.legs:
        lat, lon = frame.e7([b])[0]
        if kind is Leg.WAY:
            waypoints.append(Waypoint(lat, lon, height))
            continue
        aim = frame.e7([ground.site.checks[todo.pop(0)].at])[0]
        here = Waypoint(lat, lon, height, hold_s=round(settings.hold_s, 3), shot=True, look_at=aim)
        same = bool(waypoints) and not waypoints[-1].shot and waypoints[-1].place == here.place
        waypoints = [*waypoints[: len(waypoints) - same], here]
    home = frame.e7([ground.home])[0]
    return Flight(home, height, ground.speed_mps, settings.pitch_deg, tuple(waypoints), settings.above)
