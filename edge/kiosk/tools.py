"""What all cameras of a kiosk share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from detectors import Detections, Detector
from edge.evidence import Chain
from edge.kiosk.hard import HardExamples
from edge.kiosk.sending import Sending
from edge.kiosk.sightings import SightingLog
from edge.kiosk.store import KioskStore
from edge.link import Link
from edge.link.spans import NoSpans, Spans
from edge.watch.camera import Shot
from edge.watch.desk import Desk
from edge.watch.evidence import EvidenceMaker
from edge.watch.proof import Prover
from edge.watch.ring import PacketRing
from edge.watch.rules import RuleBook


@dataclass
class Tools:
    """One of each for the whole kiosk. `desk`: where `evidence` is made, on a thread of its own; `hard`: pictures that
    people should look at, None where none are kept; `chain`: where evidence is recorded, None in tests of other things;
    `rings`: the last packets by camera name; `saw`: told what the network found in a camera's frame, and
    whether it saw all of it; `sending`: where large evidence goes, None where nothing is uploaded; `spans`: where
    each candidate's step is told."""

    link: Link
    store: KioskStore
    detector: Detector
    evidence: EvidenceMaker
    rules: RuleBook
    anchors: Path
    hard: HardExamples | None = None
    chain: Chain | None = None
    rings: dict[str, PacketRing] = field(default_factory=dict)
    saw: Callable[[str, Shot, Detections, bool], None] | None = None
    sending: Sending | None = None
    spans: Spans = field(default_factory=NoSpans)
    desk: Desk = field(init=False)
    prover: Prover = field(init=False)
    sightings: SightingLog = field(init=False)

    def __post_init__(self) -> None:
        self.desk = Desk(self.evidence)
        self.prover = Prover(self.evidence, self.chain, self.sending.files if self.sending else None)
        self.sightings = SightingLog(self.link.outbox)
