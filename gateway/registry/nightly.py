"""What the registry does by itself when a day is over: keep its figures, a month's too; and every hour the rewards."""

import threading
from datetime import date, datetime, timedelta

import structlog
from sqlalchemy.exc import OperationalError

from gateway.database import Database
from gateway.registry import evaluation, kept
from gateway.registry.clocks import BEIJING
from gateway.registry.evaluation import Period
from gateway.registry.reward.run import Rewards
from gateway.registry.store import Registry

LOOK_S = 60.0
CATCH_UP_DAYS = 31  # after the registry was down
REWARDS_EVERY = timedelta(hours=1)
FORGET_AFTER = timedelta(days=400)  # a payee who is owed nothing; a request's own contact is forgotten sooner
log = structlog.get_logger()


def missing(today: date, known: frozenset[tuple[str, str]]) -> list[Period]:
    """Days and the month that are over and were not kept, the oldest first. known: (start, end) of what was."""
    days = [evaluation.days(today - timedelta(days=n), 1) for n in range(CATCH_UP_DAYS, 0, -1)]
    last = today.replace(day=1) - timedelta(days=1)
    periods = [*days, evaluation.month(last.year, last.month)]
    return [period for period in periods if (period.start, period.end) not in known]


class Nightly:
    """A thread of its own, because a month of a million cases takes seconds. citizens: None where no door is open."""

    def __init__(self, registry: Registry, citizens: Database | None) -> None:
        self._registry = registry
        city = registry.city
        self._rewards = Rewards(registry.database, citizens, city) if city is not None and city.reward else None
        self._kept_on: date | None = None
        self._rewarded_at: datetime | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nightly", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the step under way."""
        self._stop.set()
        self._thread.join(2.0)

    def look(self) -> None:
        """What is due now."""
        now = self._registry.now()
        today = now.astimezone(BEIJING).date()
        if self._kept_on != today:
            self._keep(today, now)
            self._kept_on = today
        if self._rewards is not None and (self._rewarded_at is None or now - self._rewarded_at >= REWARDS_EVERY):
            found = self._rewards.run(now)
            self._rewards.forget(now - FORGET_AFTER)
            self._rewarded_at = now
            log.info("rewards.decided", **{name: many for name, many in sorted(found.items()) if many})

    def _keep(self, today: date, now: datetime) -> None:
        database, standard, city = self._registry.database, self._registry.standard, self._registry.city
        with database.read() as tx:
            todo = missing(today, kept.known(tx))
        for period in todo:
            if self._stop.is_set():
                return
            with database.read() as tx:
                body = kept.reckon(tx, period, standard, city)
            if body["figures"]["rows"]:
                with database.write() as tx:
                    kept.keep(tx, body, now)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except OperationalError as error:
                log.error("nightly.database", reason=str(error.orig))
            except kept.Differs as error:
                log.error("nightly.differs", reason=str(error))
            self._stop.wait(LOOK_S)
