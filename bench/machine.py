"""What a figure was measured on: processor, load, versions."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

CPU_INFO = Path("/proc/cpuinfo")
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8")  # what networks run faster with


def machine(cpu_info: Path = CPU_INFO) -> dict[str, Any]:
    """Processor, cores this process may use, vector instructions, load of the last minute (others' work included)."""
    lines = cpu_info.read_text(encoding="utf-8").splitlines() if cpu_info.is_file() else []
    halves = [line.partition(":") for line in lines]
    fields = {name.strip(): value.strip() for name, _, value in halves}
    have = set(fields.get("flags", "").split())
    return {
        "cpu": fields.get("model name", platform.processor() or "unknown"),
        "cores": len(os.sched_getaffinity(0)),
        "flags": {flag: flag in have for flag in FLAGS},
        "load_1min": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def versions(*packages: str) -> dict[str, str | None]:
    """Python and the installed version of each package; None for one that is not there."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found
