"""A recording played again: detections of every n-th frame put on the ground with the telemetry of the same moment."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detectors.base import Detector
from detectors.types import Detection, Image
from drone.georef.errors import Correction
from drone.georef.locate import Located, Locator, foot
from drone.georef.pose import ERRORS
from drone.georef.refusal import NotPlaced
from drone.seeing.inflight import InFlight
from drone.telemetry.sample import Clock, Track, utc_text
from edge.watch.source import Frame

PIXEL_ERROR = 3.0
HEIGHT_ERROR_SHARE = 0.05  # of a box's height: where exactly in it the thing stands, as for kiosks
REASONS_MAX = 50


class ReplayError(ValueError):
    """A recording that cannot be replayed as asked; `str()` is one line."""


@dataclass
class Summary:
    """Counted over one replay."""

    frames: int = 0
    detections: int = 0
    placed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)  # the first words of each
    classes: Counter[str] = field(default_factory=Counter)
    major_m: list[float] = field(default_factory=list)
    correction: Correction = field(default_factory=Correction)
    why_not_corrected: str = ""

    def refuse(self, refusal: NotPlaced) -> None:
        """Count a detection without a place."""
        self.refused[refusal.reason] += 1
        if len(self.reasons) < REASONS_MAX:
            self.reasons.setdefault(refusal.reason, str(refusal))

    def as_json(self) -> dict[str, Any]:
        """The last line of the output."""
        ordered = sorted(self.major_m)
        median = round(ordered[len(ordered) // 2], 2) if ordered else None
        return {
            "summary": True,
            "frames": self.frames,
            "detections": self.detections,
            "placed": self.placed,
            "classes": dict(self.classes),
            "median_ellipse95_major_m": median,
            "corrected": told(self.correction) if self.correction.lasting is not None else self.why_not_corrected,
            "refused": {reason: {"count": n, "first": self.reasons[reason]} for reason, n in self.refused.items()},
        }


def told(correction: Correction) -> dict[str, Any]:
    """What was estimated in flight: each error with one sigma of what is left, angles in degrees, metres, seconds."""
    assert correction.lasting is not None
    scale = np.array([*np.degrees([1.0, 1.0, 1.0]), 1.0, 1.0, 1.0, 1.0])
    left = np.sqrt(np.diag(correction.lasting)) * scale
    pairs = zip(ERRORS, (correction.errors * scale).tolist(), left.tolist(), strict=True)
    return {name: {"error": round(error, 3), "sigma": round(sigma, 3)} for name, error, sigma in pairs} | {
        "ties": correction.sightings
    }


def start_of(track: Track, stated_s: float | None) -> float:
    """When the video's first frame was taken, on the track's clock. Raises ReplayError when nobody says."""
    if stated_s is not None:
        return stated_s
    if track.media_start_s is not None:
        return track.media_start_s
    words = f"its telemetry runs from {utc_text(track.samples[0].at_s)} to {utc_text(track.samples[-1].at_s)}"
    raise ReplayError(f"{track.source}: does not say when the video began; state it (--start), {words}")


def replay(
    frames: Iterable[Frame],
    locator_of: Callable[[Image], Locator],
    detector: Detector,
    track: Track,
    start_s: float,
    summary: Summary,
    every_s: float = 1.0,
) -> Iterator[dict[str, Any]]:
    """One line for every detection that gets a place; the others are counted in `summary`. From the moment on that the
    flight has determined its compass, clock or height, places are corrected by them.

    locator_of: makes the locator when the first picture's size is known. every_s: seconds of video between looks.
    """
    locator: Locator | None = None
    inflight = InFlight(Counter())
    due = 0.0
    for frame in frames:
        if frame.media_s < due - 1e-6:
            continue
        due = frame.media_s + every_s
        locator = locator or locator_of(frame.image)
        summary.frames += 1
        if (found_now := inflight.take(frame.image, start_s + frame.media_s, locator, ())) is not None:
            locator = dataclasses.replace(locator, correction=found_now)
        summary.correction, summary.why_not_corrected = inflight.correction, inflight.why_not
        for detection in detector.detect(frame.image):
            summary.detections += 1
            try:
                found = place(locator, detection, start_s + frame.media_s)
            except NotPlaced as refusal:
                summary.refuse(refusal)
                continue
            summary.placed += 1
            summary.classes[detection.name] += 1
            summary.major_m.append(found.ellipse95[0])
            yield line(track, frame, start_s, detection, found)


def place(locator: Locator, detection: Detection, at_s: float) -> Located:
    """Where the thing in the box stands. Raises NotPlaced."""
    x1, y1, x2, y2 = detection.box
    sigma = PIXEL_ERROR + HEIGHT_ERROR_SHARE * (y2 - y1)
    width, height = locator.camera.width, locator.camera.height
    below = (min(max((x1 + x2) / 2, 0), width - 1), min(max(y2, 0), height - 1))
    depression = locator.locate(at_s, *below, sigma).depression_deg
    x, y = foot(detection.box, depression)
    return locator.locate(at_s, min(max(x, 0), width - 1), min(max(y, 0), height - 1), sigma)


def line(track: Track, frame: Frame, start_s: float, detection: Detection, found: Located) -> dict[str, Any]:
    """One placed detection as JSON."""
    major, minor, azimuth = found.ellipse95
    at_s = start_s + frame.media_s
    return {
        "media_s": round(frame.media_s, 3),
        "at": utc_text(at_s) if track.clock is Clock.UTC else None,
        "class": detection.name,
        "score": round(detection.score, 3),
        "box": [round(v, 1) for v in detection.box],
        "lat": round(found.lat, 7),
        "lon": round(found.lon, 7),
        "datum": "WGS-84",
        "height_m": round(found.height_m, 2),
        "height_datum": found.datum.value,
        "slant_m": round(found.slant_m, 1),
        "depression_deg": round(found.depression_deg, 1),
        "ellipse95": {
            "major_m": round(major, 2),
            "minor_m": round(minor, 2),
            "azimuth_deg": round(azimuth, 1),
        },
    }
