"""Where the sample street lies on the earth: a local tangent plane in metres around a WGS-84 anchor."""

from __future__ import annotations

from dataclasses import dataclass

import pymap3d

DATUM = "WGS-84"


@dataclass(frozen=True)
class Anchor:
    """Origin of the local plane: latitude and longitude in degrees, WGS-84, ellipsoidal height taken as 0 m."""

    lat: float = 34.2610
    lon: float = 117.1880

    def to_wgs84(self, east_m: float, north_m: float) -> tuple[float, float]:
        """Local east/north metres on the street's plane -> (lat, lon) degrees, WGS-84."""
        lat, lon, _ = pymap3d.enu2geodetic(east_m, north_m, 0.0, self.lat, self.lon, 0.0)
        return float(lat), float(lon)

    def to_local(self, lat: float, lon: float) -> tuple[float, float]:
        """(lat, lon) degrees, WGS-84 -> local (east_m, north_m); exact to better than a micrometre within 100 m."""
        east, north, _ = pymap3d.geodetic2enu(lat, lon, 0.0, self.lat, self.lon, 0.0)
        return float(east), float(north)
