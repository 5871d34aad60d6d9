"""What `zhuomu drone fly --video` needs, put together and checked before anything takes off."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer

from detectors.errors import DetectorError
from drone.aloft import Aloft, Ears, Sight, Video
from drone.autopilot.flight import Flight
from drone.autopilot.link import Link
from drone.autopilot.session import Session
from drone.autopilot.types import Event, Refusal
from drone.georef.camera import CameraError, Intrinsics, read_camera, scaled
from drone.seeing.build import close, tools_of
from drone.seeing.eye import Eye
from drone.seeing.rulefile import load_rules
from drone.seeing.zones import ZonesError, read_zones
from edge.link.mqtt import Broker
from edge.link.settings import SettingsError
from edge.watch.camera import Camera
from edge.watch.source import Source

DRAIN_S = 20.0


class AloftError(ValueError):
    """An eye that cannot be opened as asked; `str()` is one line."""


@dataclass(frozen=True)
class Asked:
    """The options, as given. broker: HOST:PORT."""

    video: str
    data: Path | None
    device: str
    broker: str
    fov_deg: float | None
    camera: Path | None
    zones: Path | None
    lag_s: float
    lag_sigma_s: float


@contextmanager
def opened(asked: Asked, flight: Flight) -> Iterator[tuple[Ears, Aloft]]:
    """The flight's listener and the running eye; at the end it is closed and what waits is sent. Raises AloftError."""
    if asked.data is None:
        raise AloftError("--video: give --data DIRECTORY, where memory, evidence and what is to be sent are kept")
    try:
        lens = _lens(asked)
        zones = read_zones(asked.zones) if asked.zones is not None else ()
        tools = tools_of(asked.data, asked.device, _broker(asked.broker), load_rules(), zones)
    except (CameraError, ZonesError, SettingsError, DetectorError, OSError) as error:
        raise AloftError(str(error).replace("\n", " ")) from error
    name = f"flight-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    ears, video = Ears(flight), Video(lag_s=asked.lag_s, lag_sigma_s=asked.lag_sigma_s)
    camera = Camera("air", Source(asked.video), loop=False)
    aloft = Aloft(ears, camera, Sight(Eye(tools, name, name), lens, video), video.every_s)
    tools.link.start()
    aloft.start()
    try:
        yield ears, aloft
    finally:
        if aloft.finish():
            tools.link.drain(DRAIN_S)
            tools.link.stop()
            close(tools)


def fly_seeing(
    asked: Asked, flight: Flight, line: Link, say: Callable[[Event], None], stops: Callable[[], int]
) -> bool | Refusal:
    """Fly with an eye open; what it saw goes to stdout. An eye that cannot be opened is one line and exit status 2."""
    try:
        with opened(asked, flight) as (ears, aloft):
            outcome = Session(flight, line, on_event=say, listeners=(ears,)).run(stops)
    except AloftError as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(2) from error
    sys.stdout.write(f"画面 seen: {json.dumps(aloft.counts, ensure_ascii=False)}\n")
    return outcome


class _Lens:
    """A lens at the size of the pictures that come."""

    def __init__(self, camera: Intrinsics | None, fov_deg: float | None, path: Path | None) -> None:
        self._camera, self._fov_deg, self._path = camera, fov_deg, path

    def __call__(self, width: int, height: int) -> Intrinsics:
        if self._camera is not None:
            return scaled(self._camera, width, height, str(self._path))
        assert self._fov_deg is not None  # `_lens` has seen to it
        return Intrinsics.from_hfov(width, height, self._fov_deg)


def _lens(asked: Asked) -> _Lens:
    if asked.camera is None and asked.fov_deg is None:
        raise AloftError("--video: give --camera FILE or --fov DEGREES; a picture without a lens tells no place")
    if asked.fov_deg is not None:
        Intrinsics.from_hfov(2, 2, asked.fov_deg)
    return _Lens(read_camera(asked.camera) if asked.camera is not None else None, asked.fov_deg, asked.camera)


def _broker(text: str) -> Broker:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise AloftError(f"--broker {text!r}: give HOST:PORT as 127.0.0.1:1883")
    return Broker(host=host, port=int(port))
