"""WGS-84 <-> metres east and north of an origin: the tangent plane of pymap3d, good for areas of some kilometres."""

from collections.abc import Iterable, Sequence

import numpy as np
import pymap3d
from numpy.typing import NDArray

EARTH_RADIUS_M = 6_371_000.0
E7 = 10_000_000

Point = tuple[float, float]
"""(east, north) in metres of a Frame."""
GeoE7 = tuple[int, int]
"""(latitude, longitude) in 1e-7 degrees, WGS-84: what MAVLink carries."""


class Frame:
    """A tangent plane at (lat, lon) degrees. The ground's drop below the plane is allowed for, so that there and back
    agrees to a millimetre within 10 km."""

    def __init__(self, lat: float, lon: float) -> None:
        self.lat, self.lon = lat, lon

    def local(self, lat: Sequence[float], lon: Sequence[float]) -> NDArray[np.float64]:
        """(N, 2) metres east, north of places given in degrees."""
        degrees = np.asarray(lat, float), np.asarray(lon, float)
        east, north, _ = pymap3d.geodetic2enu(*degrees, 0.0, self.lat, self.lon, 0.0)
        return np.column_stack([east, north])

    def geo(self, points: Iterable[Point]) -> NDArray[np.float64]:
        """(N, 2) degrees latitude, longitude of points in metres."""
        xy = np.asarray(list(points), float).reshape(-1, 2)
        up = -(xy**2).sum(1) / (2 * EARTH_RADIUS_M)
        lat, lon, _ = pymap3d.enu2geodetic(xy[:, 0], xy[:, 1], up, self.lat, self.lon, 0.0)
        return np.column_stack([lat, lon])

    def e7(self, points: Iterable[Point]) -> list[GeoE7]:
        """Points in metres as (latitude, longitude) in 1e-7 degrees."""
        return [(round(lat * E7), round(lon * E7)) for lat, lon in self.geo(points)]

    def of_e7(self, places: Iterable[GeoE7]) -> list[Point]:
        """The way back from `e7`."""
        degrees = np.asarray(list(places), float).reshape(-1, 2) / E7
        return [(float(x), float(y)) for x, y in self.local(degrees[:, 0].tolist(), degrees[:, 1].tolist())]
