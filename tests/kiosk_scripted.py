"""A kiosk's watcher with a scripted detector, as a process that tests kill: `kiosk_scripted.py FOLDER THINGS`."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from detectors import Detections
from detectors.redact import Redactor
from edge.kiosk.config import CameraSettings
from edge.kiosk.store import KioskStore
from edge.kiosk.tools import Tools
from edge.kiosk.watcher import Watcher
from edge.link import Broker, Link, Outbox
from edge.watch.camera import Shot
from edge.watch.evidence import EvidenceMaker, Sealed
from edge.watch.places import Spot
from edge.watch.rules import Rule, RuleBook
from edge.watch.source import Image
from edge.wire import Verify


class Scripted:
    """Sees the same bicycles, six in a row, in every picture."""

    names = ("bicycle",)
    model_name = "scripted"
    model_sha256 = "0" * 64
    min_score = 0.15

    def __init__(self, things: int) -> None:
        corners = [(20 + 100 * (i % 6), 20 + 100 * (i // 6)) for i in range(things)]
        self._boxes = np.array([[x, y, x + 70, y + 60] for x, y in corners], np.float32)

    def detect(self, image: Image) -> Detections:
        """The same in every picture."""
        count = len(self._boxes)
        return Detections.of(self._boxes, np.full(count, 0.9, np.float32), np.zeros(count, np.int32), self.names)

    def detect_batch(self, images: list[Image]) -> list[Detections]:
        """One after the other."""
        return [self.detect(image) for image in images]


def scripted_tools(folder: Path, things: int, redactor: Redactor | None = None) -> Tools:
    """A kiosk's tools without a broker: what is sent stays in the outbox. `redactor`: one that is loaded already."""
    outbox = Outbox(folder / "kiosk-1.db", "kiosk-1")
    anchors = folder / "anchors"
    anchors.mkdir(exist_ok=True)
    return Tools(
        link=Link(outbox, Broker(port=1), "kiosk", handlers={}),
        store=KioskStore(outbox),
        detector=Scripted(things),
        evidence=EvidenceMaker(redactor or Redactor(), Sealed(folder / "originals", 10**8)),
        rules=RuleBook("1", [Rule("bikes", "bike", "04-10", ["bicycle"], dwell_s=0.3)]),
        anchors=anchors,
    )


def one_look(place: Spot, height_px: int) -> Verify:
    """The centre asks about a place in pictures 640 px wide: one look, at once."""
    return Verify(
        verify_id="v",
        incident_id="i",
        camera="cam",
        place_id=place.spot_id,
        case_class="bike",
        label="bicycle",
        box=place.box,
        frame_width=640,
        frame_height=height_px,
        looks=1,
        over_s=0.0,
    )


def main(folder: Path, things: int) -> None:
    """Watch until killed."""
    watcher = Watcher(CameraSettings("cam", "none"), scripted_tools(folder, things), gone_s=60.0)
    picture = np.random.default_rng(1).integers(0, 255, (240, 640, 3), np.uint8)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    number = 0
    while True:
        number += 1
        watcher.take(Shot(picture, datetime.now(UTC), time.monotonic(), number))
        time.sleep(0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
