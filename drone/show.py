"""What `zhuomu drone track` and `drone replay` do: options checked, one clear line for what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from detectors.errors import DetectorError
from detectors.load import load_detector
from detectors.types import Image
from drone.georef.camera import CameraError, Intrinsics, read_camera, scaled
from drone.georef.dem import DemError, read_dem
from drone.georef.frames import Fixed, Mount, Stated
from drone.georef.ground import Flat, Ground
from drone.georef.heights import Heights
from drone.georef.locate import Locator
from drone.recording import read_track
from drone.replay import ReplayError, Summary, replay, start_of
from drone.telemetry.buffer import Buffer
from drone.telemetry.sample import HeightDatum, TelemetryError, Track
from drone.telemetry.summary import summary_of
from edge.watch.source import SourceError, check

DATUMS = {"ellipsoid": HeightDatum.ELLIPSOID, "sea-level": HeightDatum.MSL, "home": HeightDatum.HOME}
ERRORS = (TelemetryError, CameraError, DemError, ReplayError, SourceError, DetectorError)


@dataclass(frozen=True)
class Request:
    """The options of a replay, as given."""

    video: Path
    telemetry: Path
    camera: Path | None
    fov_deg: float | None
    start: str | None
    lag_s: float
    look: str | None
    mount: str | None
    dem: Path | None
    ground_m: float
    home_m: float | None
    undulation_m: float | None
    height_datum: str | None
    utc_offset_h: float | None
    every_s: float
    model: Path | None
    min_score: float


@contextmanager
def plain_errors() -> Iterator[None]:
    """What the user can mend is one line on stderr and exit status 1."""
    try:
        yield
    except ERRORS as error:
        typer.echo(f"zhuomu drone: {error}".replace("\n", " "), err=True)
        raise typer.Exit(1) from None


def show_track(file: Path, as_json: bool, utc_offset_h: float | None) -> None:
    """Print what a telemetry file holds."""
    with plain_errors():
        found = summary_of(read_track(file, utc_offset_h))
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    table = Table("what", "value", title=str(file))
    for name, value in found.items():
        if name != "path":
            table.add_row(name, json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value))
    Console().print(table)


def show_replay(request: Request) -> None:
    """Print placed detections as JSON lines, then the summary."""
    with plain_errors():
        track = read_track(request.telemetry, request.utc_offset_h)
        source = check(str(request.video))
        base = locator_of(request, track)
        start_s = start_of(track, _start(request.start)) - request.lag_s
        detector = load_detector(request.model, min_score=request.min_score)
        summary = Summary()

        def sized(image: Image) -> Locator:
            return replace(base, camera=lens(request, track, image))

        for line in replay(source.frames(), sized, detector, track, start_s, summary, request.every_s):
            typer.echo(json.dumps(line, ensure_ascii=False))
        notes = [*track.notes, *_doubts(request, track)]
        typer.echo(json.dumps(summary.as_json() | {"notes": notes}, ensure_ascii=False))


def locator_of(request: Request, track: Track) -> Locator:
    """Everything but the lens, which needs the picture's size. Raises ReplayError, DemError."""
    if request.height_datum is not None and request.height_datum not in DATUMS:
        raise ReplayError(f"--height-datum {request.height_datum}: unknown; give one of {', '.join(DATUMS)}")
    stated = DATUMS[request.height_datum] if request.height_datum else None
    try:
        heights = Heights(request.undulation_m, request.home_m, HeightDatum.MSL, stated)
    except ValueError as error:
        raise ReplayError(str(error)) from None
    first = next(s.position for s in track.samples if s.position is not None)
    ground: Ground = read_dem(request.dem) if request.dem else Flat(request.ground_m)
    return Locator(
        buffer=Buffer.of(track.samples, limit=max(1, len(track.samples))),
        camera=Intrinsics.from_hfov(2, 2, 90.0),
        ground=ground,
        heights=heights.with_grid(first.lat, first.lon) if request.dem else heights,
        mount=_mount(request),
    )


def lens(request: Request, track: Track, image: Image) -> Intrinsics:
    """The camera as stated, else as the telemetry tells it. Raises CameraError."""
    height, width = image.shape[:2]
    if request.camera is not None:
        return scaled(read_camera(request.camera), width, height, str(request.camera))
    if request.fov_deg is not None:
        return Intrinsics.from_hfov(width, height, request.fov_deg)
    for sample in track.samples:
        if sample.hfov_deg is not None:
            return Intrinsics.from_hfov(width, height, sample.hfov_deg)
        if sample.focal_35mm is not None:
            return Intrinsics.from_35mm(width, height, sample.focal_35mm)
    raise CameraError(f"{track.source}: tells no focal length; give --camera FILE or --fov DEGREES")


def _mount(request: Request) -> Mount:
    if request.look and request.mount:
        raise ReplayError("--look and --mount: give one; --look is against north, --mount against the vehicle")
    if request.look:
        yaw, pitch = _angles("--look", request.look, 2)
        return Stated(yaw, pitch)
    return Fixed(*_angles("--mount", request.mount, 3)) if request.mount else None


def _angles(option: str, text: str, count: int) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) != count or not all(abs(angle) <= 360 for angle in found):
        raise ReplayError(f"{option} {text!r}: give {count} angles in degrees, separated by commas")
    return found


def _start(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ReplayError(f"--start {text!r}: give an ISO time as 2026-05-01T08:00:00+08:00") from None
    if at.tzinfo is None:
        raise ReplayError(f"--start {text!r}: without a zone; add +08:00 or Z")
    return at.astimezone(UTC).timestamp()


def _doubts(request: Request, track: Track) -> list[str]:
    """What the result rests on without anybody having said it."""
    doubts = list[str]()
    if request.dem is None:
        doubts.append(f"flat ground {request.ground_m:g} m above the place of take-off")
    if request.camera is None and request.fov_deg is None:
        doubts.append("the lens is the file's own focal length, without distortion")
    return doubts
