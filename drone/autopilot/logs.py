"""ArduPilot's and MAVLink's recordings: .tlog (what a ground station received) and .BIN (the vehicle's own).

Message and field meanings: mavlink.io/en/messages/common.html and ardupilot.org/copter/docs/logmessages.html.
"""

from __future__ import annotations

import contextlib
import io
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pymavlink import DFReader, mavutil

from drone.telemetry.clock import ClockFit, ClockSync
from drone.telemetry.rotation import from_degrees, usable
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

BYTES_MAX = 2_000_000_000
SAMPLES_MAX = 5_000_000
YAW_LOCK, IN_VEHICLE, IN_EARTH = 16, 32, 64  # GIMBAL_DEVICE_FLAGS
AUTOPILOT = 1  # MAV_COMP_ID_AUTOPILOT1
GPS_FIX = {
    2: "2d",
    3: "3d",
    4: "dgps",
    5: "rtk-float",
    6: "rtk-fixed",
}  # GPS_FIX_TYPE; the log's GPS.Status is the same

# What pymavlink raises on a file that is not what its name says; it checks nothing by itself.
BROKEN = (TypeError, ValueError, KeyError, IndexError, AttributeError, struct.error, mavutil.mavlink.MAVError)


def read_tlog(path: Path) -> Track:
    """A telemetry log. Times are the vehicle's, moved onto the receiver's UTC by the arrivals with the least delay.

    Raises TelemetryError.
    """
    _check_size(path)
    samples, sync, unread = list[Telemetry](), ClockSync(), 0
    vehicle: int | None = None
    for message in _tlog_messages(path):
        kind = message.get_type()
        if kind in ("BAD_DATA", "UNKNOWN") or kind.startswith("UNKNOWN_"):
            unread += kind == "BAD_DATA"
            continue
        read = TLOG.get(kind)
        if read is None or (kind != "GIMBAL_DEVICE_ATTITUDE_STATUS" and message.get_srcComponent() != AUTOPILOT):
            continue
        vehicle = vehicle if vehicle is not None else message.get_srcSystem()
        sample = read(message)
        if sample is None or message.get_srcSystem() != vehicle:
            continue
        samples.append(sample)
        sync.arrived(sample.at_s, message._timestamp)
    fit = sync.fit()
    if fit is None or not any(s.position for s in samples):
        raise TelemetryError(
            f"{path}: no position of a vehicle in it ({unread} unreadable bytes or messages); is it a .tlog?"
        )
    return _received(path, samples, fit, unread)


def _received(path: Path, samples: list[Telemetry], fit: ClockFit, unread: int) -> Track:
    notes = [f"latency above the smallest: median {fit.latency_s * 1e3:.0f} ms, 95 % {fit.jitter_s * 1e3:.0f} ms"]
    first = min(s.at_s for s in samples)
    offset = fit.offset_s
    if fit.odd:
        notes.append(
            f"the vehicle's clock ran {1 / fit.rate:.3f} times as fast as the receiver's: a simulation sped up"
        )
        offset = fit.here_s(first) - first  # seconds stay the vehicle's own, so that speeds are true
        rate = 1.0
    else:
        rate = fit.rate
    moved = sorted((replace(s, at_s=offset + rate * s.at_s) for s in samples), key=lambda s: s.at_s)
    return Track(str(path), "MAVLink tlog", Clock.UTC, tuple(moved), unread, tuple(notes))


def _tlog_messages(path: Path) -> Iterator[Any]:
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            log = mavutil.mavlogfile(str(path), robust_parsing=True)
        for _ in range(SAMPLES_MAX):
            message = log.recv_msg()
            if message is None:
                return
            yield message
    except BROKEN as error:
        raise TelemetryError(f"{path}: not a .tlog that can be read ({error}); copy it again") from None
    finally:
        with contextlib.suppress(UnboundLocalError):
            log.close()


def gimbal_frame(flags: int) -> GimbalFrame:
    """What a gimbal's quaternion is relative to (GIMBAL_DEVICE_ATTITUDE_STATUS): the vehicle's heading, unless the
    flags say earth; gimbals from before those two flags mean earth by YAW_LOCK."""
    if flags & IN_EARTH or (not flags & IN_VEHICLE and flags & YAW_LOCK):
        return GimbalFrame.EARTH
    return GimbalFrame.HEADING


def _global_position(m: Any) -> Telemetry | None:
    if m.lat == 0 and m.lon == 0:
        return None  # no fix yet
    heights = ((HeightDatum.MSL, m.alt / 1e3), (HeightDatum.HOME, m.relative_alt / 1e3))
    velocity = (m.vx / 100, m.vy / 100, m.vz / 100)
    position = Position(m.lat / 1e7, m.lon / 1e7, heights)
    return Telemetry(
        m.time_boot_ms / 1e3, position, velocity_m_s=velocity, speed_m_s=math.hypot(velocity[0], velocity[1])
    )


