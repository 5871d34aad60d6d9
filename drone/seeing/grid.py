"""The earth in square cells of a metre, the same for every drone and flight: UTM zone, whole metres east and north."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

CELL_M = 1.0
LATITUDE_MAX = 84.0  # where UTM ends

Array = NDArray[np.float64]
Cells = NDArray[np.int64]  # (N, 2) east and north number of a cell in its zone


def zone_of(lat: float, lon: float) -> int:
    """EPSG number of the UTM zone of a place, WGS-84."""
    if not -80.0 <= lat <= LATITUDE_MAX:
        raise ValueError(f"latitude {lat:g}: outside UTM, which ends at -80 and {LATITUDE_MAX:g} degrees")
    return (32600 if lat >= 0 else 32700) + int((lon + 180.0) % 360.0 // 6) + 1


def metres(zone: int, lat: float, lon: float) -> tuple[float, float]:
    """(east, north) in the zone."""
    east, north = _to_utm(zone).transform(lon, lat)
    return float(east), float(north)


def degrees(zone: int, east: float, north: float) -> tuple[float, float]:
    """(lat, lon) of a place in the zone."""
    lon, lat = _to_degrees(zone).transform(east, north)
    return float(lat), float(lon)


def cells_around(zone: int, lat: float, lon: float, radius_m: float) -> Cells:
    """Every cell whose middle lies within a radius of a place, at least the one that holds it."""
    east, north = metres(zone, lat, lon)
    reach = math.ceil(radius_m / CELL_M) + 1
    middle = np.array([math.floor(east / CELL_M), math.floor(north / CELL_M)], np.int64)
    steps = np.arange(-reach, reach + 1)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) + middle
    off = (grid + 0.5) * CELL_M - (east, north)
    inside = (np.hypot(off[:, 0], off[:, 1]) <= radius_m) | (grid == middle).all(axis=1)
    return np.asarray(grid[inside], np.int64)


def middles(zone: int, cells: Cells) -> tuple[Array, Array]:
    """(lat (N,), lon (N,)) of cells' middles in degrees."""
    lon, lat = _to_degrees(zone).transform((cells[:, 0] + 0.5) * CELL_M, (cells[:, 1] + 0.5) * CELL_M)
    return np.asarray(lat, np.float64), np.asarray(lon, np.float64)


def corners(zone: int, points: Array) -> Array:
    """(N, 2) cell corners (whole numbers of cells) -> (N, 2) longitude, latitude, as GeoJSON has them."""
    lon, lat = _to_degrees(zone).transform(points[:, 0] * CELL_M, points[:, 1] * CELL_M)
    return np.column_stack([lon, lat])


@cache
def _to_utm(zone: int) -> Transformer:
    return Transformer.from_crs("EPSG:4326", f"EPSG:{zone}", always_xy=True)


@cache
def _to_degrees(zone: int) -> Transformer:
    return Transformer.from_crs(f"EPSG:{zone}", "EPSG:4326", always_xy=True)
