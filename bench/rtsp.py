"""The local RTSP server as a child process, and how many cameras a kiosk carries on it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's GStreamer bindings are made for Debian's own Python
SCRIPT = Path(__file__).with_name("rtsp_server.py")
PACKAGES = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good"


class NoServer(RuntimeError):
    """The server cannot run here; `str()` is one line that says what to install."""


@contextmanager
def serving(files: Mapping[str, Path], environment: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
    """Serve MP4 files; gives each name's address. Raises NoServer."""
    mounts = [f"{name}={path}" for name, path in files.items()]
    try:
        process = subprocess.Popen(
            [SYSTEM_PYTHON, str(SCRIPT), *mounts],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
            text=True,
        )
    except OSError as error:
        raise NoServer(f"{SYSTEM_PYTHON}: {error.strerror}; do: apt-get install {PACKAGES}") from error
    assert process.stdin is not None and process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise NoServer(f"GStreamer's RTSP server does not run here; do: apt-get install {PACKAGES}")
        port = json.loads(line)["port"]
        yield {name: f"rtsp://127.0.0.1:{port}/{name}" for name in files}
    finally:
        process.stdin.close()
        try:
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def carried(run: Any, seconds: float) -> dict[str, Any]:
    """Let `run(until_s)` work for so long; what it cost of this process's processor time, per core and second."""
    wall, busy = time.monotonic(), time.process_time()
    told = dict(run(wall + seconds))
    wall, busy = time.monotonic() - wall, time.process_time() - busy
    cores = len(os.sched_getaffinity(0))
    return {**told, "seconds": round(wall, 1), "cpu_share": round(busy / wall / cores, 3), "cores": cores}
