"""Zones drawn on the ground, and a thing on the ground as the rules of `edge/watch` want to see it.

The rules know one camera's picture. What they get here is a map as a picture, north up, the thing in its middle: so
class x zone x street x time x dwell x confirmations are decided by the same code for kiosk and drone. A rule's
`area_share_min` is a share of a kiosk's picture and is never met from the air.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from drone.seeing.things import Thing
from edge.watch.places import Spot
from edge.watch.rules import EDGE_SHARE, Zone

CAMERA = "air"
MAP_PX = 10_000
M_PER_DEGREE = 111_320.0
BYTES_MAX, ZONES_MAX = 5_000_000, 5_000
REACH_MIN_M = 50.0  # of the map: half its side; the rules forgive EDGE_SHARE of it, which is to be one sigma


class ZonesError(ValueError):
    """A file of zones that cannot be used; `str()` is one line."""


@dataclass(frozen=True)
class GroundZone:
    """A zone as drawn: corners as (lat, lon), WGS-84. kind, street: as in a kiosk's zones."""

    name: str
    kind: str
    corners: tuple[tuple[float, float], ...]
    street: str = ""


def read_zones(path: Path) -> tuple[GroundZone, ...]:
    """GeoJSON polygons with properties name, kind and, where it matters, street. Raises ZonesError."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise ZonesError(f"{path}: larger than {BYTES_MAX // 1_000_000} MB; simplify the outlines")
        data = msgspec.json.decode(path.read_bytes())
        features = data["features"]
        zones = tuple(_zone(feature, number) for number, feature in enumerate(features))
    except OSError as error:
        raise ZonesError(f"{path}: cannot be read ({error.strerror})") from None
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        words = "give a FeatureCollection of polygons with properties name and kind"
        raise ZonesError(f"{path}: no zones ({error}); {words}") from None
    if len(zones) > ZONES_MAX:
        raise ZonesError(f"{path}: {len(zones)} zones, at most {ZONES_MAX}; give the patrol's own area")
    return zones


def _zone(feature: Any, number: int) -> GroundZone:
    geometry, told = feature["geometry"], feature.get("properties") or {}
    if geometry["type"] != "Polygon":
        raise ValueError(f"feature {number} is a {geometry['type']}, not a Polygon")
    corners = tuple((float(at[1]), float(at[0])) for at in geometry["coordinates"][0])
    if len(corners) < 4 or any(abs(lat) > 90 or abs(lon) > 180 for lat, lon in corners):
        raise ValueError(f"feature {number}: fewer than three corners, or not longitude, latitude")
    return GroundZone(str(told.get("name", number)), str(told["kind"]), corners[:-1], str(told.get("street", "")))


def on_map(thing: Thing, zones: tuple[GroundZone, ...]) -> tuple[Spot, list[Zone]]:
    """The thing and the zones around it in a map picture that is so wide that what the rules forgive at a zone's edge
    is one sigma of the thing's place. A zone that lies elsewhere stays in the list: that is not "no zones"."""
    here = thing.estimate()
    place = here.place()
    half_m = max(place.error_major_m / EDGE_SHARE / 2, REACH_MIN_M)
    shrink = math.cos(math.radians(here.lat))

    def share(lat: float, lon: float) -> tuple[float, float]:
        east, north = (lon - here.lon) * M_PER_DEGREE * shrink, (lat - here.lat) * M_PER_DEGREE
        return 0.5 + east / (2 * half_m), 0.5 - north / (2 * half_m)

    middle = MAP_PX / 2
    spot = Spot(
        spot_id=thing.thing_id,
        camera=CAMERA,
        case_class=thing.case_class,
        box=(middle - 1, middle - thing.height_px, middle + 1, middle),
        frame_width=MAP_PX,
        frame_height=MAP_PX,
        first_seen=thing.first_seen,
        last_seen=thing.last_seen,
        hits=thing.hits,
        looks=thing.looks,
        score=thing.score,
        labels=thing.labels,
    )
    drawn = [
        msgspec.convert(
            {"name": z.name, "kind": z.kind, "polygon": [share(*at) for at in z.corners], "street": z.street}, Zone
        )
        for z in zones
    ]
    return spot, drawn
