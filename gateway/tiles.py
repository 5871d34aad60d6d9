"""Small tiles of the ground, numbered so that a box on the map is a few ranges of one index (Z-order curve)."""

import math
from dataclasses import dataclass

LEVEL = 18  # 2^18 tiles around the globe and as many from pole to pole: about 120 m x 76 m at 34 degrees north
RANGES_MAX = 12
METRES_PER_DEGREE = 111_320.0
_SIDE = 1 << LEVEL


@dataclass(frozen=True)
class Box:
    """A box on the map in degrees, WGS-84; it does not cross the date line. Raises ValueError."""

    south: float
    west: float
    north: float
    east: float

    def __post_init__(self) -> None:
        if not (-90 <= self.south <= self.north <= 90 and -180 <= self.west <= self.east <= 180):
            raise ValueError(f"no box on the map: {self.south},{self.west},{self.north},{self.east}; give S,W,N,E")


def around(lat: float, lon: float, metres: float) -> Box:
    """The box that holds every point within so many metres (flat earth: good for some hundreds)."""
    north = metres / METRES_PER_DEGREE
    east = north / max(0.01, math.cos(math.radians(lat)))
    return Box(max(-90.0, lat - north), max(-180.0, lon - east), min(90.0, lat + north), min(180.0, lon + east))


def apart_m(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Metres between two points near each other."""
    north, east = other_lat - lat, (other_lon - lon) * math.cos(math.radians(lat))
    return math.hypot(north, east) * METRES_PER_DEGREE


def tile(lat: float, lon: float) -> int:
    """The number of the tile that a point lies in; below 2^36."""
    return _number(_column(lon), _row(lat))


def cover(box: Box) -> list[tuple[int, int]]:
    """At most RANGES_MAX ranges [first, last] of tile numbers that hold the box and little else, ascending, apart."""
    x, y = (_column(box.west), _column(box.east)), (_row(box.south), _row(box.north))
    whole: list[tuple[int, int, int]] = []
    partly = [(LEVEL, 0, 0)]
    while partly:
        inside = [quad for quad in partly if _inside(quad, x, y)]
        cut = [child for quad in partly if quad not in inside for child in _children(quad) if _meets(child, x, y)]
        if len(whole) + len(inside) + len(cut) > RANGES_MAX:
            break
        whole, partly = whole + inside, cut
    return _joined(sorted(_range(quad) for quad in whole + partly))


def cluster_shift(box: Box, across_max: int) -> int:
    """By how many bits tile numbers are cut off so that at most about `across_max` clusters stand side by side."""
    wide = max(_column(box.east) - _column(box.west), _row(box.north) - _row(box.south)) + 1
    return 2 * max(0, math.ceil(math.log2(wide / across_max)))


def _column(lon: float) -> int:
    return min(_SIDE - 1, max(0, int((lon + 180.0) / 360.0 * _SIDE)))


def _row(lat: float) -> int:
    return min(_SIDE - 1, max(0, int((lat + 90.0) / 180.0 * _SIDE)))


def _number(column: int, row: int) -> int:
    """Bits in turn: a square block of tiles that stands at a multiple of its side is one range of numbers."""
    return _spread(column) | _spread(row) << 1


def _spread(bits: int) -> int:
    """A nought between every two bits of an 18-bit number."""
    for shift, mask in ((16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF), (4, 0x0F0F0F0F0F0F0F0F)):
        bits = (bits | bits << shift) & mask
    bits = (bits | bits << 2) & 0x3333333333333333
    return (bits | bits << 1) & 0x5555555555555555


# A quad: (level, column, row) is a block of 2^level x 2^level tiles.
def _children(quad: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    level, column, row = quad
    return [(level - 1, 2 * column + dx, 2 * row + dy) for dy in (0, 1) for dx in (0, 1)]


def _inside(quad: tuple[int, int, int], x: tuple[int, int], y: tuple[int, int]) -> bool:
    level, column, row = quad
    last = (1 << level) - 1
    left, low = column << level, row << level
    return x[0] <= left and left + last <= x[1] and y[0] <= low and low + last <= y[1]


def _meets(quad: tuple[int, int, int], x: tuple[int, int], y: tuple[int, int]) -> bool:
    level, column, row = quad
    last = (1 << level) - 1
    left, low = column << level, row << level
    return left <= x[1] and x[0] <= left + last and low <= y[1] and y[0] <= low + last


def _range(quad: tuple[int, int, int]) -> tuple[int, int]:
    level, column, row = quad
    first = _number(column, row) << 2 * level
    return first, first + (1 << 2 * level) - 1


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for first, last in ranges:
        if found and found[-1][1] + 1 == first:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found
