"""Clips of the sample street for `zhuomu bench kiosk`: quiet, normal and busy, with the truth."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import av

from edge.sim.clip import write_clip
from edge.sim.street import Street
from edge.sim.timetable import LIFE, Event, Stream, Timetable

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
REACH_S = 60.0
ALLOWED = (190.0, 10.0)  # the timetable's stream of things that may stand there
Line = dict[str, Any]


@dataclass(frozen=True)
class Pace:
    """How much happens. `life`: the sample street's passers-by, riders, cars and short stops so many times over;
    `life_every`, `things_every`: of those, and of what comes to stay, every so many-th. The sample street shows in a
    minute what a street sees in hours: some eight things to file."""

    life: int = 1
    life_every: int = 1
    things_every: int = 1


PACES = {"quiet": Pace(1, 6, 16), "normal": Pace(1, 1, 4), "busy": Pace(5, 1, 1), "demo": Pace()}


class Paced(Timetable):
    """The sample street's timetable at another pace."""

    def __init__(self, street: Street, pace: Pace) -> None:
        super().__init__(street.layout)
        self._pace = pace

    def _candidates(self, from_s: float, to_s: float) -> Iterator[Event]:
        for place in self.layout.places:
            every = self._pace.things_every
            filed = place.index in self._offset
            stream = (
                Stream(place.index, self._period[place.index], REACH_S) if filed else Stream(place.index, 190.0, 10.0)
            )
            for k in stream.numbers(from_s, to_s):
                if (k + place.index) % every == 0:
                    yield self._stay(place, k) if filed else self._allowed(place, k)
        for more in range(self._pace.life):
            for index, (name, period) in enumerate(LIFE, 100 + 10 * more):
                for k in Stream(index, period, REACH_S).numbers(from_s, to_s):
                    if (k + index) % self._pace.life_every == 0:
                        yield self._moving(name, index, period, k)


@dataclass(frozen=True)
class Clip:
    """A video file and its truth. `zones` and `points`: as a kiosk's file has them. `from_s`: the street's second with
    which the file begins."""

    kind: str
    path: Path
    seconds: float
    events: list[Line]
    header: Line
    from_s: float = 0.0

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
    pace = PACES[kind]
    name = f"{kind}-{pace.life}-{pace.life_every}-{pace.things_every}-seed{seed}"
    path = folder / f"{name}-{size[0]}x{size[1]}-{fps}fps-{seconds:g}s.mp4"
    told = path.with_suffix(".jsonl")
    if not told.exists():
        street = Street(seed, *size)
        street.timetable = Paced(street, pace)
        part = path.with_suffix(".part.mp4")
        write_clip(part, seconds, fps, street=street, truth_path=told.with_suffix(".part"), started_at=START)
        part.replace(path)
        told.with_suffix(".part").replace(told)
    lines = [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()]
    return Clip(kind, path, seconds, [line for line in lines if line["type"] == "event"], lines[0])


def all_rendered(
    folder: Path, wanted: Sequence[tuple[str, int]], seconds: float, size: tuple[int, int], fps: int
) -> list[Clip]:
    """A clip for each (kind, seed); those that are not there yet are rendered side by side, one to a core."""
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("spawn")) as pool:
        made = [pool.submit(rendered, folder, kind, seconds, seed, size, fps) for kind, seed in wanted]
        return [one.result() for one in made]


def cut(clip: Clip, from_s: float, seconds: float) -> Clip:
    """A part of a clip as a file of its own, stream-copied from the key frame at or after `from_s`; kept beside it."""
    seconds = min(seconds, clip.seconds - from_s)
    path = clip.path.with_name(f"{clip.path.stem}-from{from_s:g}-{seconds:g}s.mp4")
    first: float | None = None
    part = path.with_suffix(".part.mp4")
    with av.open(str(clip.path)) as source, av.open(str(part), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            at = None if packet.pts is None else float(packet.pts * packet.time_base)
            if at is None or (first is None and not (packet.is_keyframe and at >= from_s - 1e-6)):
                continue
            first = at if first is None else first
            if at >= first + seconds:
                break
            shift = round(first / packet.time_base)
            packet.pts = packet.dts = (packet.pts or 0) - shift  # without B frames they are the same
            packet.stream = copy
            target.mux(packet)
    if first is None:
        raise ValueError(f"{clip.path}: has no key frame after {from_s:g} s; choose an earlier part")
    part.replace(path)
    return replace(clip, path=path, seconds=seconds, from_s=first)