def _attitude(m: Any) -> Telemetry | None:
    angles = [math.degrees(v) for v in (m.roll, m.pitch, m.yaw)]
    if not all(math.isfinite(v) for v in angles):
        return None
    return Telemetry(m.time_boot_ms / 1e3, attitude=from_degrees(*angles))


def _gimbal(m: Any) -> Telemetry | None:
    q = tuple(float(v) for v in m.q)
    if not usable(q):
        return None
    gimbal = Gimbal((q[0], q[1], q[2], q[3]), gimbal_frame(m.flags))
    return Telemetry(m.time_boot_ms / 1e3, gimbal=gimbal)


# CAMERA_FEEDBACK is not here: its angles are the vehicle's, not the camera's.
TLOG: dict[str, Callable[[Any], Telemetry | None]] = {
    "GLOBAL_POSITION_INT": _global_position,
    "ATTITUDE": _attitude,
    "GIMBAL_DEVICE_ATTITUDE_STATUS": _gimbal,
}


def read_bin(path: Path) -> Track:
    """A DataFlash log. Times are UTC from the vehicle's GPS, or since boot when it had none. Raises TelemetryError."""
    _check_size(path)
    samples, accuracy, timed = list[Telemetry](), {}, False
    complaints = io.StringIO()
    with contextlib.redirect_stdout(complaints), contextlib.redirect_stderr(complaints):
        for message in _bin_messages(path):
            kind = message.get_type()
            if kind == "GPA":
                accuracy[getattr(message, "I", 0)] = (message.HAcc, message.VAcc)
            timed = timed or (kind == "GPS" and message.GWk > 0 and message.Status >= 3)
            sample = _bin_sample(kind, message, accuracy)
            if sample is not None:
                samples.append(sample)
    if not any(s.position for s in samples):
        raise TelemetryError(f"{path}: no position in it; is it a DataFlash log of a flight with a GPS fix?")
    skipped = complaints.getvalue().lower().count("bad")
    notes = [f"{skipped} stretches could not be read"] if skipped else []
    if not timed:
        notes.append("no GPS time in it; times count from when the vehicle was switched on")
    samples.sort(key=lambda s: s.at_s)
    clock = Clock.UTC if timed else Clock.BOOT
    return Track(str(path), "ArduPilot BIN", clock, tuple(samples), skipped, tuple(notes))


class _PlainIndex(DFReader.DFReader_binary):  # type: ignore[misc]  # pymavlink has no types
    """Without pymavlink's index in C, which writes to the terminal past Python when a file is broken."""

    def init_arrays_fast(self, progress_callback: Any = None) -> None:
        self.init_arrays(progress_callback=progress_callback)


def _bin_messages(path: Path) -> Iterator[Any]:
    try:
        log = _PlainIndex(str(path))
        for _ in range(SAMPLES_MAX):
            message = log.recv_match(type=["GPS", "GPA", "POS", "ATT", "MNT"])
            if message is None:
                return
            yield message
    except BROKEN as error:
        raise TelemetryError(f"{path}: not a DataFlash log that can be read ({error}); copy it again") from None


def _bin_sample(kind: str, m: Any, accuracy: dict[int, tuple[float, float]]) -> Telemetry | None:
    at_s = float(m._timestamp)
    if kind == "POS" and (m.Lat or m.Lng):
        heights = ((HeightDatum.MSL, float(m.Alt)), (HeightDatum.HOME, float(m.RelHomeAlt)))
        return Telemetry(at_s, Position(m.Lat, m.Lng, heights))
    if kind == "ATT":
        return Telemetry(at_s, attitude=from_degrees(m.Roll, m.Pitch, m.Yaw))
    if kind == "MNT":
        return _mount(at_s, m)
    if kind == "GPS" and getattr(m, "I", 0) == 0:
        horizontal, vertical = accuracy.get(0, (None, None))
        fix = Fix(GPS_FIX.get(m.Status, "none"), m.NSats, horizontal, vertical)
        course, speed = math.radians(m.GCrs), float(m.Spd)
        velocity = (speed * math.cos(course), speed * math.sin(course), float(m.VZ))
        return Telemetry(at_s, velocity_m_s=velocity, speed_m_s=speed, fix=fix)
    return None


def _mount(at_s: float, m: Any) -> Telemetry | None:
    """The mount's actual angles: roll and pitch against the horizon, yaw against the heading (YawB) or north (YawE)."""
    if getattr(m, "I", 0) != 0:
        return None
    for name, frame in (("YawB", GimbalFrame.HEADING), ("YawE", GimbalFrame.EARTH)):
        yaw = getattr(m, name, math.nan)
        if all(math.isfinite(v) for v in (m.Roll, m.Pitch, yaw)):
            return Telemetry(at_s, gimbal=Gimbal(from_degrees(m.Roll, m.Pitch, yaw), frame))
    return None


def _check_size(path: Path) -> None:
    if path.stat().st_size > BYTES_MAX:
        raise TelemetryError(f"{path}: larger than {BYTES_MAX} bytes; cut the log")
