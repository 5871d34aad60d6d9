"""What every bench that starts processes of its own needs: ports, mosquitto, a process's processor time."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path


class NotThere(RuntimeError):
    """A part that a measurement needs cannot be started or is silent; `str()` is one line: what to do."""


class NoMosquitto(NotThere):
    """It is not installed."""


def mosquitto() -> str:
    """The broker's program. Raises NoMosquitto."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise NoMosquitto("mosquitto is not installed; run: apt-get install mosquitto")
    return program


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def cpu_s(pid: int) -> float:
    """User and system time of a process (Linux: /proc/PID/stat, fields 14 and 15); 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
