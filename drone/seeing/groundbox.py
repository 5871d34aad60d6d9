"""Where the wire wants a camera and a box in its picture: a flying camera has no picture that stays.

So the "camera" of a drone's candidates is a square kilometre of the ground as a map, 1 cm a pixel, north up. The
gateway's rules for a camera that stands still hold for it: what lies on each other in it is one thing, neighbours that
the drone tells apart stay two, and a check carries the place back to whatever drone is asked.
"""

from __future__ import annotations

import math
import re

from drone.seeing.grid import degrees, metres, zone_of
from drone.seeing.sizes import SIZES
from drone.seeing.things import Thing
from edge.watch.boxes import Box
from edge.wire import Verify

SQUARE_M = 1000
PX_M = 100
FRAME_PX = SQUARE_M * PX_M
CAMERA = re.compile(r"ground-(\d{5})-(-?\d+)-(-?\d+)")


def box_of(thing: Thing) -> tuple[str, Box]:
    """(camera, box) of a thing."""
    here = thing.estimate()
    zone = zone_of(here.lat, here.lon)
    east, north = metres(zone, here.lat, here.lon)
    square = math.floor(east / SQUARE_M), math.floor(north / SQUARE_M)
    x, y = east - square[0] * SQUARE_M, (square[1] + 1) * SQUARE_M - north
    half = SIZES[thing.case_class].across_m / 2
    x1, y1, x2, y2 = ((v) * PX_M for v in (x - half, y - half, x + half, y + half))
    return f"ground-{zone}-{square[0]}-{square[1]}", (x1, y1, x2, y2)


def place_of(request: Verify) -> tuple[float, float] | None:
    """(lat, lon) of a check's box, None where its camera is none of ours."""
    found = CAMERA.fullmatch(request.camera)
    if found is None:
        return None
    zone, square_east, square_north = (int(part) for part in found.groups())
    x = (request.box[0] + request.box[2]) / 2 / request.frame_width * SQUARE_M
    y = (request.box[1] + request.box[3]) / 2 / request.frame_height * SQUARE_M
    return degrees(zone, square_east * SQUARE_M + x, (square_north + 1) * SQUARE_M - y)
