"""The street's own kiosk camera as a second witness: what its picture shows, placed by its calibration.

It is no kiosk process: one picture, no dwell. What the gateway gets of it is what a kiosk's candidate carries.
"""

from __future__ import annotations

import math
import time
from datetime import datetime
from pathlib import Path

from detectors.base import Detector
from drone.sim.world import MOMENT_S
from edge.link import Link, Outbox
from edge.link.mqtt import Broker
from edge.sim.street import Street
from edge.watch.boxes import CASE_CLASS
from edge.watch.ground import Ground, Point
from edge.watch.places import Sighting, one_each
from edge.wire import Candidate, CaseClass

DEVICE, CAMERA = "kiosk-1", "cam-1"
CODES: dict[CaseClass, str] = {"stall": "04-06", "poster": "02-01", "bike": "04-10", "litter": "01-10"}
ONLINE_S = 30.0
NEAR_M = 1.2


class KioskWitness:
    """One look of the kiosk's camera. Raises OutboxUnusable."""

    def __init__(self, street: Street, detector: Detector, data: Path, broker: Broker) -> None:
        self._street, self._detector = street, detector
        self._ground = Ground([Point(*p["image"], *p["wgs84"]) for p in street.calibration_points()])
        self.link = Link(
            Outbox(data / f"{DEVICE}.db", DEVICE), broker, "kiosk", handlers={"verify": lambda _request: None}
        )

    def report(self, case_class: CaseClass, at: datetime) -> Candidate | None:
        """Send the surest thing of a class that its picture shows and that ought to be filed (the street's truth stands
        in for a kiosk's zones and permits); None when it shows none."""
        image = self._street.render(MOMENT_S)
        found = self._detector.detect(image)
        kept = one_each(Sighting(CASE_CLASS[d.name], d.name, d.score, d.box) for d in found if d.name in CASE_CLASS)
        mine = (s for s in kept if s.case_class == case_class and self._due(s))
        things = sorted(mine, key=lambda s: -s.score)
        if not things:
            return None
        candidate = self._candidate(things[0], at, (image.shape[1], image.shape[0]))
        self.link.start()
        self.link.send(candidate)
        return candidate

    def _due(self, thing: Sighting) -> bool:
        place = self._ground.place(thing.box, thing.case_class)
        east, north = self._street.anchor.to_local(place.lat, place.lon)
        due = [event for event in self._street.timetable.between(MOMENT_S, MOMENT_S + 1e-6) if event.should_file]
        return any(math.hypot(event.east_m - east, event.north_m - north) <= NEAR_M for event in due)

    def close(self, wait_s: float = ONLINE_S) -> int:
        """Wait for receipts, go away. Returns how many messages are left."""
        deadline = time.monotonic() + wait_s
        self.link.drain(max(0.0, deadline - time.monotonic()))
        self.link.stop()
        left = self.link.outbox.size[0]
        self.link.outbox.close()
        return left

    def _candidate(self, thing: Sighting, at: datetime, size: tuple[int, int]) -> Candidate:
        return Candidate(
            device=DEVICE,
            epoch="00000000",
            seq=1,
            candidate_id=f"{DEVICE}.{thing.case_class}",
            camera=CAMERA,
            place_id=f"{thing.case_class}-1",
            case_class=thing.case_class,
            label=thing.label,
            class_code=CODES[thing.case_class],
            rule="kiosk-witness",
            rule_version="sim-1",
            zone="pavement",
            score=thing.score,
            box=thing.box,
            frame_width=size[0],
            frame_height=size[1],
            first_seen=at,
            last_seen=at,
            dwell_s=0.0,
            place=self._ground.place(thing.box, thing.case_class),
            model=self._detector.model_name,
            model_sha256=self._detector.model_sha256,
        )
