"""A network's self-test is run beside the kiosk: one that brings its runtime down takes another process with it."""

import signal
import subprocess
import sys
from pathlib import Path

from edge.care.release import ReleaseRefused

LIMIT_S = 240.0


def self_test(folder: Path, limit_s: float = LIMIT_S) -> None:
    """Run the test of a release that lies in a folder, in a process of its own. Raises ReleaseRefused."""
    command = [sys.executable, "-m", "edge.care.golden", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise ReleaseRefused(f"the self-test did not end in {limit_s:.0f} s; the network is too slow here") from None
    if done.returncode == 0:
        return
    if done.returncode < 0:
        raise ReleaseRefused(f"the self-test was killed by {signal.Signals(-done.returncode).name}; not switched to")
    last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
    raise ReleaseRefused(f"self-test: {last.removeprefix('error: ')}")
