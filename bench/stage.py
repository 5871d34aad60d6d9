"""A kiosk's own parts before a scripted street, in processes that may be killed: `python -m bench.stage FOLDER ...`.

Everything that keeps state is real (outbox, spots, sightings, originals, chain, ring, link); scripted are the pictures,
what the network sees in them, and redaction, which lets them through. Time is real; things come at fixed moments after
the first start, so that after a kill the street has gone on.

Reads lines: for each it forks a kiosk, which has nothing but what lies in the folder, and is watching in milliseconds
instead of the seconds that a start of Python and OpenCV takes. Says "PID born" and, before the first picture, "PID
ready".
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from detectors import Detections
from edge.evidence import Chain, device_key
from edge.kiosk.config import CameraSettings
from edge.kiosk.store import KioskStore
from edge.kiosk.tools import Tools
from edge.kiosk.watcher import Watcher
from edge.link import Broker, Link, Outbox
from edge.link.logs import to_stderr
from edge.watch.camera import Shot
from edge.watch.evidence import EvidenceMaker, Sealed
from edge.watch.rules import Rule, RuleBook
from edge.watch.source import Image

DEVICE = "kiosk-stage"
SIZE = (640, 480)
ACROSS, STEP, SIDE = 16, 40, 32  # boxes that never touch
THINGS_MAX = ACROSS * (SIZE[1] // STEP)
DWELL_S = 0.3
REST_S = 0.02


class Things:
    """Thing number i comes `i * every_s` after the street began, and stays."""

    names = ("bicycle",)
    model_name = "scripted"
    model_sha256 = "0" * 64
    min_score = 0.15

    def __init__(self, count: int, every_s: float, began: float) -> None:
        corners = [(STEP * (i % ACROSS), STEP * (i // ACROSS)) for i in range(count)]
        self._boxes = np.array([[x, y, x + SIDE, y + SIDE] for x, y in corners], np.float32)
        self._every_s = every_s
        self._began = began

    def detect(self, image_bgr: Image) -> Detections:
        """Those that have come."""
        come = min(len(self._boxes), 1 + int((time.time() - self._began) / self._every_s))
        boxes = self._boxes[:come]
        return Detections.of(boxes, np.full(come, 0.9, np.float32), np.zeros(come, np.int32), self.names)

    def detect_batch(self, images_bgr: Sequence[Image]) -> list[Detections]:
        """One after the other."""
        return [self.detect(image) for image in images_bgr]


class LetThrough:
    """No redaction: what is measured here is what becomes of state."""

    reader: Any = None

    def redact(self, image: Image, vehicles: Detections | None = None, part: float = 1.0) -> Image:
        """The picture as it is."""
        return image


def tools(folder: Path, things: Things, port: int) -> Tools:
    """A kiosk's, in this folder; `port`: its broker's."""
    outbox = Outbox(folder / f"{DEVICE}.db", DEVICE)
    anchors = folder / "anchors"
    anchors.mkdir(exist_ok=True)
    return Tools(
        link=Link(outbox, Broker(port=port), "kiosk", handlers={}, resend_s=2.0),
        store=KioskStore(outbox),
        detector=things,
        evidence=EvidenceMaker(LetThrough(), Sealed(folder / "originals", 10**9)),  # type: ignore[arg-type]
        rules=RuleBook("1", [Rule("bikes", "bike", "04-10", ["bicycle"], dwell_s=DWELL_S)]),
        anchors=anchors,
        chain=Chain(folder / "evidence", device_key(folder), DEVICE),
    )


def live(folder: Path, count: int, every_s: float, began: float, port: int) -> None:
    """Watch until killed, or until the process that forked this one is gone."""
    mother = os.getppid()
    mine = tools(folder, Things(count, every_s, began), port)
    assert mine.chain is not None
    mine.chain.check()
    watcher = Watcher(CameraSettings("cam", "none"), mine, gone_s=600.0)
    picture = np.random.default_rng(1).integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
    mine.link.start()
    say("ready")
    number = 0
    while os.getppid() == mother:
        number += 1
        watcher.take(Shot(picture, datetime.now(UTC), time.monotonic(), number))
        time.sleep(REST_S)


def say(what: str, pid: int = 0) -> None:
    """A line in one piece: several processes write here."""
    os.write(1, f"{pid or os.getpid()} {what}\n".encode())


def main(folder: Path, count: int, every_s: float, began: float, port: int) -> None:
    """Fork a kiosk for every line, until the end of input."""
    to_stderr("warning")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are not waited for
    while os.read(0, 1):
        pid = os.fork()
        if pid == 0:
            live(folder, count, every_s, began, port)
            os._exit(0)
        say("born", pid)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
