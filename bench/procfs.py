"""What Linux says of a running process: memory, file handles, threads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Sample:
    """At `at_s` (any clock) a process had `rss_mib` resident, so many open file handles and threads."""

    at_s: float
    rss_mib: float
    handles: int
    threads: int


def sample(pid: int, at_s: float) -> Sample:
    """Of one process. Raises FileNotFoundError or ProcessLookupError when it has ended."""
    here = Path(f"/proc/{pid}")
    resident = int((here / "statm").read_text(encoding="ascii").split()[1])
    handles = sum(1 for _ in (here / "fd").iterdir())
    threads = sum(1 for _ in (here / "task").iterdir())
    return Sample(at_s, resident * PAGE / 1024**2, handles, threads)
