"""What all open pages show, read from the database once for all of them."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from gateway import devices, feed, queries, reviewed
from gateway.counters import Counters
from gateway.database import Database

FRESH_S = 0.8
CANDIDATES = 12
DEVICES = 60
DEAD_LETTERS = 20
EVENTS = 40
WAITING = 30


@dataclass(frozen=True)
class View:
    """One moment."""

    summary: dict[str, int] = field(default_factory=dict)
    candidates: list[dict[str, Any]] = field(default_factory=list)
    devices: list[dict[str, Any]] = field(default_factory=list)
    dead_letters: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    waiting: list[dict[str, Any]] = field(default_factory=list)


class Snapshots:
    """Thread-safe; at most one reading per FRESH_S, however many pages ask."""

    def __init__(self, database: Database, counters: Counters) -> None:
        self._database = database
        self._counters = counters
        self._lock = threading.Lock()
        self._view = View()
        self._read_at = float("-inf")

    def get(self) -> View:
        """The newest view. Raises sqlalchemy.exc.OperationalError."""
        with self._lock:
            if time.monotonic() - self._read_at > FRESH_S:
                self._view = self._read()
                self._read_at = time.monotonic()
            return self._view

    def _read(self) -> View:
        with self._database.read() as tx:
            return View(
                queries.summary(tx),
                queries.candidate_list(tx, CANDIDATES),
                devices.listed(tx, DEVICES),
                queries.dead_letter_list(tx, DEAD_LETTERS),
                feed.newest(tx, EVENTS),
                self._counters.snapshot(),
                reviewed.waiting(tx, WAITING),
            )
