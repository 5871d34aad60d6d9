"""What a kiosk's operator sets: one TOML file, and the rules in a second."""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from edge.kiosk.gating import GateSettings
from edge.kiosk.rulefile import load_rules as load_rules
from edge.link import Broker, SettingsError, load
from edge.link.spans import TraceSettings
from edge.live.settings import CameraLive, LiveSettings
from edge.watch.ground import Ground, NotCalibrated, Point
from edge.watch.ring import CLIP_BYTES_MAX
from edge.watch.rules import Zone
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


class ClipSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A candidate's clip: seconds around the moment, and how many bytes of packets a camera keeps for it in memory (0:
    no clips)."""

    before_s: Annotated[float, Meta(ge=0, le=60)] = 6.0
    after_s: Annotated[float, Meta(ge=0, le=60)] = 4.0
    bytes_max: Annotated[int, Meta(ge=0, le=256 * 1024**2)] = CLIP_BYTES_MAX


class RecordSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Continuous recording of a camera. Decree 799 asks for 30 days of public video."""

    on: bool = False
    days: Annotated[float, Meta(gt=0, le=3650)] = 30.0
    bytes_max: Annotated[int, Meta(ge=1024**2)] = 64 * 1024**3
    segment_s: Annotated[float, Meta(ge=1, le=3600)] = 60.0


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
    record: RecordSettings = RecordSettings()
    live: CameraLive = CameraLive()
    calibration: list[CalibrationPoint] = []
    zone: list[Zone] = []


class CareSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What may be done from afar. `remote`: take settings from the gateway; `url`: its HTTP address, for networks;
    `keys`: files with the public keys one of which must have signed them; `metrics_port`: Prometheus on loopback, 0:
    none."""

    remote: bool = True
    url: str = ""
    keys: list[str] = []
    probation_s: Annotated[float, Meta(ge=1, le=86400)] = 120.0
    releases_max: Annotated[int, Meta(ge=2, le=20)] = 3
    release_bytes_max: Annotated[int, Meta(ge=1024)] = 512 * 1024**2
    metrics_port: Annotated[int, Meta(ge=0, le=65535)] = 0


class UploadSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is too large for MQTT. `url`: the gateway's HTTP address; "": nothing is uploaded, originals and clips stay
    sealed here. `pictures`: whole, at their full size, redacted; `clips`: as the camera sent them, not redacted (the
    centre keeps them and shows them to nobody). At most `queue_max` files, `bytes_max` of pictures, for `days_max`."""

    url: Annotated[str, Meta(pattern=r"^(https?://[^\s]+)?$")] = ""
    pictures: bool = True
    clips: bool = False
    queue_max: Annotated[int, Meta(ge=1, le=100_000)] = 2000
    bytes_max: Annotated[int, Meta(ge=1024**2)] = 1024**3
    days_max: Annotated[float, Meta(gt=0, le=365)] = 7.0


class KioskSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. `free_bytes_min`: what originals leave free on the disk, for the outbox; recordings leave twice
    that."""

    device: DeviceId
    data: str
    rules: str
    camera: Annotated[list[CameraSettings], Meta(min_length=1, max_length=64)]
    broker: Broker = Broker()
    model: ModelSettings = ModelSettings()
    gate: GateSettings = GateSettings()
    care: CareSettings = CareSettings()
    gone_s: Annotated[float, Meta(gt=0)] = 120.0
    originals_bytes_max: Annotated[int, Meta(ge=0)] = 2 * 1024**3
    outbox_bytes_max: Annotated[int, Meta(ge=1024**2)] = 2 * 1024**3
    free_bytes_min: Annotated[int, Meta(ge=0)] = 512 * 1024**2
    clip: ClipSettings = ClipSettings()
    live: LiveSettings = LiveSettings()
    upload: UploadSettings = UploadSettings()
    trace: TraceSettings = TraceSettings()
    hard_bytes_max: Annotated[int, Meta(ge=0)] = 256 * 1024**2
    hard_per_hour_max: Annotated[int, Meta(ge=0)] = 6
    sightings_rows_max: Annotated[int, Meta(ge=0)] = 500_000
    sightings_days_max: Annotated[float, Meta(gt=0)] = 30.0


def load_settings(path: Path) -> KioskSettings:
    """Read a kiosk's file; relative paths in it start at its folder. Raises SettingsError (one line)."""
    settings = load(path, KioskSettings)
    check_settings(settings, str(path))
    return settings


def check_settings(settings: KioskSettings, where: str) -> None:
    """What the form alone does not forbid. Raises SettingsError."""
    names = [c.name for c in settings.camera]
    double = sorted({n for n in names if names.count(n) > 1})
    if double:
        raise SettingsError(f"{where}: camera name {double[0]!r} stands twice; give each camera a name of its own")
    for camera in settings.camera:
        ground_of(camera, 1000, 1000)


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
