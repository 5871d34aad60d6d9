"""Plans over random areas with holes and no-fly zones, measured from their MAVLink items alone, beside another planner.

`measure(seeds)` gives the `plan` part of `zhuomu bench drone`: coverage, path_ratio, violations. What is measured reads
the items that a vehicle would get and shares no code with the planner but the local frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from statistics import median
from typing import Any

import msgspec
import numpy as np
import shapely
from shapely.geometry import LineString, MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from bench.drone_peer import PEER, peer_length_m
from drone.mission.aircraft import Aircraft
from drone.mission.build import Ground, Planned, Settings, figures, plan_area
from drone.mission.frame import E7, Frame
from drone.mission.geojson import Site, site_of
from drone.mission.items import Command, MissionItem, to_uploads

LAT, LON = 34.26, 117.18
ROUNDING_M = 0.05
ONE_BATTERY = Aircraft(endurance_s=100_000.0)  # one flight, so that whole paths are compared


class Figures(msgspec.Struct, frozen=True):
    """One area. path_m: from home over all of it and back; bound_m: area / line spacing, about the shortest that
    any path can be; peer_m: the other planner's path, None when it is not installed; violations:
    items and legs outside the fence, in a hole or in a zone."""

    seed: int
    coverage: float
    path_m: float
    bound_m: float
    peer_m: float | None
    violations: int
    flights: int


def measure(seeds: Iterable[int], settings: Settings | None = None) -> dict[str, Any]:
    """The worst coverage, the median and worst path ratio, all violations; `peer` names the other planner or says
    what is missing."""
    settings = settings or Settings(aircraft=ONE_BATTERY)
    every = [measured(seed, settings) for seed in seeds]
    ratios = [one.path_m / one.peer_m for one in every if one.peer_m]
    return {
        "areas": len(every),
        "coverage": round(min(one.coverage for one in every), 5),
        "coverage_median": round(median(one.coverage for one in every), 5),
        "path_ratio": round(median(ratios), 4) if ratios else None,
        "path_ratio_mean": round(sum(ratios) / len(ratios), 4) if ratios else None,
        "path_ratio_max": round(max(ratios), 4) if ratios else None,
        "bound_ratio": round(median(one.path_m / one.bound_m for one in every), 4),
        "violations": sum(one.violations for one in every),
        "peer": PEER if ratios else f"{PEER}: not installed (pip install zhuomu[bench])",
    }


def measured(seed: int, settings: Settings, compare: bool = True) -> Figures:
    """One random area planned and measured; compare: let the other planner try it too."""
    site = site_of(random_area(seed))
    planned, ground = plan_area(site, settings), Ground(site, settings)
    uploads = [upload.mission for upload in to_uploads(planned.plan)]
    target = site.area.difference(site.no_fly)
    seen = shapely.union_all([cell for items in uploads for cell in _cells(items, site.frame, planned)])
    return Figures(
        seed,
        float(seen.intersection(target).area / target.area),
        sum(figures(flight, ground).length_m for flight in planned.plan.flights),
        float(target.area / planned.spacing.line_m),
        peer_length_m(target, ground.fly, planned.spacing.line_m, ground.home) if compare else None,
        sum(violations(items, site) for items in uploads),
        len(uploads),
    )


def violations(items: Iterable[MissionItem], site: Site) -> int:
    """Items with a place and straight legs between them (home to home) that leave where flying is allowed."""
    placed = [item for item in items if item.x or item.y]
    places = site.frame.of_e7([(item.x, item.y) for item in placed])
    allowed = site.fence.difference(site.no_fly).buffer(ROUNDING_M)
    way = [places[0], *places[1:], places[0]]
    legs = [LineString(leg) for leg in pairwise(way) if leg[0] != leg[1]]
    shapes = [*map(Point, places), *legs]
    return int((~shapely.covers(allowed, shapes)).sum())


def _cells(items: Iterable[MissionItem], frame: Frame, planned: Planned) -> list[BaseGeometry]:
    """The ground of every picture at the asked overlap: a line spacing across the track, a trigger distance along."""
    cells: list[BaseGeometry] = []
    here, trigger = np.zeros(2), 0.0
    size = np.array([planned.spacing.trigger_m, planned.spacing.line_m]) / 2
    for item in items:
        if item.command == Command.DO_SET_CAM_TRIGG_DIST:
            trigger = item.param1
        elif item.command == Command.NAV_WAYPOINT:
            there = np.array(frame.of_e7([(item.x, item.y)])[0])
            run = there - here
            length = float(np.hypot(*run))
            if trigger > 0:
                ahead = run / length if length > 0 else np.array([1.0, 0.0])
                count = int(length / trigger + 1e-6) + 1
                cells += [_cell(here + ahead * trigger * k, ahead, size) for k in range(count)]
            here = there
    return cells


def _cell(at: Any, ahead: Any, size: Any) -> Polygon:
    along, across = ahead * size[0], np.array([-ahead[1], ahead[0]]) * size[1]
    return Polygon([at + along + across, at + along - across, at - along - across, at - along + across])


def random_area(seed: int) -> dict[str, Any]:
    """GeoJSON of a random polygon, 250 to 700 m across, with up to three holes and up to two no-fly zones."""
    rng = np.random.default_rng(seed)
    outline = _star(rng, (0.0, 0.0), (120.0, 350.0), int(rng.integers(5, 13)))
    holes, zones = list[Polygon](), list[Polygon]()
    for _ in range(int(rng.integers(1, 4))):
        hole = _star(rng, _inside(rng, outline), (12.0, 50.0), int(rng.integers(3, 8)))
        if outline.buffer(-12).contains(hole) and all(hole.distance(other) > 12 for other in holes):
            holes.append(hole)
    area = Polygon(outline.exterior, [hole.exterior for hole in holes])
    for _ in range(int(rng.integers(0, 3))):
        zone = _star(rng, _inside(rng, outline), (15.0, 60.0), int(rng.integers(3, 8)))
        if not isinstance(area.difference(shapely.union_all([*zones, zone]).buffer(8)), MultiPolygon):
            zones.append(zone)
    features = [_feature("area", area), *(_feature("no_fly", zone) for zone in zones)]
    return {"type": "FeatureCollection", "features": features}


def _star(rng: np.random.Generator, at: tuple[float, float], radii: tuple[float, float], corners: int) -> Polygon:
    """A polygon whose corners lie round `at`, none of its edges crossing."""
    angles = (np.arange(corners) + rng.uniform(0.1, 0.9, corners)) * 2 * np.pi / corners
    reach = rng.uniform(*radii, corners)
    return Polygon(np.column_stack([at[0] + reach * np.cos(angles), at[1] + reach * np.sin(angles)]))


def _inside(rng: np.random.Generator, outline: Polygon) -> tuple[float, float]:
    x1, y1, x2, y2 = outline.bounds
    while True:
        x, y = rng.uniform(x1, x2), rng.uniform(y1, y2)
        if outline.contains(Point(x, y)):
            return float(x), float(y)


def _feature(kind: str, polygon: Polygon) -> dict[str, Any]:
    frame = Frame(LAT, LON)
    rings = [
        [[lon / E7, lat / E7] for lat, lon in frame.e7([(x, y) for x, y in ring.coords])]
        for ring in (polygon.exterior, *polygon.interiors)
    ]
    return {
        "type": "Feature",
        "properties": {"kind": kind},
        "geometry": {"type": "Polygon", "coordinates": rings},
    }
