"""What all open pages show, read from the database once for all of them."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from gateway import devices, feed, queries, reviewed
from gateway.counters import Counters
from gateway.database import Database

FRESH_S = 0.8
# Counting everything takes longer the more there is: at most this share of the time goes into it.
COUNTING_SHARE = 0.05
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
    """Thread-safe; at most one reading per FRESH_S, however many pages ask. The summary, which counts whole tables, is
    read again when COUNTING_SHARE allows: each second while it takes milliseconds, each minute when it takes three."""

    def __init__(self, database: Database, counters: Counters, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._counters = counters
        self._lock = threading.Lock()
        self._view = View()
        self._read_at = float("-inf")
        self._clock = clock
        self._summary: dict[str, int] = {}
        self._count_again_at = float("-inf")

    def get(self) -> View:
        """The newest view. Raises sqlalchemy.exc.OperationalError."""
        with self._lock:
            if self._clock() - self._read_at > FRESH_S:
                self._view = self._read()
                self._read_at = self._clock()
            return self._view

    def _counted(self, tx: sa.Connection) -> dict[str, int]:
        began = self._clock()
        if began >= self._count_again_at:
            self._summary = queries.summary(tx)
            done = self._clock()
            self._count_again_at = done + (done - began) * (1 / COUNTING_SHARE - 1)
        return self._summary

    def _read(self) -> View:
        with self._database.read() as tx:
            return View(
                self._counted(tx),
                queries.candidate_list(tx, CANDIDATES),
                devices.listed(tx, DEVICES),
                queries.dead_letter_list(tx, DEAD_LETTERS),
                feed.newest(tx, EVENTS),
                self._counters.snapshot(),
                reviewed.waiting(tx, WAITING),
            )
