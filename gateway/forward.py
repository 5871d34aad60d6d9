"""The way to the registry: a durable outbox, sent with idempotency keys, in order within one incident."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import httpx
import msgspec
import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError

from edge.wire import ForbiddenState
from gateway import dead_letters
from gateway.bulk import Bulk
from gateway.counters import Counters
from gateway.database import Database
from gateway.tables import forwards
from gateway.times import Clock, to_text

TIMEOUT_S = 4.0
ROWS = 256
BACKOFF_S = 0.3
BACKOFF_S_MAX = 30.0
IDLE_S = 0.5
AGAIN = frozenset({408, 425, 429})

log = structlog.get_logger()


@dataclass(frozen=True)
class Result:
    """What became of one attempt. `down`: nobody answered, so the others need not be tried now."""

    n: int
    state: Literal["pending", "done", "refused"]
    error: str = ""
    down: bool = False


def put_new(bulk: Bulk, key: str, incident_id: str, path: str, body: dict[str, Any], now: str) -> None:
    """`put` for a key that cannot have been queued before."""
    row = {"key": key, "incident_id": incident_id, "path": path, "body": body, "next_at": now}
    bulk.add(forwards, {**row, "state": "pending", "attempts": 0, "last_error": ""})


def put(tx: sa.Connection, key: str, incident_id: str, path: str, body: dict[str, Any], now: str) -> None:
    """Queue a POST, in the transaction of what it tells. A key that is queued already stays as it is."""
    bulk = Bulk(tx)
    if tx.scalar(sa.select(forwards.c.n).where(forwards.c.key == key)) is None:
        put_new(bulk, key, incident_id, path, body, now)
    bulk.flush()


def left(tx: sa.Connection) -> int:
    """How many are still to be delivered."""
    pending = sa.select(sa.func.count()).select_from(forwards).where(forwards.c.state == "pending")
    return tx.scalar(pending) or 0


class Forwarder:
    """One thread that sends, with a few helpers for different incidents at once."""

    def __init__(
        self, database: Database, client: httpx.Client, counters: Counters, clock: Clock, workers: int
    ) -> None:
        self._database = database
        self._client = client
        self._counters = counters
        self._clock = clock
        self._pool = ThreadPoolExecutor(workers, "forward")
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._outage = 0

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
                log.error("forward.database", reason=str(error.orig))
                sent = 0
            if self._outage:
                self._stop.wait(backoff_s(self._outage))
            elif not sent:
                self._wake.wait(IDLE_S)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def round(self) -> int:
        """Send the first due row of each incident once; returns how many went through."""
        with self._database.read() as tx:
            rows = self._heads(tx)
        if not rows:
            return 0
        results = self._send_all(rows)
        with self._database.write() as tx:
            for row, result in zip(rows, results, strict=True):
                self._note(tx, row, result)
        self._outage = self._outage + 1 if any(r.down for r in results) else 0
        return sum(r.state != "pending" for r in results)

    def _heads(self, tx: sa.Connection) -> list[Any]:
        f = forwards.c
        first = sa.select(sa.func.min(f.n)).where(f.state == "pending").group_by(f.incident_id)
        now = to_text(self._clock())
        query = sa.select(forwards).where(f.n.in_(first), f.next_at <= now).order_by(f.n)
        return list(tx.execute(query.limit(ROWS)).mappings())

    def _send_all(self, rows: list[Any]) -> list[Result]:
        probe = self._send(rows[0])
        if probe.down:
            return [probe, *(Result(row["n"], "pending", probe.error, True) for row in rows[1:])]
        return [probe, *self._pool.map(self._send, rows[1:])]

    def _send(self, row: Any) -> Result:
        try:
            answer = self._client.post(row["path"], json=row["body"], headers={"Idempotency-Key": row["key"]})
        except httpx.HTTPError as error:
            self._counters.add("forward_down")
            return Result(row["n"], "pending", f"{type(error).__name__}: {error}", True)
        if answer.is_success:
            return Result(row["n"], "done")
        error_text = f"HTTP {answer.status_code}: {answer.text[:300]}"
        again = answer.status_code >= 500 or answer.status_code in AGAIN
        self._counters.add("forward_retried" if again else "forward_refused")
        return Result(row["n"], "pending" if again else "refused", error_text)

    def _note(self, tx: sa.Connection, row: Any, result: Result) -> None:
        attempts = row["attempts"] + (0 if result.down else 1)
        now = self._clock()
        wait_s = backoff_s(attempts) if result.state == "pending" and not result.down else 0.0
        values = {
            "state": result.state,
            "attempts": attempts,
            "last_error": result.error,
            "next_at": to_text(now + timedelta(seconds=wait_s)),
        }
        if not result.down:
            tx.execute(sa.update(forwards).where(forwards.c.n == row["n"]).values(values))
        if result.state == "refused":
            log.error("forward.refused", key=row["key"], path=row["path"], reason=result.error)
            error = ForbiddenState(f"the registry refused POST {row['path']}: {result.error}")
            body = msgspec.json.encode({"key": row["key"], "body": row["body"]})
            bulk = Bulk(tx)
            dead_letters.put(tx, bulk, f"registry:{row['path']}", "", body, error, to_text(now))
            bulk.flush()


def backoff_s(attempt: int) -> float:
    """Jittered: between half of and the whole of min(BACKOFF_S_MAX, BACKOFF_S * 2**attempt)."""
    ceiling_s: float = min(BACKOFF_S_MAX, BACKOFF_S * 2 ** min(attempt, 10))
    return random.uniform(0.5, 1.0) * ceiling_s
