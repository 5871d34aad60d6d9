"""East, north, up and WGS-84 degrees, for many points at once; PROJ and pymap3d do the geodesy.

pymap3d alone takes a millisecond a call for the way back from ECEF, and every place in a picture needs three calls.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pymap3d
from numpy.typing import NDArray
from pyproj import Transformer

Array = NDArray[np.float64]
GEODETIC, GEOCENTRIC = "EPSG:4979", "EPSG:4978"  # WGS-84 in degrees and ellipsoidal height; the same as x, y, z


@cache
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def to_places(east_north_up: Array, origins: Array) -> Array:
    """(N, 3) metres from (N, 3) or (1, 3) origins (lat, lon, height) -> (N, 3) lat, lon, height."""
    lat, lon, height = origins.T
    x0, y0, z0 = _transformer(GEODETIC, GEOCENTRIC).transform(lon, lat, height)
    u, v, w = pymap3d.enu2uvw(*east_north_up.T, lat, lon)
    out_lon, out_lat, out_height = _transformer(GEOCENTRIC, GEODETIC).transform(x0 + u, y0 + v, z0 + w)
    return np.column_stack([out_lat, out_lon, out_height])


def to_metres(places: Array, origins: Array) -> Array:
    """(N, 3) lat, lon, height -> (N, 3) east, north, up in m from (N, 3) or (1, 3) origins."""
    lat, lon, height = origins.T
    x, y, z = _transformer(GEODETIC, GEOCENTRIC).transform(places[:, 1], places[:, 0], places[:, 2])
    x0, y0, z0 = _transformer(GEODETIC, GEOCENTRIC).transform(lon, lat, height)
    return np.column_stack(pymap3d.ecef2enuv(x - x0, y - y0, z - z0, lat, lon))
