"""The kiosk of a soak, as `zhuomu kiosk` runs it: `python -m bench.soak_kiosk FILE KIB_S`; above 0 it leaks so much."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from edge.kiosk.config import load_settings
from edge.kiosk.node import Kiosk, run_until_signal

TIMES_S = 20


def leak(kib_s: int) -> None:
    """For ever, TIMES_S times a second; each page is written to, or it would not be resident."""
    lost: list[bytearray] = []
    while True:
        lost.append(bytearray(b"x" * (kib_s * 1024 // TIMES_S)))
        threading.Event().wait(1.0 / TIMES_S)


def main(settings: Path, kib_s: int) -> None:
    """Until SIGTERM."""
    kiosk = Kiosk(load_settings(settings), settings, "soak")
    if kib_s:
        threading.Thread(target=leak, args=(kib_s,), daemon=True).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    run_until_signal(kiosk)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
