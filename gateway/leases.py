"""Work that one gateway alone may do at a time: a lease per piece of work, in the database that all of them share.

A gateway that dies without a word loses its leases after LEASE_S; another takes them RENEW_S later at most. Two that
believe for a moment to hold the same lease do no harm: what they do is idempotent, a lease only saves doing it twice.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.cluster_tables import leases
from gateway.database import Database

LEASE_S = 3.0
RENEW_S = 0.75
MARGIN_S = 0.5  # a holder stops before the others may begin

May = Callable[[], bool]
log = structlog.get_logger()


class Duty(Protocol):
    """Who may do what."""

    def may(self, name: str) -> May:
        """Ask the answer before every round of that work."""
        ...

    def run(self) -> None:
        """Until stopped."""
        ...

    def stop(self) -> None:
        """Leave the work to others."""
        ...


def always() -> bool:
    """Nobody else is there."""
    return True


class Alone:
    """One gateway on a database of its own (SQLite): it may do everything."""

    def may(self, name: str) -> May:
        """Yes."""
        return always

    def run(self) -> None:
        """Nothing to do."""

    def stop(self) -> None:
        """Nothing to do."""


class Leases:
    """One thread that renews. `holder`: this process's name, another one after each start."""

    def __init__(
        self, database: Database, holder: str, names: Iterable[str], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._holder = holder
        self._names = sorted(set(names))
        self._monotonic = monotonic
        self._until_s: dict[str, float] = {}
        self._stop = threading.Event()
        with database.write() as tx:
            known = set(tx.scalars(sa.select(leases.c.name)))
            for name in self._names:
                if name not in known:
                    tx.execute(sa.insert(leases), {"name": name, "holder": "", "until_ms": 0})

    def may(self, name: str) -> May:
        """True while this process holds the lease for sure."""
        return lambda: self._monotonic() < self._until_s.get(name, 0.0)

    def stop(self) -> None:
        """Give back what is held, so that others need not wait."""
        self._stop.set()

    def run(self) -> None:
        """Until stopped."""
        while not self._stop.is_set():
            try:
                self.round()
            except SQLAlchemyError as error:
                log.error("leases.not_renewed", reason=str(error).splitlines()[0])
            self._stop.wait(RENEW_S)
        try:
            self.give_back()
        except SQLAlchemyError as error:
            log.info("leases.not_given_back", reason=str(error).splitlines()[0])

    def round(self) -> set[str]:
        """Renew what is ours, take what is free; returns what we hold. Raises SQLAlchemyError."""
        asked_s = self._monotonic()
        now_ms = _now_ms(self._database.is_sqlite)
        free = sa.or_(leases.c.holder == self._holder, leases.c.until_ms < now_ms)
        mine = sa.update(leases).where(leases.c.name.in_(self._names), free)
        mine = mine.values(holder=self._holder, until_ms=now_ms + int(LEASE_S * 1000)).returning(leases.c.name)
        with self._database.engine.begin() as tx:  # not in the queue of writers: a lease must not wait for a batch
            held = set(tx.scalars(mine))
        for name in sorted(held - self._until_s.keys()):
            log.info("lease.taken", work=name, holder=self._holder)
        self._until_s = dict.fromkeys(held, asked_s + LEASE_S - MARGIN_S)
        return held

    def give_back(self) -> None:
        """Free what is ours. Raises SQLAlchemyError."""
        self._until_s = {}
        with self._database.engine.begin() as tx:
            tx.execute(sa.update(leases).where(leases.c.holder == self._holder).values(until_ms=0))


def _now_ms(is_sqlite: bool) -> sa.ColumnElement[int]:
    """Milliseconds since 1970 by the database's clock."""
    if is_sqlite:
        return sa.cast((sa.func.julianday("now") - 2440587.5) * 86_400_000, sa.BigInteger)
    return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()) * 1000, sa.BigInteger)
