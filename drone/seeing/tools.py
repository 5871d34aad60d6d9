"""What all parts of a drone's seeing share, and a frame on its way through them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from detectors import Detections, Detector
from detectors.types import Image
from drone.seeing.ledger import Ledger
from drone.seeing.memory import Memory
from drone.seeing.store import DroneStore
from drone.seeing.things import Placed
from drone.seeing.view import FrameView
from drone.seeing.zones import GroundZone
from edge.link import Link
from edge.watch.boxes import Box
from edge.watch.desk import Desk
from edge.watch.proof import Prover
from edge.watch.rules import RuleBook


@dataclass
class Tools:
    """One of each. `desk`: where pictures are redacted, on a thread of its own."""

    link: Link
    store: DroneStore
    memory: Memory
    ledger: Ledger
    detector: Detector
    rules: RuleBook
    zones: tuple[GroundZone, ...]
    desk: Desk
    prover: Prover
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, eq=False)
class Seen:
    """A frame after detection. at: UTC of its exposure; placed: what could be put on the ground; fault: what is wrong
    with the whole picture, or ""; known: what the memory took each sighting for, by the thing's id."""

    image: Image
    at: datetime
    view: FrameView
    found: Detections
    placed: Sequence[Placed]
    blockers: Sequence[Box]
    fault: str = ""
    known: Mapping[str, Placed] = field(default_factory=dict)

    @property
    def at_us(self) -> int:
        """UTC in microseconds."""
        return round(self.at.timestamp() * 1e6)
