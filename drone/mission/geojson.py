"""What is asked for, out of GeoJSON (RFC 7946, WGS-84, longitude first): area, fence, no-fly zones, streets, places.

A feature's `kind` property says what it is: polygons `area` (default), `fence`, `no_fly`; lines `street` (default);
points `home` and `check` (a place that waits for a look; its `id` is kept).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import shapely
from shapely.geometry import LineString, MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.validation import explain_validity

from drone.mission.errors import PlanError
from drone.mission.frame import Frame, Point

BYTES_MAX = 5_000_000
POINTS_MAX = 5_000
ACROSS_MAX_M = 20_000.0
AREA_MIN_M2 = 1.0
KINDS = {"Polygon": ("area", "fence", "no_fly"), "LineString": ("street",), "Point": ("home", "check")}


class Check(msgspec.Struct, frozen=True):
    """A place that waits for a look, metres of the site's frame."""

    id: str
    at: Point


class Site(msgspec.Struct, frozen=True):
    """All that was read, in metres of `frame`. area: to be covered, may be empty; fence: the flight stays inside it."""

    frame: Frame
    area: BaseGeometry
    fence: BaseGeometry
    no_fly: BaseGeometry
    streets: tuple[LineString, ...]
    home: Point | None
    checks: tuple[Check, ...]

    @property
    def free(self) -> BaseGeometry:
        """Where flying is allowed."""
        return self.fence.difference(self.no_fly)


