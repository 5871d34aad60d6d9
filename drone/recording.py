"""A telemetry file of any kind, known by its content: several kinds share an ending (.bin), and people rename files."""

from __future__ import annotations

from pathlib import Path

from drone.telemetry.klv import KEY, read_klv
from drone.telemetry.sample import TelemetryError, Track
from drone.telemetry.srt import TEXT_MAX, read_srt

HEAD = 4096
ULOG, DATAFLASH = b"ULog\x01\x12\x35", b"\xa3\x95\x80"
MAVLINK = (0xFD, 0xFE)  # first byte of a frame, version 2 and 1; a .tlog puts 8 bytes of time before each
KINDS = ".tlog, ArduPilot .BIN, PX4 .ulg, DJI .SRT, MISB ST 0601 KLV or a transport stream (.ts) with it"


def read_track(path: Path, utc_offset_h: float | None = None) -> Track:
    """Read a telemetry file. utc_offset_h: for DJI .SRT, whose times are a wall clock. Raises TelemetryError."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        if not head and path.suffix.lower() != ".srt":
            raise TelemetryError(f"{path}: empty; copy it again")
        return _read(path, head, utc_offset_h)
    except OSError as error:
        raise TelemetryError(f"{path}: cannot be read ({error.strerror}); give a {KINDS}") from None


def _read(path: Path, head: bytes, utc_offset_h: float | None) -> Track:
    # Readers are imported when they are needed: pymavlink and pyulog each take a noticeable part of a second.
    from drone.telemetry.ts import is_ts, read_ts

    if is_ts(head):
        return read_ts(path)
    if head.startswith(ULOG):
        from drone.telemetry.ulg import read_ulg

        return read_ulg(path)
    if head.startswith(DATAFLASH):
        from drone.autopilot.logs import read_bin

        return read_bin(path)
    if path.suffix.lower() == ".srt" or b"-->" in head:
        return read_srt(path.read_text(encoding="utf-8", errors="replace")[: TEXT_MAX + 1], str(path), utc_offset_h)
    if path.suffix.lower() == ".tlog" or (len(head) > 8 and head[8] in MAVLINK):
        from drone.autopilot.logs import read_tlog

        return read_tlog(path)
    if KEY in head or path.suffix.lower() in (".klv", ".bin"):
        return read_klv(path.read_bytes(), str(path))
    raise TelemetryError(f"{path}: a kind of file that is not known; give a {KINDS}")
