"""Sends what waits in the outbox: one thread per target, in order within each incident, behind a circuit breaker."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError

from edge.link.spans import NoSpans, Spans
from edge.wire import ForbiddenState
from gateway import dead_letters, deliveries, tracing, work
from gateway.bulk import Bulk
from gateway.counters import Counters
from gateway.database import Database
from gateway.forward import backoff_s
from gateway.leases import May, always
from gateway.tables import forwards, incidents
from gateway.targets import breaker
from gateway.targets.base import Parcel, Sent, Target
from gateway.times import Clock, to_text

ROWS = 256
IDLE_S = 0.5
OPEN_S = 0.1
REPORT_PATH = "/reports"

log = structlog.get_logger()


class Forwarder:
    """One target's thread, with a few helpers for different incidents at once. `owns`: the rows that are this one's."""

    def __init__(
        self,
        database: Database,
        target: Target,
        owns: sa.ColumnElement[bool],
        counters: Counters,
        clock: Clock,
        workers: int,
        monotonic: Callable[[], float] = time.monotonic,
        may: May = always,
        spans: Spans | None = None,
    ) -> None:
        self._spans = spans or NoSpans()
        self.target = target
        self.breaker = breaker.Breaker()
        self._database = database
        self._owns = owns
        self._counters = counters
        self._clock = clock
        self._monotonic = monotonic
        self._may = may
        self._pool = ThreadPoolExecutor(workers, f"forward-{target.name}")
        self._breaker_lock = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()

    def wake(self) -> None:
        """Something was queued."""
        self._wake.set()

    def stop(self) -> None:
        """End after the attempts under way."""
        self._stop.set()
        self._wake.set()

    def run(self) -> None:
        """Until stopped."""
        while not self._stop.is_set():
            self._wake.clear()
            try:
                sent = self.round()
            except OperationalError as error:
                log.error("forward.database", target=self.target.name, reason=str(error.orig))
                sent = 0
            if self.state() == "open":
                self._stop.wait(OPEN_S)
            elif not sent:
                self._wake.wait(IDLE_S)
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.target.close()

    def state(self) -> breaker.State:
        """The circuit breaker's."""
        return breaker.state(self.breaker, self._monotonic())

    def round(self) -> int:
        """Send the first due row of each incident once (one by one where the target wants one order over everything);
        returns how many went through."""
        allowed = breaker.allowed(self.breaker, self._monotonic(), ROWS)
        if not allowed or not self._may():
            return 0
        with self._database.read() as tx:
            rows = self._in_line(tx, allowed) if self.target.order == "all" else self._heads(tx, allowed)
        if not rows:
            return 0
        sent = list(self._one_by_one(rows) if self.target.order == "all" else self._together(rows))
        with self._database.write() as tx:
            bulk = Bulk(tx)
            plain = [row["n"] for row, result in sent if result == Sent("done")]
            self._note_done(tx, plain)
            for row, result in sent:
                if result != Sent("done"):
                    self._note(tx, bulk, row, result)
            bulk.flush()
        return sum(result.state != "pending" for _, result in sent)

    def _heads(self, tx: sa.Connection, limit: int) -> list[Any]:
        f = forwards.c
        first = sa.select(sa.func.min(f.n)).where(f.state == "pending").group_by(f.incident_id)
        query = self._mine().where(f.n.in_(first), f.next_at <= to_text(self._clock()))
        return list(tx.execute(query.limit(limit)).mappings())

    def _in_line(self, tx: sa.Connection, limit: int) -> list[Any]:
        now = to_text(self._clock())
        rows = list(tx.execute(self._mine().where(forwards.c.state == "pending").limit(limit)).mappings())
        return rows if rows and rows[0]["next_at"] <= now else []

    def _mine(self) -> sa.Select[Any]:
        joined = forwards.outerjoin(incidents, incidents.c.incident_id == forwards.c.incident_id)
        return sa.select(forwards).select_from(joined).where(self._owns).order_by(forwards.c.n)

    def _together(self, rows: list[Any]) -> Iterator[tuple[Any, Sent]]:
        """The first alone: while nobody answers, the others need not be tried."""
        probe = self._send(rows[0])
        yield rows[0], probe
        if probe.down or self.state() != "closed" or not rows[1:]:
            return
        many = [row for row in rows[1:] if row["path"] == REPORT_PATH]
        answers = self._send_many(many) if len(many) > 1 else None
        if answers is not None:
            yield from zip(many, answers, strict=True)
        left = [row for row in rows[1:] if answers is None or row["path"] != REPORT_PATH]
        yield from zip(left, self._pool.map(self._send, left), strict=True)

    def _send_many(self, rows: list[Any]) -> list[Sent] | None:
        """Reports of different incidents in one request, where the target takes them so."""
        if not self._may():
            return [Sent("pending", down=True)] * len(rows)
        began_ns = time.time_ns()
        answers = self.target.send_many([_parcel(row) for row in rows])
        for row, sent in zip(rows, answers or [], strict=False):
            self._learn(row, sent, began_ns)
        return answers

    def _one_by_one(self, rows: list[Any]) -> Iterator[tuple[Any, Sent]]:
        for row in rows:
            sent = self._send(row)
            yield row, sent
            if sent.state == "pending" or self._stop.is_set():
                return

    def _send(self, row: Any) -> Sent:
        if not self._may():  # another gateway has taken over meanwhile: it finds the row as it was
            return Sent("pending", down=True)
        began_ns = time.time_ns()
        sent = self.target.send(_parcel(row))
        self._learn(row, sent, began_ns)
        return sent

    def _learn(self, row: Any, sent: Sent, began_ns: int) -> None:
        """Tell the circuit breaker, the counters and the trace."""
        if sent.state == "done":
            tracing.sent(self._spans, row["body"], self.target.name, began_ns)
        outcome: breaker.Outcome = "down" if sent.down else "failed" if sent.failed else "ok"
        with self._breaker_lock:
            self.breaker = breaker.after(self.breaker, outcome, self._monotonic(), random.random())
        name = "forward_down" if sent.down else f"forward_{'retried' if sent.state == 'pending' else sent.state}"
        self._counters.add(name)

    def _note_done(self, tx: sa.Connection, numbers: list[int]) -> None:
        """The usual end of most rows, all of them in one statement."""
        values = {"state": "done", "attempts": forwards.c.attempts + 1, "last_error": "", "target": self.target.name}
        mine = sa.and_(forwards.c.n.in_(numbers), forwards.c.state == "pending")
        if numbers:
            tx.execute(sa.update(forwards).where(mine).values(**values, next_at=to_text(self._clock())))

    def _note(self, tx: sa.Connection, bulk: Bulk, row: Any, sent: Sent) -> None:
        if sent.down:
            return
        attempts, now = row["attempts"] + 1, self._clock()
        wait_s = backoff_s(attempts) if sent.state == "pending" else 0.0
        values: dict[str, Any] = {"state": sent.state, "attempts": attempts, "last_error": sent.error}
        values |= {"next_at": to_text(now + timedelta(seconds=wait_s))}
        values |= {"target": row["target"] if sent.state == "pending" else self.target.name}
        mine = sa.and_(forwards.c.n == row["n"], forwards.c.state == "pending")
        if not tx.execute(sa.update(forwards).where(mine).values(values)).rowcount:
            return  # another gateway sent it too and was first to write that down
        if sent.foreign:
            deliveries.taken(tx, bulk, self.target.name, row["incident_id"], sent, to_text(now))
        if sent.state == "refused":
            self._bury(tx, bulk, row, sent, to_text(now))

    def _bury(self, tx: sa.Connection, bulk: Bulk, row: Any, sent: Sent, now: str) -> None:
        name = self.target.name
        log.error("forward.refused", target=name, key=row["key"], path=row["path"], reason=sent.error)
        error = ForbiddenState(f"target {name} refused {row['path']}: {sent.error}")
        body = msgspec.json.encode({"key": row["key"], "body": row["body"]})
        dead_letters.put(tx, bulk, f"{name}:{row['path']}", "", body, error, now)
        if row["key"].startswith("op:"):
            work.refused_later(tx, bulk, row["key"], sent.error, now)


def _parcel(row: Any) -> Parcel:
    return Parcel(row["key"], row["incident_id"], row["path"], row["body"])
