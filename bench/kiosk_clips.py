"""Clips of the sample street for `zhuomu bench kiosk`: quiet, normal and busy, with the truth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge.sim.clip import write_clip
from edge.sim.street import Street
from edge.sim.timetable import LIFE, Event, Stream, Timetable

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
REACH_S = 60.0
TIMES = {"quiet": 0, "normal": 1, "busy": 5}  # how often the usual passers-by, riders and cars come
Line = dict[str, Any]


class Paced(Timetable):
    """The street's timetable with its life so many times over; what ought to be filed stays as it is."""

    def __init__(self, street: Street, times: int) -> None:
        super().__init__(street.layout)
        self._times = times

    def _candidates(self, from_s: float, to_s: float) -> Iterator[Event]:
        if self._times:
            yield from super()._candidates(from_s, to_s)
        else:
            yield from (e for e in super()._candidates(from_s, to_s) if e.path is None)
        for more in range(1, self._times):
            for index, (name, period) in enumerate(LIFE, 100 + 10 * more):
                for k in Stream(index, period, REACH_S).numbers(from_s, to_s):
                    yield self._moving(name, index, period, k)


@dataclass(frozen=True)
class Clip:
    """A video file and its truth. `zones` and `points`: as a kiosk's file has them."""

    kind: str
    path: Path
    seconds: float
    events: list[Line]
    header: Line

    @property
    def zones(self) -> list[tuple[str, list[tuple[float, float]]]]:
        """(kind, polygon as shares of the picture)."""
        width, height = self.header["width"], self.header["height"]
        return [(z["name"], [(x / width, y / height) for x, y in z["image"]]) for z in self.header["zones"]]

    @property
    def points(self) -> list[dict[str, float]]:
        """Calibration points: shares of the picture and WGS-84."""
        width, height = self.header["width"], self.header["height"]
        return [
            {"x": p["image"][0] / width, "y": p["image"][1] / height, "lat": p["wgs84"][0], "lon": p["wgs84"][1]}
            for p in self.header["calibration_points"]
        ]


def rendered(folder: Path, kind: str, seconds: float, seed: int, size: tuple[int, int], fps: int) -> Clip:
    """The clip of this kind, rendered unless it lies in `folder` already. H.264 with a key frame every 2 s."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}-{seed}-{size[0]}x{size[1]}-{fps}fps-{seconds:g}s.mp4"
    told = path.with_suffix(".jsonl")
    if not told.exists():
        street = Street(seed, *size)
        street.timetable = Paced(street, TIMES[kind])
        part = path.with_suffix(".part.mp4")
        write_clip(part, seconds, fps, street=street, truth_path=told.with_suffix(".part"), started_at=START)
        part.replace(path)
        told.with_suffix(".part").replace(told)
    lines = [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()]
    return Clip(kind, path, seconds, [line for line in lines if line["type"] == "event"], lines[0])
