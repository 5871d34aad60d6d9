"""What a kiosk's operator sets: one TOML file, and the rules in a second."""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from edge.kiosk.gating import GateSettings
from edge.link import Broker, SettingsError, load
from edge.watch.ground import Ground, NotCalibrated, Point
from edge.watch.rules import RuleBook, Zone
from edge.wire.messages import DeviceId


class ModelSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The network. `path`: a file or the name of one that comes with zhuomu (`street`, `street-int8`), empty for
    `street`. `threads` 0: the backend decides."""

    path: str = ""
    backend: str = "openvino"
    size: Annotated[int, Meta(ge=0, le=4096)] = 0
    threads: Annotated[int, Meta(ge=0, le=256)] = 2


class CalibrationPoint(Struct, frozen=True, forbid_unknown_fields=True):
    """A point on the ground: shares of the picture's width and height, and its WGS-84 place."""

    x: Annotated[float, Meta(ge=-10, le=10)]
    y: Annotated[float, Meta(ge=-10, le=10)]
    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]


class CameraSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One camera. Without calibration its own position stands for all it sees, with `error_m` around it."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    source: Annotated[str, Meta(min_length=1)]
    transport: Literal["tcp", "udp"] = "tcp"
    lat: Annotated[float, Meta(ge=-90, le=90)] = 34.2610
    lon: Annotated[float, Meta(ge=-180, le=180)] = 117.1880
    error_m: Annotated[float, Meta(gt=0)] = 30.0
    detect_fps: Annotated[float, Meta(gt=0, le=60)] = 2.0
    loop: bool = True
    calibration: list[CalibrationPoint] = []
    zone: list[Zone] = []


class KioskSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    device: DeviceId
    data: str
    rules: str
    camera: Annotated[list[CameraSettings], Meta(min_length=1, max_length=64)]
    broker: Broker = Broker()
    model: ModelSettings = ModelSettings()
    gate: GateSettings = GateSettings()
    gone_s: Annotated[float, Meta(gt=0)] = 120.0
    originals_bytes_max: Annotated[int, Meta(ge=0)] = 2 * 1024**3
    outbox_bytes_max: Annotated[int, Meta(ge=1024**2)] = 2 * 1024**3
    hard_bytes_max: Annotated[int, Meta(ge=0)] = 256 * 1024**2
    hard_per_hour_max: Annotated[int, Meta(ge=0)] = 6


def load_settings(path: Path) -> KioskSettings:
    """Read a kiosk's file; relative paths in it start at its folder. Raises SettingsError (one line)."""
    settings = load(path, KioskSettings)
    names = [c.name for c in settings.camera]
    double = sorted({n for n in names if names.count(n) > 1})
    if double:
        raise SettingsError(f"{path}: camera name {double[0]!r} stands twice; give each camera a name of its own")
    return settings


def load_rules(path: Path) -> RuleBook:
    """Read a rule file. Raises SettingsError (one line)."""
    book = load(path, RuleBook)
    names = [r.name for r in book.rule]
    double = sorted({n for n in names if names.count(n) > 1})
    if double:
        raise SettingsError(f"{path}: rule name {double[0]!r} stands twice; give each rule a name of its own")
    return book


def beside(settings_file: Path, name: str) -> Path:
    """A path that a settings file names: relative ones start at the file's own folder."""
    return (settings_file.parent / Path(name).expanduser()).resolve()


def ground_of(camera: CameraSettings, width: int, height: int) -> Ground | None:
    """The camera's ground plane for pictures of this size, or None where it is not calibrated. Raises SettingsError."""
    if not camera.calibration:
        return None
    wall = next((z.polygon for z in camera.zone if z.kind == "wall"), None)
    try:
        return Ground(
            [Point(p.x * width, p.y * height, p.lat, p.lon) for p in camera.calibration],
            [(x * width, y * height) for x, y in wall] if wall else None,
        )
    except NotCalibrated as error:
        raise SettingsError(f"camera {camera.name}: {error}") from error
