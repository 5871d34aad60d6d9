"""What the process and its machine tell about themselves; nothing here needs rights or costs more than a few reads."""

import os
from collections.abc import Iterator
from pathlib import Path

from edge.evidence import clock

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
FILES_MAX = 200_000


def rss_bytes() -> int:
    """Memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES


def handles() -> int:
    """Open file descriptors of this process."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def temperature_c(zones: Path = Path("/sys/class/thermal")) -> float | None:
    """The hottest sensor, None where the machine has none that can be read."""
    found: list[float] = []
    for path in zones.glob("thermal_zone*/temp"):
        try:
            found.append(int(path.read_text(encoding="ascii")) / 1000.0)
        except (OSError, ValueError):  # a sensor that is switched off answers with an error
            continue
    sane = [value for value in found if -60.0 < value < 200.0]
    return max(sane) if sane else None


def kernel_offset_s() -> float | None:
    """What the kernel's clock discipline still has to make good, None where nobody disciplines the clock."""
    times = clock.times()
    if not times.clock_synchronised or times.clock_offset_us is None:
        return None
    return times.clock_offset_us / 1e6


def disk_free_bytes(folder: Path) -> int | None:
    """Room for a user without special rights, None where the folder is not there."""
    try:
        state = os.statvfs(folder)
    except OSError:
        return None
    return state.f_bavail * state.f_frsize


def used_bytes(path: Path, files_max: int = FILES_MAX) -> int:
    """Bytes of a file, or of all files below a folder; of the first `files_max` where there are more."""
    if path.is_file():
        return path.stat().st_size
    total = 0
    for count, file in enumerate(_files(path)):
        if count >= files_max:
            break
        try:
            total += file.stat(follow_symlinks=False).st_size
        except OSError:  # deleted since it was listed
            continue
    return total


def _files(path: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(path):
        yield from (Path(folder) / name for name in names)
