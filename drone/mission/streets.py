"""Lines along streets: one over the middle, or several side by side when the street is wider than the camera sees."""

from math import ceil

import shapely
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from drone.mission.errors import PlanError
from drone.mission.geojson import Site
from drone.mission.sweep import LANE_MIN_M, Lane


def street_lanes(site: Site, fly: BaseGeometry, width_m: float, line_m: float) -> tuple[list[Lane], BaseGeometry]:
    """(lanes inside `fly`, the ground to be seen: streets of `width_m` where flying is allowed)."""
    if not width_m > 0:
        raise PlanError(f"street width {width_m:g} m: give the width to be seen, in metres")
    count = max(ceil(width_m / line_m - 1e-6), 1)
    aside = [width_m * ((k + 0.5) / count - 0.5) for k in range(count)]
    lanes: list[Lane] = []
    for street in site.streets:
        for off in aside:
            line = street if abs(off) < 1e-6 else shapely.offset_curve(street, off, join_style="mitre", mitre_limit=2.0)
            lanes += _pieces(line.intersection(fly))
    streets = shapely.union_all([s.buffer(width_m / 2, cap_style="flat", join_style="mitre") for s in site.streets])
    return lanes, streets.intersection(site.free)


def _pieces(cut: BaseGeometry) -> list[Lane]:
    merged = shapely.line_merge(cut) if cut.geom_type == "MultiLineString" else cut
    parts = [merged] if isinstance(merged, LineString) else list(getattr(merged, "geoms", ()))
    kept = [p.simplify(0.1) for p in parts if isinstance(p, LineString) and p.length >= LANE_MIN_M]
    return [tuple((float(x), float(y)) for x, y, *_ in p.coords) for p in kept]
