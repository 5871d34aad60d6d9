"""A track in figures: span, rates, path, datums; what a person asks of a file before using it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pymap3d

from drone.telemetry.buffer import GAP_MAX_S
from drone.telemetry.sample import Clock, HeightDatum, Telemetry, Track, utc_text

POINTS_MAX = 200  # of the path in the summary

PARTS: dict[str, Callable[[Telemetry], object]] = {
    "position": lambda s: s.position,
    "attitude": lambda s: s.attitude,
    "gimbal": lambda s: s.gimbal,
    "velocity": lambda s: s.velocity_m_s,
    "fix": lambda s: s.fix,
}


def summary_of(track: Track) -> dict[str, Any]:
    """JSON-ready figures of a track."""
    times = [s.at_s for s in track.samples]
    absolute = track.clock in (Clock.UTC, Clock.LOCAL)
    gimbal = next((s.gimbal for s in track.samples if s.gimbal), None)
    return {
        "source": track.source,
        "kind": track.kind,
        "clock": track.clock.value,
        "from": utc_text(times[0]) if absolute else round(times[0], 3),
        "to": utc_text(times[-1]) if absolute else round(times[-1], 3),
        "span_s": round(times[-1] - times[0], 3),
        "samples": len(times),
        "bad_blocks": track.bad,
        "rates_hz": {name: rate for name, part in PARTS.items() if (rate := rate_of(track, part)) is not None},
        "gaps": gaps_of(track),
        "horizontal_datum": "WGS-84",
        "heights": {datum.value: _range(track, datum) for datum in track.datums},
        "gimbal_frame": gimbal.frame.value if gimbal else None,
        "focal_35mm": next((s.focal_35mm for s in track.samples if s.focal_35mm), None),
        "path_m": round(path_m(track), 1),
        "path": path_of(track),
        "notes": list(track.notes),
    }


def rate_of(track: Track, part: Callable[[Telemetry], object]) -> float | None:
    """Samples a second of one part, None where it is never sent."""
    times = [s.at_s for s in track.samples if part(s) is not None]
    if len(times) < 2:
        return None
    steps = np.diff(np.array(times))
    steps = steps[steps > 0]
    return round(1.0 / float(np.median(steps)), 2) if len(steps) else None


def gaps_of(track: Track) -> dict[str, Any]:
    """Holes between positions in which nothing would be placed."""
    times = [s.at_s for s in track.samples if s.position is not None]
    holes = [b - a for a, b in pairwise(times) if b - a > GAP_MAX_S]
    return {"longer_than_s": GAP_MAX_S, "count": len(holes), "longest_s": round(max(holes, default=0.0), 3)}


def path_m(track: Track) -> float:
    """Length over ground in metres."""
    found = [s.position for s in track.samples if s.position is not None]
    if len(found) < 2:
        return 0.0
    lat, lon = np.array([p.lat for p in found]), np.array([p.lon for p in found])
    east, north, _ = pymap3d.geodetic2enu(lat[1:], lon[1:], 0.0, lat[:-1], lon[:-1], 0.0)
    return float(np.hypot(east, north).sum())


def path_of(track: Track) -> list[list[float]]:
    """At most POINTS_MAX of the positions as [lon, lat], evenly in order, first and last among them."""
    found = [s.position for s in track.samples if s.position is not None]
    picks = np.unique(np.linspace(0, len(found) - 1, min(len(found), POINTS_MAX)).round().astype(int))
    return [[round(found[i].lon, 7), round(found[i].lat, 7)] for i in picks.tolist()]


def _range(track: Track, datum: HeightDatum) -> list[float]:
    heights = [h for s in track.samples if s.position and (h := s.position.height_m(datum)) is not None]
    return [round(min(heights), 2), round(max(heights), 2)]
