"""PX4's logs (.ulg): position, attitude and velocity from the estimator's own topics, through pyulog."""

from __future__ import annotations

import contextlib
import io
import math
import struct
from pathlib import Path
from statistics import median
from typing import Any

import pymap3d
from pyulog import ULog
from pyulog.exceptions import ULogException

from drone.telemetry.rotation import usable
from drone.telemetry.sample import (
    Clock,
    Fix,
    Gimbal,
    GimbalFrame,
    HeightDatum,
    Position,
    Telemetry,
    TelemetryError,
    Track,
)

TOPICS = (
    "vehicle_global_position",
    "vehicle_local_position",
    "vehicle_attitude",
    "vehicle_gps_position",
    "sensor_gps",
    "gimbal_device_attitude_status",
    "home_position",
)
BYTES_MAX = 2_000_000_000
FIXES = {2: "2d", 3: "3d", 4: "dgps", 5: "rtk-float", 6: "rtk-fixed"}  # SensorGps.msg, fix_type
YAW_LOCK, IN_VEHICLE, IN_EARTH = 16, 32, 64  # MAVLink GIMBAL_DEVICE_FLAGS, which the topic carries as they are

# What pyulog raises on a file that is not what its first bytes say.
BROKEN = (ULogException, TypeError, ValueError, KeyError, IndexError, AttributeError, struct.error, MemoryError)

Rows = list[dict[str, Any]]


def read_ulg(path: Path) -> Track:
    """A track from a ULog file. Raises TelemetryError."""
    if path.stat().st_size > BYTES_MAX:
        raise TelemetryError(f"{path}: larger than {BYTES_MAX} bytes; cut the log")
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # pyulog prints what it thinks of a file
            log = ULog(str(path), list(TOPICS))
    # pyulog checks no more than the first bytes: a broken file ends in whatever its decoding ran into
    except BROKEN as error:
        raise TelemetryError(f"{path}: not a ULog that can be read ({error}); copy the .ulg again") from None
    topics: dict[str, Rows] = {d.name: _rows(d.data) for d in log.data_list if d.multi_id == 0}
    gps = topics.get("sensor_gps") or topics.get("vehicle_gps_position") or []
    positions = _positions(topics, gps)
    if not positions:
        raise TelemetryError(f"{path}: no global position in it; log with a GPS fix")
    offset = _utc_offset(gps)
    samples = sorted(positions + _attitudes(topics) + _gimbals(topics), key=lambda s: s.at_s)
    notes = list[str]()
    if lost := len(log.dropouts):
        notes.append(f"{lost} dropouts while it was written")
    if offset is None:
        notes.append("its GPS tells no UTC; times count from when the vehicle was switched on")
    clock = Clock.BOOT if offset is None else Clock.UTC
    shift = offset or 0.0
    return Track(
        str(path),
        "PX4 ULog",
        clock,
        tuple(_moved(s, shift) for s in samples),
        int(bool(log.file_corruption)),
        tuple(notes),
    )