def read_site(path: Path) -> Site:
    """A site out of a file. Raises PlanError with one line."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise PlanError(f"{path}: larger than {BYTES_MAX // 1_000_000} MB; simplify the outlines")
        data = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise PlanError(f"{path}: cannot be read ({error.strerror})") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"{path}: not GeoJSON ({error}); export the area as GeoJSON, WGS-84") from None
    try:
        return site_of(data)
    except PlanError as error:
        raise PlanError(f"{path}: {error}") from None


def site_of(data: Any) -> Site:
    """A site out of decoded GeoJSON: FeatureCollection, Feature or a bare geometry."""
    shapes = [shape for number, feature in enumerate(_features(data)) for shape in _shapes(feature, number)]
    if not shapes:
        raise PlanError("nothing to plan in it; draw an area (Polygon), streets (LineString) or checks (Point)")
    if sum(len(ring) for _, _, rings in shapes for ring in rings) > POINTS_MAX:
        raise PlanError(f"more than {POINTS_MAX} points; simplify the outlines")
    corners = [p for _, _, rings in shapes for ring in rings for p in ring]
    lons, lats = [p[0] for p in corners], [p[1] for p in corners]
    frame = Frame((min(lats) + max(lats)) / 2, (min(lons) + max(lons)) / 2)
    reach = frame.local([min(lats), max(lats)], [min(lons), max(lons)])
    if float(abs(reach[1] - reach[0]).max()) > ACROSS_MAX_M:
        raise PlanError(f"more than {ACROSS_MAX_M / 1000:g} km across; plan it in parts")
    found: dict[str, list[Any]] = {kind: [] for kinds in KINDS.values() for kind in kinds}
    for kind, name, rings in shapes:
        local = [frame.local([p[1] for p in ring], [p[0] for p in ring]).tolist() for ring in rings]
        found[kind].append(_made(kind, name, local, frame))
    return _site(frame, found)


def _site(frame: Frame, found: dict[str, list[Any]]) -> Site:
    area, fence, no_fly = (shapely.union_all(found[k]) for k in ("area", "fence", "no_fly"))
    if fence.is_empty:
        fence = area
    if fence.is_empty:
        raise PlanError('streets and checks need a polygon to stay inside; add one with "kind": "fence"')
    if area.difference(fence.buffer(0.1)).area > AREA_MIN_M2:
        raise PlanError("the area reaches outside the fence; draw the fence around it")
    if fence.difference(no_fly).area < AREA_MIN_M2:
        raise PlanError("no-fly zones cover the whole fence; nothing may be flown here")
    if not area.is_empty and area.difference(no_fly).area < AREA_MIN_M2:
        raise PlanError("no-fly zones cover the whole area; nothing may be flown here")
    if len(found["home"]) > 1:
        raise PlanError(f"{len(found['home'])} homes; give one")
    home = found["home"][0].at if found["home"] else None
    return Site(frame, area, fence, no_fly, tuple(found["street"]), home, tuple(found["check"]))


def _features(data: Any) -> list[Any]:
    kind = data.get("type") if isinstance(data, dict) else None
    if kind == "FeatureCollection" and isinstance(data.get("features"), list):
        return list(data["features"])
    if kind == "Feature":
        return [data]
    if kind in ("Polygon", "MultiPolygon", "LineString", "MultiLineString", "Point"):
        return [{"type": "Feature", "geometry": data, "properties": {}}]
    raise PlanError("not GeoJSON: its type is neither FeatureCollection, Feature nor a geometry")


def _shapes(feature: Any, number: int) -> list[tuple[str, str, list[list[list[float]]]]]:
    """(kind, name, rings of [longitude, latitude]) of a feature; a multi-geometry gives several."""
    if not isinstance(feature, dict) or not isinstance(feature.get("geometry"), dict):
        raise PlanError(f"feature {number}: no geometry")
    geometry, properties = feature["geometry"], feature.get("properties") or {}
    shape, coordinates = str(geometry.get("type")), geometry.get("coordinates")
    single = shape.removeprefix("Multi")
    if single not in KINDS:
        raise PlanError(f"feature {number}: {shape} is not used here; draw polygons, lines and points")
    kind = str(properties.get("kind", KINDS[single][0]))
    if kind not in KINDS[single]:
        raise PlanError(f"feature {number}: kind {kind!r} for a {single}; use one of {', '.join(KINDS[single])}")
    parts = coordinates if shape != single else [coordinates]
    if not isinstance(parts, list):
        raise PlanError(f"feature {number}: coordinates are missing")
    name = str(properties.get("id", feature.get("id", number)))
    return [(kind, name, [_ring(r, number) for r in _rings(part, single)]) for part in parts]


def _rings(part: Any, single: str) -> list[Any]:
    if single == "Polygon":
        return part if isinstance(part, list) and part else [None]
    return [[part]] if single == "Point" else [part]


def _ring(ring: Any, number: int) -> list[list[float]]:
    if not isinstance(ring, list) or not ring:
        raise PlanError(f"feature {number}: coordinates are missing")
    for at in ring:
        numbers = isinstance(at, list) and len(at) >= 2 and all(type(v) in (int, float) for v in at[:2])
        if not numbers or not all(abs(v) < 1e9 for v in at[:2]):
            raise PlanError(f"feature {number}: {str(at)[:40]} is no [longitude, latitude]")
        lon, lat = at[:2]
        if abs(lat) > 75 or abs(lon) > 180:
            reason = "GeoJSON wants [longitude, latitude] in degrees; were they swapped, or is it another projection?"
            raise PlanError(f"feature {number}: latitude {lat:g}, longitude {lon:g}: {reason}")
    return [[float(at[0]), float(at[1])] for at in ring]


def _made(kind: str, name: str, rings: list[list[list[float]]], frame: Frame) -> Any:
    if kind in KINDS["Point"]:
        return Check(name, (rings[0][0][0], rings[0][0][1]))
    if kind == "street":
        if len(rings[0]) < 2 or LineString(rings[0]).length < 1:
            raise PlanError(f"street {name}: give at least two points that lie apart")
        return LineString(rings[0])
    if any(len(ring) < 4 for ring in rings):
        raise PlanError(f"{kind} {name}: fewer than three corners; a polygon's last point repeats its first")
    polygon = Polygon(rings[0], rings[1:])
    if not polygon.is_valid:
        reason, _, where = explain_validity(polygon).partition("[")
        x, y = (float(v) for v in where.rstrip("]").split()) if where else (0.0, 0.0)
        lat, lon = frame.geo([(x, y)])[0]
        raise PlanError(
            f"{kind} {name}: outline is not simple ({reason.strip().lower()} near {lat:.6f}, {lon:.6f}); redraw it"
        )
    if polygon.area < AREA_MIN_M2:
        raise PlanError(f"{kind} {name}: empty area ({polygon.area:.2f} m2); draw it larger")
    return polygon


def polygons(shape: BaseGeometry) -> list[Polygon]:
    """The polygons of a geometry, lines and points left out."""
    if isinstance(shape, Polygon):
        return [] if shape.is_empty else [shape]
    if isinstance(shape, MultiPolygon) or hasattr(shape, "geoms"):
        return [p for part in shape.geoms for p in polygons(part)]
    return []
