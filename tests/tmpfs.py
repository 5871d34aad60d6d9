"""A small real disk that can be full."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import missing


@contextmanager
def tmpfs(path: Path, size: str) -> Iterator[Path]:
    """Mounted while the block runs; needs root."""
    if os.geteuid() != 0:
        missing("root, to mount a small disk")
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], capture_output=True)
    if done.returncode:
        missing(f"the right to mount a small disk ({done.stderr.decode().strip()})")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)
