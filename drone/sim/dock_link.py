"""A simulated dock on a real broker, over a line that loses, repeats and reorders messages."""

from __future__ import annotations

import json
import random
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from drone.sim.dock import SimDock, packed
from edge.link.mqtt import Broker, Connection, Incoming

BEAT_S = 0.02
FETCH_S = 5.0
DOWN = ("services", "events_reply", "requests_reply")


@dataclass(frozen=True)
class Faults:
    """Shares of messages, each way; late_s: how long a late one waits."""

    loss: float = 0.0
    twice: float = 0.0
    late: float = 0.0
    late_s: float = 0.3


class DockLink:
    """Runs a dock in a thread of its own until `close`. cut: nothing goes either way."""

    def __init__(self, dock: SimDock, broker: Broker, faults: Faults | None = None, seed: int = 0) -> None:
        self.dock = dock
        self.cut = False
        self._faults = faults or Faults()
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._later: list[tuple[float, str, bytes]] = []
        topics = [(f"thing/product/{dock.sn}/{name}", 1) for name in DOWN]
        topics.append((f"sys/product/{dock.sn}/status_reply", 1))
        self._line = Connection(broker, dock.sn, subscriptions=topics, on_message=self._came)
        self._thread = threading.Thread(target=self._run, name=f"dock-{dock.sn}", daemon=True)
        self._line.start()
        self._thread.start()

    def reboot(self) -> None:
        """Power off and on."""
        with self._lock:
            self.dock.reboot(time.monotonic())

    def close(self) -> None:
        """End the thread and the connection."""
        self._stop.set()
        self._thread.join(5)
        self._line.stop()

    def _run(self) -> None:
        while not self._stop.wait(BEAT_S):
            now_s = time.monotonic()
            with self._lock:
                self.dock.tick(now_s, _ms())
                out = self.dock.take()
            for topic, message in out:
                for _ in range(self._copies()):
                    late = self._random.random() < self._faults.late
                    self._later.append((now_s + (self._faults.late_s if late else 0.0), topic, packed(message)))
            due = [row for row in self._later if row[0] <= now_s]
            self._later = [row for row in self._later if row[0] > now_s]
            for _, topic, payload in due:
                self._line.publish(topic, payload)

    def _came(self, incoming: Incoming) -> None:
        self._line.ack(incoming)
        message = json.loads(incoming.payload)
        for _ in range(self._copies()):
            with self._lock:
                self.dock.receive(incoming.topic, message, time.monotonic(), _ms())

    def _copies(self) -> int:
        if self.cut or self._random.random() < self._faults.loss:
            return 0
        return 2 if self._random.random() < self._faults.twice else 1


def fetch(url: str) -> bytes | None:
    """A wayline file as a dock gets it; None when there is none."""
    try:
        with urllib.request.urlopen(url, timeout=FETCH_S) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, ValueError, OSError):
        return None


def _ms() -> int:
    return time.time_ns() // 1_000_000
