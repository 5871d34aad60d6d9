"""What `zhuomu drone fly --sim` prints."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from detectors.errors import DetectorError
from drone.mission.errors import PlanError
from drone.sim.run import SimError, SimPatrol
from edge.link import OutboxUnusable
from edge.up.children import ChildFailed

ERRORS = (SimError, PlanError, ChildFailed, DetectorError, OutboxUnusable, OSError, ValueError)


def show_sim(seed: int, keep: Path | None, as_json: bool) -> int:
    """Exit status: 0 all was closed, or left standing for a reason; 2 it did not come to its end."""
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exit that stops the centre's processes on its way
    try:
        if keep is not None:
            numbers = SimPatrol(keep, seed, console.print).run()
        else:
            with tempfile.TemporaryDirectory(prefix="zhuomu-fly-") as folder:
                numbers = SimPatrol(Path(folder), seed, console.print).run()
    except ERRORS as error:
        sys.stderr.write(f"error: {error}\n".replace("\n", " ").rstrip() + "\n")
        return 2
    if as_json:
        sys.stdout.write(json.dumps(numbers, ensure_ascii=False) + "\n")
    else:
        for name, value in numbers.items():
            console.print(f"{name}: {value}", markup=False)
    return 0
