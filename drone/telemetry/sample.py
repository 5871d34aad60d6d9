"""The one telemetry type: what was known of the vehicle and its camera at one moment, datum and frames named."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

Quaternion = tuple[float, float, float, float]  # w, x, y, z


class HeightDatum(StrEnum):
    """What a height is measured from. Ellipsoid and mean sea level differ by 20 to 30 m in much of China."""

    ELLIPSOID = "ellipsoid"
    MSL = "mean sea level"
    HOME = "above home"
    UNSTATED = "not stated"


class GimbalFrame(StrEnum):
    """What a gimbal's attitude is relative to."""

    EARTH = "earth"  # north and horizon
    HEADING = "vehicle heading"  # horizon for roll and pitch, the vehicle's heading for yaw: MAVLink's default
    BODY = "vehicle body"  # the vehicle's own axes, tilted with it: MISB ST 0601 tags 18 to 20


class Clock(StrEnum):
    """What `at_s` counts."""

    UTC = "utc"  # seconds since 1970-01-01T00:00Z
    LOCAL = "local"  # the same of a wall clock whose zone the file does not tell
    MEDIA = "media"  # seconds since the video's beginning
    BOOT = "boot"  # seconds since the vehicle was switched on


@dataclass(frozen=True, slots=True)
class Position:
    """WGS-84 degrees and the height over every datum that the source tells, in metres."""

    lat: float
    lon: float
    heights: tuple[tuple[HeightDatum, float], ...] = ()

    def height_m(self, datum: HeightDatum) -> float | None:
        """The height over this datum, None where the source does not tell it."""
        return dict(self.heights).get(datum)


@dataclass(frozen=True, slots=True)
class Gimbal:
    """The camera's direction: gimbal axes (forward, right, down) into `frame`."""

    quaternion: Quaternion
    frame: GimbalFrame


@dataclass(frozen=True, slots=True)
class Fix:
    """How good the position is. kind: none, 2d, 3d, dgps, rtk-float, rtk-fixed; accuracies one sigma in metres."""

    kind: str
    satellites: int | None = None
    horizontal_m: float | None = None
    vertical_m: float | None = None


@dataclass(frozen=True, slots=True)
class Telemetry:
    """One sample; a part that the source did not send at this moment is None.

    attitude: vehicle axes (forward, right, down) into north, east, down. velocity_m_s: north, east, down.
    focal_35mm: the lens as a 35 mm equivalent (by the diagonal), where a camera tells it; hfov_deg likewise.
    """

    at_s: float
    position: Position | None = None
    attitude: Quaternion | None = None
    gimbal: Gimbal | None = None
    velocity_m_s: tuple[float, float, float] | None = None
    speed_m_s: float | None = None
    fix: Fix | None = None
    focal_35mm: float | None = None
    hfov_deg: float | None = None


@dataclass(frozen=True)
class Track:
    """A recording as read. bad: blocks or packets that could not be read; notes: what a person should know, one line
    each; media_start_s: when the video of the same recording began, on the track's clock, where the file tells it."""

    source: str
    kind: str
    clock: Clock
    samples: tuple[Telemetry, ...]
    bad: int = 0
    notes: tuple[str, ...] = field(default=())
    media_start_s: float | None = None

    @property
    def datums(self) -> tuple[HeightDatum, ...]:
        """Every datum that a height in this track is measured from."""
        found = {datum for s in self.samples if s.position for datum, _ in s.position.heights}
        return tuple(datum for datum in HeightDatum if datum in found)


class TelemetryError(ValueError):
    """A telemetry file that cannot be used; `str()` is one line: what, where, what to do."""


def utc_text(at_s: float) -> str:
    """Seconds since 1970 -> ISO text in UTC with milliseconds."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")
