"""The seen-ledger for people: GeoJSON for a map program, a picture (SVG) for everybody."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Sequence
from html import escape
from typing import Any

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray

from drone.mission.geojson import polygons
from drone.seeing.grid import corners
from drone.seeing.ledger import Key, Look, area_m2
from drone.telemetry.sample import utc_text

STEPS = (2.0, 4.0, 8.0, float("inf"))  # cm/px: upper ends of the grades
WORDS = ("<= 2", "2-4", "4-8", "> 8")
COLOURS = ((112, 68, 0), (150, 140, 33), (98, 200, 122), (60, 231, 253))  # BGR, dark is fine
SIDE_PX_MAX, PIXELS_MAX = 4000, 16_000_000

Rows = Sequence[tuple[Key, Look]]


def grade_of(cm_px: float) -> int:
    """Which of STEPS a resolution falls into."""
    return next(n for n, step in enumerate(STEPS) if cm_px <= step)


def to_geojson(rows: Rows) -> dict[str, Any]:
    """One MultiPolygon per flight and grade, WGS-84, with times and the coarsest and flattest look in it."""
    groups = defaultdict[tuple[int, str, int], list[tuple[Key, Look]]](list)
    for key, look in rows:
        groups[key[0], key[3], grade_of(look.cm_px)].append((key, look))
    return {"type": "FeatureCollection", "features": [_feature(*group) for group in sorted(groups.items())]}


def _feature(group: tuple[int, str, int], rows: Rows) -> dict[str, Any]:
    zone, flight, grade = group
    cells = np.array([key[1:3] for key, _ in rows], np.float64)
    shape = shapely.union_all(shapely.box(cells[:, 0], cells[:, 1], cells[:, 0] + 1, cells[:, 1] + 1))
    rings = [[p.exterior, *p.interiors] for p in polygons(shape)]
    coordinates = [[corners(zone, np.array(ring.coords)).round(7).tolist() for ring in part] for part in rings]
    looks = [look for _, look in rows]
    told = {
        "flight": flight,
        "grade_cm_px": WORDS[grade],
        "area_m2": area_m2(rows),
        "cm_px_max": round(max(look.cm_px for look in looks), 2),
        "depression_deg_min": round(min(look.depression_deg for look in looks), 1),
        "clear_min": round(min(look.clear for look in looks), 2),
        "shift_m": round(max(look.shift_m for look in looks), 2),
        "first": utc_text(min(look.first_us for look in looks) / 1e6),
        "last": utc_text(max(look.last_us for look in looks) / 1e6),
    }
    return {
        "type": "Feature",
        "properties": told,
        "geometry": {"type": "MultiPolygon", "coordinates": coordinates},
    }


def to_svg(rows: Rows) -> str:
    """A picture with north up, one colour a grade, of the finest look at each cell.

    Raises ValueError for no rows, or for ground in several UTM zones or too far apart for one picture."""
    if not rows:
        raise ValueError("nothing was seen in that time")
    zones = {key[0] for key, _ in rows}
    if len(zones) > 1:
        raise ValueError(f"{len(zones)} UTM zones; ask for a time in which one was flown")
    cells = np.array([key[1:3] for key, _ in rows], np.int64)
    low, high = cells.min(axis=0), cells.max(axis=0)
    width, height = (int(n) + 3 for n in high - low)
    if width * height > PIXELS_MAX:
        raise ValueError(f"{width} x {height} m: too far apart for one picture; give --since")
    image = _raster(rows, cells - low + 1, (height, width))
    return _page(image, rows)


def _raster(rows: Rows, cells: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.uint8]:
    image = np.full((*shape, 3), 244, np.uint8)
    order = np.argsort([-look.cm_px for _, look in rows])
    for number in order.tolist():
        east, north = cells[number].tolist()
        image[shape[0] - 1 - north, east] = COLOURS[grade_of(rows[number][1].cm_px)]
    return image


def _page(image: NDArray[np.uint8], rows: Rows) -> str:
    height, width = image.shape[:2]
    scale = max(1, min(12, SIDE_PX_MAX // max(height, width), 900 // max(width, 1) + 1))
    done, data = cv2.imencode(".png", image)
    if not done:
        raise ValueError("the picture could not be written as PNG")
    wide, tall = max(width * scale, 640), height * scale
    looks = [look for _, look in rows]
    first, last = utc_text(min(o.first_us for o in looks) / 1e6), utc_text(max(o.last_us for o in looks) / 1e6)
    flights = len({key[3] for key, _ in rows})
    lines = [
        f"已看清地面 ground seen {area_m2(rows):.0f} m², {flights} 架次 flights, {first} – {last}",
        "每像素厘米 cm per pixel:",
    ]
    font = "font-family='sans-serif' font-size='14'"
    words = [f"<text x='12' y='{tall + 24 + 22 * n}' {font}>{escape(line)}</text>" for n, line in enumerate(lines)]
    keys = [
        f"<rect x='{200 + 90 * n}' y='{tall + 33}' width='14' height='14' fill='rgb({c[2]},{c[1]},{c[0]})'/>"
        f"<text x='{220 + 90 * n}' y='{tall + 46}' {font}>{escape(WORDS[n])}</text>"
        for n, c in enumerate(COLOURS)
    ]
    picture = base64.b64encode(data.tobytes()).decode()
    bar = f"<path d='M{wide - 20 - 10 * scale} 16 h{10 * scale}' stroke='#222' stroke-width='3'/>"
    north = f"<text x='{wide - 20 - 10 * scale}' y='34' {font}>10 m · 北 N ↑</text>"
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {wide} {tall + 60}'>"
    back = "<rect width='100%' height='100%' fill='#fff'/>"
    drawn = (
        f"<image href='data:image/png;base64,{picture}' width='{width * scale}' height='{tall}' "
        "style='image-rendering:pixelated'/>"
    )
    return "".join([head, back, drawn, bar, north, *words, *keys, "</svg>"])
