"""What this device knows about its own clocks: wall time, monotonic time, and the kernel's estimate of its error."""

import ctypes
import time
from datetime import UTC, datetime
from pathlib import Path

from edge.evidence.records import Times, utc_text

_STA_UNSYNC, _STA_NANO = 0x0040, 0x2000
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class _Timeval(ctypes.Structure):
    _fields_ = (("sec", ctypes.c_long), ("usec", ctypes.c_long))


class _Timex(ctypes.Structure):
    """`struct timex` of Linux, adjtimex(2); the tail is reserved space of the kernel's."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", _Timeval),
        ("tick", ctypes.c_long),
        ("rest", ctypes.c_char * 256),
    )


def times() -> Times:
    """Now. The estimate is the kernel's (kept by chrony, ntpd or systemd-timesyncd), null where there is none.
    Monotonic times of two records can be compared when their `boot` is the same."""
    synchronised, offset_us, error_us = _discipline()
    return Times(
        wall=utc_text(datetime.now(UTC)),
        mono_us=time.monotonic_ns() // 1000,
        boot=boot_id(),
        clock_synchronised=synchronised,
        clock_offset_us=offset_us,
        clock_error_us_max=error_us,
    )


def boot_id() -> str:
    """Names the time since the machine was started; "" where the kernel gives none."""
    return _BOOT_ID.read_text(encoding="ascii").strip() if _BOOT_ID.exists() else ""


def _discipline() -> tuple[bool | None, int | None, int | None]:
    """(synchronised, offset, largest error) from adjtimex, which needs no rights to be read."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None, None, None
    state = _Timex(modes=0)
    if adjtimex(ctypes.byref(state)) < 0:
        return None, None, None
    offset = state.offset // 1000 if state.status & _STA_NANO else state.offset
    return not state.status & _STA_UNSYNC, int(offset), int(state.maxerror)
