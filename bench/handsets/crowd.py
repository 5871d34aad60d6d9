"""Many handsets on one loop beside a real centre: how long until all of them are current, and what it cost whom."""

import gc
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.handsets.certificates import Authority
from bench.handsets.floor import Bare, floor_s
from bench.handsets.processes import Centre
from edge.handset.handset import Handset
from edge.handset.loop import Loop
from edge.handset.session import START_JITTER_S
from edge.link import Broker

LIMIT_S = 180.0
# Above it a process has no room for three files a handset; their books are then in memory.
FILES_MAX = 3000
DOWN_S = 2.0


@dataclass(frozen=True)
class Way:
    """How handsets come to the broker."""

    broker: Broker
    authority: Authority | None = None

    def context(self, device: str) -> Any:
        """The TLS context of one; None for plain."""
        return self.authority.context(device) if self.authority else None


class Crowd:
    """New handsets with empty books. `jitter_s` 0: all ask at once, which is the worst a shift's start can do."""

    def __init__(self, folder: Path, devices: Sequence[str], way: Way, jitter_s: float = 0.0) -> None:
        memory = len(devices) > FILES_MAX
        self.handsets = [
            Handset(folder, d, way.broker, random.Random(i), "bench", jitter_s, in_memory=memory, tls=way.context(d))
            for i, d in enumerate(devices)
        ]
        self.loop = Loop(self.handsets)

    def run_until_current(self) -> float | None:
        """Seconds until every replica is current; None: not within LIMIT_S."""
        began_s = time.monotonic()
        left = list(self.handsets)

        def done() -> bool:
            while left and left[-1].session.current:
                left.pop()
            return not left or time.monotonic() - began_s > LIMIT_S

        self.loop.run(done)
        return time.monotonic() - began_s if self.current() == len(self.handsets) else None

    def run_for(self, seconds: float) -> None:
        """Just let them be."""
        end_s = time.monotonic() + seconds
        self.loop.run(lambda: time.monotonic() >= end_s)

    def current(self) -> int:
        """How many are."""
        return sum(h.session.current for h in self.handsets)

    def orders(self) -> int:
        """Open orders that all of them show."""
        return sum(len(h.replica.orders()) for h in self.handsets)


def cold(centre: Centre, folder: Path, devices: Sequence[str], way: Way) -> tuple[Crowd, dict[str, Any]]:
    """Everybody from nothing."""
    crowd = Crowd(folder, devices, way)
    gc.collect()
    before = _cost(centre)
    took_s = crowd.run_until_current()
    row = {"s": _round(took_s), "current": crowd.current(), "orders": crowd.orders(), "cpu_s": _since(centre, before)}
    return crowd, row


def storm(centre: Centre, crowd: Crowd) -> dict[str, Any]:
    """The broker is killed, stays away for DOWN_S and comes back: seconds from then until all are current again."""
    for handset in crowd.handsets:
        handset.jitter_s = START_JITTER_S
    centre.kill_broker()
    crowd.run_for(DOWN_S)
    before = _cost(centre)
    centre.start_broker()
    took_s = crowd.run_until_current()
    return {"s": _round(took_s), "current": crowd.current(), "cpu_s": _since(centre, before)}


def floor(centre: Centre, devices: Sequence[str], way: Way) -> dict[str, Any]:
    """The same clients only connecting and subscribing."""
    clients = [Bare(device, way.broker, way.context(device)) for device in devices]
    gc.collect()
    before = _cost(centre)
    return {"s": _round(floor_s(clients, LIMIT_S)), "cpu_s": _since(centre, before)}


def _cost(centre: Centre) -> dict[str, float]:
    return {
        "broker": centre.cpu_s("broker"),
        "gateway": centre.cpu_s("gateway"),
        "simulator": time.process_time(),
    }


def _since(centre: Centre, before: dict[str, float]) -> dict[str, float]:
    return {name: round(max(0.0, value - before[name]), 2) for name, value in _cost(centre).items()}


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
