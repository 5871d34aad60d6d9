"""WGS-84 -> GCJ-02 (火星坐标), for display alone: what is stored stays WGS-84.

The formula is not published by its authority; this is the one that everybody uses, from the "wgtochina_lb" code of
2010, in the form of the eviltransform project (https://github.com/googollee/eviltransform, MIT).
"""

import math

_A_M = 6378245.0  # Krasovsky 1940, as in the original
_EE = 0.00669342162296594323


def shifted(lat: float, lon: float) -> tuple[float, float]:
    """(lat, lon) in GCJ-02, degrees; a point outside China stays where it is. The shift is 50 to 700 m."""
    if not (72.004 <= lon <= 137.8347 and 0.8293 <= lat <= 55.8271):
        return lat, lon
    north, east = _shift(lon - 105.0, lat - 35.0)
    phi = math.radians(lat)
    magic = 1 - _EE * math.sin(phi) ** 2
    root = math.sqrt(magic)
    north = math.degrees(north / (_A_M * (1 - _EE) / (magic * root)))
    east = math.degrees(east / (_A_M / root * math.cos(phi)))
    return lat + north, lon + east


def _shift(x: float, y: float) -> tuple[float, float]:
    """Metres north and east."""
    xy, root = x * y, math.sqrt(abs(x))
    both = 20.0 * math.sin(6.0 * x * math.pi) + 20.0 * math.sin(2.0 * x * math.pi)
    north = both + 20.0 * math.sin(y * math.pi) + 40.0 * math.sin(y * math.pi / 3.0)
    north += 160.0 * math.sin(y * math.pi / 12.0) + 320.0 * math.sin(y * math.pi / 30.0)
    east = both + 20.0 * math.sin(x * math.pi) + 40.0 * math.sin(x * math.pi / 3.0)
    east += 150.0 * math.sin(x * math.pi / 12.0) + 300.0 * math.sin(x * math.pi / 30.0)
    north = north * 2.0 / 3.0 - 100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * xy + 0.2 * root
    east = east * 2.0 / 3.0 + 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * xy + 0.1 * root
    return north, east
