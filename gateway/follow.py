"""Asks the targets that keep cases of their own how these stand; what is new goes on through the mirror."""

import random
import threading

import httpx
import structlog
from sqlalchemy.exc import OperationalError

from gateway import deliveries
from gateway.bulk import Bulk
from gateway.counters import Counters
from gateway.database import Database
from gateway.georeport import BadDocument
from gateway.leases import May, always
from gateway.rounds import keep_asking
from gateway.targets.base import Target
from gateway.targets.settings import TargetSettings
from gateway.times import Clock, to_text

ASKED_MAX = 50
TICK_S = 0.2
log = structlog.get_logger()


class Follower:
    """One thread per target that has to be asked. `on_news` is set when something changed."""

    def __init__(
        self,
        database: Database,
        target: Target,
        settings: TargetSettings,
        counters: Counters,
        clock: Clock,
        on_news: threading.Event,
        may: May = always,
    ) -> None:
        self._database = database
        self._target = target
        self._settings = settings
        self._counters = counters
        self._clock = clock
        self._on_news = on_news
        self._may = may
        self._stop = threading.Event()

    def stop(self) -> None:
        """End after the question under way."""
        self._stop.set()

    def run(self) -> None:
        """Until stopped."""
        expected = (httpx.HTTPError, BadDocument, OperationalError)
        pause_s = min(TICK_S, self._settings.poll_s)
        keep_asking(self._stop, lambda: self._may() and self.round() >= ASKED_MAX, pause_s, expected, self._failed)

    def _failed(self, error: Exception) -> None:
        self._counters.add("follow_failures")
        log.info("follow.failed", target=self._target.name, reason=f"{type(error).__name__}: {error}")

    def round(self) -> int:
        """Ask about what is due; returns how many were asked about. Raises httpx.HTTPError, BadDocument."""
        now = to_text(self._clock())
        with self._database.read() as tx:
            followed = deliveries.due(tx, self._target.name, now, ASKED_MAX)
        if not followed:
            return 0
        news = self._target.ask(followed)
        now = to_text(self._clock())
        next_at = deliveries.later(now, self._settings.poll_s * random.uniform(0.9, 1.1))
        with self._database.write() as tx:
            bulk = Bulk(tx)
            deliveries.asked(tx, followed, next_at)
            states = dict(self._settings.states)
            new = [deliveries.changed(tx, bulk, self._target.name, states, one, now) for one in news]
            bulk.flush()
        self._counters.add("follow_news", sum(new))
        if any(new):
            self._on_news.set()
        return len(followed)