def _rows(data: dict[str, Any]) -> Rows:
    columns = {name: values.tolist() for name, values in data.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _utc_offset(gps: Rows) -> float | None:
    """Seconds between UTC and the vehicle's boot: the median over all fixes, whose own delay differs a little."""
    found = [row["time_utc_usec"] / 1e6 - row["timestamp"] / 1e6 for row in gps if row.get("time_utc_usec", 0) > 0]
    return median(found) if found else None


def _positions(topics: dict[str, Rows], gps: Rows) -> list[Telemetry]:
    fixes = {row["timestamp"] / 1e6: _fix(row) for row in gps}
    found = [_global(row, topics) for row in topics.get("vehicle_global_position", [])]
    if not found:
        found = [_local(row) for row in topics.get("vehicle_local_position", []) if _anchored(row)]
    if not found:
        found = [Telemetry(row["timestamp"] / 1e6, _gps_position(row), fix=_fix(row)) for row in gps if _fixed(row)]
        return [s for s in found if s.position]
    return found + [Telemetry(at_s, fix=fix) for at_s, fix in fixes.items()]


def _global(row: dict[str, Any], topics: dict[str, Rows]) -> Telemetry:
    heights = [(HeightDatum.MSL, float(row["alt"]))]
    if "alt_ellipsoid" in row:
        heights.insert(0, (HeightDatum.ELLIPSOID, float(row["alt_ellipsoid"])))
    if home := topics.get("home_position"):
        heights.append((HeightDatum.HOME, float(row["alt"] - home[-1]["alt"])))
    return Telemetry(row["timestamp"] / 1e6, Position(float(row["lat"]), float(row["lon"]), tuple(heights)))


def _anchored(row: dict[str, Any]) -> bool:
    return bool(row.get("xy_global") and row.get("z_global") and row["xy_valid"] and row["z_valid"])


def _local(row: dict[str, Any]) -> Telemetry:
    """Metres from the estimator's origin, which is a point in WGS-84 with a height over mean sea level."""
    lat, lon, _ = pymap3d.ned2geodetic(row["x"], row["y"], 0.0, row["ref_lat"], row["ref_lon"], 0.0)
    height = (HeightDatum.MSL, float(row["ref_alt"] - row["z"]))
    velocity = (float(row["vx"]), float(row["vy"]), float(row["vz"])) if row["v_xy_valid"] else None
    position = Position(float(lat), float(lon), (height,))
    return Telemetry(row["timestamp"] / 1e6, position, velocity_m_s=velocity)


def _fixed(row: dict[str, Any]) -> bool:
    return int(row["fix_type"]) >= 3


def _gps_position(row: dict[str, Any]) -> Position:
    """The receiver's own; older logs hold degrees * 1e7 and millimetres, newer ones degrees and metres."""
    if "latitude_deg" in row:
        heights = ((HeightDatum.ELLIPSOID, row["altitude_ellipsoid_m"]), (HeightDatum.MSL, row["altitude_msl_m"]))
        return Position(row["latitude_deg"], row["longitude_deg"], heights)
    heights = ((HeightDatum.ELLIPSOID, row["alt_ellipsoid"] / 1e3), (HeightDatum.MSL, row["alt"] / 1e3))
    return Position(row["lat"] / 1e7, row["lon"] / 1e7, heights)


def _fix(row: dict[str, Any]) -> Fix:
    kind = FIXES.get(int(row["fix_type"]), "none")
    return Fix(kind, int(row["satellites_used"]), _finite(row["eph"]), _finite(row["epv"]))


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) and value >= 0 else None


def _attitudes(topics: dict[str, Rows]) -> list[Telemetry]:
    rows = topics.get("vehicle_attitude", [])
    found = [(row["timestamp"] / 1e6, (row["q[0]"], row["q[1]"], row["q[2]"], row["q[3]"])) for row in rows]
    return [Telemetry(at_s, attitude=q) for at_s, q in found if usable(q)]


def _gimbals(topics: dict[str, Rows]) -> list[Telemetry]:
    found = list[Telemetry]()
    for row in topics.get("gimbal_device_attitude_status", []):
        q = (row["q[0]"], row["q[1]"], row["q[2]"], row["q[3]"])
        flags = int(row["device_flags"])
        earth = bool(flags & IN_EARTH) or (not flags & IN_VEHICLE and bool(flags & YAW_LOCK))
        frame = GimbalFrame.EARTH if earth else GimbalFrame.HEADING
        if usable(q):
            found.append(Telemetry(row["timestamp"] / 1e6, gimbal=Gimbal(q, frame)))
    return found


def _moved(s: Telemetry, by_s: float) -> Telemetry:
    return Telemetry(s.at_s + by_s, s.position, s.attitude, s.gimbal, s.velocity_m_s, s.speed_m_s, s.fix)
