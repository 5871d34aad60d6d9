"""The truth about a rendered street as JSON lines: one header, one line per event, one per frame if wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from edge.sim.geo import DATUM
from edge.sim.scene import Seen
from edge.sim.street import Street
from edge.sim.timetable import Event

Line = dict[str, Any]


def header(street: Street, fps: float, started_at: datetime) -> Line:
    """What a reader must know before the events: size, rate, camera, calibration, zones. Metres, degrees, pixels."""
    camera = asdict(street.camera)
    return {
        "type": "street",
        "schema_version": 1,
        "seed": street.seed,
        "fps": fps,
        "width": street.camera.width,
        "height": street.camera.height,
        "started_at": utc(started_at),
        "datum": DATUM,
        "anchor": {"lat": street.anchor.lat, "lon": street.anchor.lon},
        "camera": camera,
        "homography": street.homography().tolist(),
        "calibration_points": street.calibration_points(),
        "zones": [asdict(zone) for zone in street.zones()],
    }


def event_line(street: Street, event: Event, started_at: datetime) -> Line:
    """One event: what, where, from when to when, and whether it ought to be filed (立案). `box`: x1, y1, x2, y2 of what
    ought to be filed, as shares of the picture, exact to a few pixels; null for the rest."""
    lat, lon = event.place(street.anchor)
    return {
        "type": "event",
        "id": event.id,
        "class": event.case_class,
        "label": event.label,
        "should_file": event.should_file,
        "why_not": event.why_not,
        "lat": lat,
        "lon": lon,
        "east_m": round(event.east_m, 4),
        "north_m": round(event.north_m, 4),
        "from_s": round(event.from_s, 3),
        "to_s": round(event.to_s, 3),
        "from_utc": utc(started_at + timedelta(seconds=event.from_s)),
        "to_utc": utc(started_at + timedelta(seconds=event.to_s)),
        "box": _box(street, event) if event.should_file else None,
    }


def _box(street: Street, event: Event) -> list[float]:
    """The outline of the thing itself, without companions or what stands in front."""
    px, _ = street.camera.project(event.things[0].model().points())
    shares = (px / (street.camera.width, street.camera.height)).clip(0.0, 1.0)
    return [round(float(v), 5) for v in (*shares.min(axis=0), *shares.max(axis=0))]


def frame_line(t_s: float, seen: Iterable[Seen]) -> Line:
    """One frame: box is the whole silhouette clipped to the frame (px, x2/y2 exclusive), visible its exact
    unoccluded share."""
    boxes = [
        {
            "id": s.thing.id,
            "class": s.thing.case_class or s.thing.label,
            "label": s.thing.label,
            "box": list(s.box),
            "visible": s.visible,
        }
        for s in seen
    ]
    return {"type": "frame", "t_s": round(t_s, 6), "boxes": boxes}


def lines(street: Street, fps: float, until_s: float, started_at: datetime) -> Iterator[Line]:
    """Header and every event that touches [0, until_s)."""
    yield header(street, fps, started_at)
    for event in street.events(until_s):
        yield event_line(street, event, started_at)


def write(path: str | Path, content: Iterable[Line]) -> None:
    """Write JSON lines, replacing the file; OSError when the place cannot be written."""
    encoder = msgspec.json.Encoder(enc_hook=float)  # numpy scalars
    with Path(path).open("wb") as file:
        for line in content:
            file.write(encoder.encode(line) + b"\n")


def utc(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
