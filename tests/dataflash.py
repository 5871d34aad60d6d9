"""Writes ArduPilot DataFlash logs for tests: real flights come as .tlog, and the same flight is needed as .BIN."""

from __future__ import annotations

import struct
from collections.abc import Sequence

HEAD = b"\xa3\x95"
# name -> (message type, format letters, columns); letters as ArduPilot's Log structures: Q uint64, L 1e-7 degrees,
# f float, c int16 * 100, C uint16 * 100, B uint8, H uint16, I uint32.
FORMATS = {
    "GPS": (0x41, "QBBIHBcLLffffB", "TimeUS,I,Status,GMS,GWk,NSats,HDop,Lat,Lng,Alt,Spd,GCrs,VZ,U"),
    "POS": (0x42, "QLLfff", "TimeUS,Lat,Lng,Alt,RelHomeAlt,RelOriginAlt"),
    "ATT": (0x43, "QccccCCccB", "TimeUS,DesRoll,Roll,DesPitch,Pitch,DesYaw,Yaw,ErrRP,ErrYaw,AEKF"),
    "MNT": (0x44, "QBfffffffff", "TimeUS,I,DesRoll,Roll,DesPitch,Pitch,DesYawB,YawB,DesYawE,YawE"),
    "GPA": (0x45, "QBCCCCBIHfH", "TimeUS,I,VDop,HAcc,VAcc,SAcc,VV,SMS,Delta,Und,RTCMFU"),
}
FORMATS["MNT"] = (0x44, "QBffffffff", FORMATS["MNT"][2])
PACKED = {"Q": "Q", "L": "i", "f": "f", "c": "h", "C": "H", "B": "B", "H": "H", "I": "I"}
SCALED = {"L": 1e7, "c": 100.0, "C": 100.0}


def header() -> bytes:
    """The FMT messages that tell what follows."""
    out = HEAD + b"\x80" + struct.pack("<BB4s16s64s", 0x80, 89, b"FMT", b"BBnNZ", b"Type,Length,Name,Format,Columns")
    for name, (kind, letters, columns) in FORMATS.items():
        size = 3 + struct.calcsize("<" + "".join(PACKED[c] for c in letters))
        fields = (kind, size, name.encode(), letters.encode(), columns.encode())
        out += HEAD + b"\x80" + struct.pack("<BB4s16s64s", *fields)
    return out


def message(name: str, values: Sequence[float]) -> bytes:
    """One message, values in the order of its columns and in the units of a person."""
    kind, letters, _ = FORMATS[name]
    raw = [float(v) if c == "f" else round(v * SCALED.get(c, 1)) for c, v in zip(letters, values, strict=True)]
    return HEAD + bytes([kind]) + struct.pack("<" + "".join(PACKED[c] for c in letters), *raw)
