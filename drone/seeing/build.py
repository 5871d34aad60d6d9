"""Everything that seeing from above needs, put together from a data folder and a broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from detectors.base import Detector
from detectors.load import load_detector
from detectors.redact import Redactor
from detectors.tiling import TiledDetector
from drone.seeing.ledger import Ledger
from drone.seeing.memory import Memory
from drone.seeing.store import DroneStore
from drone.seeing.tools import Tools
from drone.seeing.zones import GroundZone
from edge.evidence import Chain, device_key
from edge.link import Link, Outbox
from edge.link.mqtt import Broker
from edge.watch.desk import Desk
from edge.watch.evidence import EvidenceMaker, Sealed
from edge.watch.proof import Prover
from edge.watch.rules import RuleBook
from edge.wire import Verify

DETECT_SCORE_MIN = 0.15
ORIGINALS_BYTES_MAX = 2 * 1024**3
FREE_BYTES_MIN = 512 * 1024**2


def tools_of(
    data: Path,
    device: str,
    broker: Broker,
    rules: RuleBook,
    zones: tuple[GroundZone, ...],
    detector: Detector | None = None,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    redactor: Redactor | None = None,
) -> Tools:
    """Outbox, link (not started), memory and ledger of a drone in one SQLite file below `data`; the shipped network on
    tiles unless another detector is given. Raises OutboxUnusable, ModelError, RedactionError."""
    outbox = Outbox(data / f"{device}.db", device)
    store = DroneStore(outbox)
    maker = EvidenceMaker(redactor or Redactor(), Sealed(data / "originals", ORIGINALS_BYTES_MAX, FREE_BYTES_MIN))
    chain = Chain(data / "evidence", device_key(data), device)
    handlers: dict[str, Callable[[Verify], None]] = {"verify": lambda request: store.ask(request, now_us())}
    link = Link(outbox, broker, "drone", handlers=handlers)
    return Tools(
        link=link,
        store=store,
        memory=Memory(store.things()),
        ledger=Ledger(outbox),
        detector=detector or TiledDetector(load_detector(min_score=DETECT_SCORE_MIN)),
        rules=rules,
        zones=zones,
        desk=Desk(maker),
        prover=Prover(maker, chain),
    )


def close(tools: Tools) -> None:
    """Stop what runs and close the file; the link only if it was started."""
    tools.desk.close()
    tools.link.outbox.close()
