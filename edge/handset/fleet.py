"""`zhuomu handset sim`: many simulated crews in one process, one loop, until their time is over."""

import json
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import structs

from edge.handset.crew import Crew
from edge.handset.handset import Handset
from edge.handset.loop import Loop
from edge.link import Broker
from edge.link.tls import Tls

DRAIN_S = 10.0


@dataclass(frozen=True)
class Plan:
    """What the user asked for. `identities`: the folder with each handset's own, None for a line without TLS."""

    folder: Path
    count: int
    prefix: str
    broker: Broker
    http: str
    work_s: float
    seed: int
    jitter_s: float
    seconds: float | None
    software: str
    photo: bytes = b""
    identities: Path | None = None


def run(plan: Plan) -> dict[str, Any]:
    """Until SIGTERM, SIGINT or the time is over; then bring out what is left. Raises BookUnusable."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    handsets = [_handset(plan, i) for i in range(plan.count)]
    crews = [Crew(h, plan.work_s, random.Random(plan.seed * 1000 + i), plan.photo) for i, h in enumerate(handsets)]
    loop = Loop(handsets, plan.http)
    sys.stderr.flush()
    began_s = time.monotonic()
    seen: dict[str, float] = {}

    def each_turn(now_s: float) -> None:
        if "current_s" not in seen and all(h.session.current for h in handsets):
            seen["current_s"] = now_s - began_s
        for crew in crews:
            crew.turn(now_s)

    print_ready([h.device for h in handsets])
    end_s = None if plan.seconds is None else began_s + plan.seconds
    loop.run(lambda: stop.is_set() or (end_s is not None and time.monotonic() >= end_s), each_turn)
    for crew in crews:
        crew.off()
    drained = drain(loop, DRAIN_S)
    told = report(handsets, seen.get("current_s"), drained)
    loop.close()
    return told


def drain(loop: Loop, seconds: float) -> bool:
    """Until the centre has everything, or the time is over."""
    end_s = time.monotonic() + seconds
    loop.run(lambda: not any(left(h) for h in loop.handsets) or time.monotonic() >= end_s)
    return not any(left(h) for h in loop.handsets)


def left(handset: Handset) -> int:
    """Operations and photos that the centre does not have."""
    ops = handset.book.number("select count(*) from ops where receipted = 0")
    return ops + handset.book.number("select count(*) from photos where done = 0")


def report(handsets: list[Handset], current_s: float | None, drained: bool) -> dict[str, Any]:
    """What the run came to; `current_s`: until the first moment at which all replicas were current, null: never."""
    totals = {name: sum(getattr(h.session.counters, name) for h in handsets) for name in _COUNTERS}
    done = sum(h.book.number("select count(*) from things where kind = 'order'") for h in handsets)
    shelf = sum(len(h.replica.shelf()) for h in handsets)
    return {"handsets": len(handsets), "current_s": current_s, "orders": done, "shelf": shelf} | {
        "left": sum(map(left, handsets)),
        "drained": drained,
        **totals,
    }


def print_ready(devices: list[str]) -> None:
    """The one line by which a parent process learns that the handsets run."""
    sys.stdout.write(json.dumps({"event": "handset.ready", "devices": devices}) + "\n")
    sys.stdout.flush()


_COUNTERS = ("sent", "resent", "pages", "gaps", "deferred")


def _handset(plan: Plan, i: int) -> Handset:
    rng = random.Random(plan.seed * 7919 + i)
    device = f"{plan.prefix}-{i + 1}"
    broker = plan.broker
    if plan.identities is not None:
        broker = structs.replace(broker, tls=Tls(identity=str(plan.identities / device)))
    return Handset(plan.folder, device, broker, rng, plan.software, plan.jitter_s, bulk=bool(plan.http))
