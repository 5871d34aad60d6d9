"""The outbox to the registries: rows queued in the transaction of what they tell; gateway/forwarder.py sends them."""

import random
from typing import Any

import sqlalchemy as sa

from gateway.bulk import Bulk
from gateway.tables import forwards

BACKOFF_S = 0.3
BACKOFF_S_MAX = 30.0


def put_new(
    bulk: Bulk, key: str, incident_id: str, path: str, body: dict[str, Any], now: str, target: str = ""
) -> None:
    """`put` for a key that cannot have been queued before. `target` "": chosen by class when it is sent."""
    row = {"key": key, "incident_id": incident_id, "path": path, "body": body, "next_at": now, "target": target}
    bulk.add(forwards, {**row, "state": "pending", "attempts": 0, "last_error": ""})


def put(tx: sa.Connection, key: str, incident_id: str, path: str, body: dict[str, Any], now: str) -> None:
    """Queue a step, in the transaction of what it tells, to where its incident went. A key that is queued already
    stays as it is."""
    bulk = Bulk(tx)
    if tx.scalar(sa.select(forwards.c.n).where(forwards.c.key == key)) is None:
        went_to = tx.scalar(sa.select(forwards.c.target).where(forwards.c.key == report_key(incident_id)))
        put_new(bulk, key, incident_id, path, body, now, went_to or "")
    bulk.flush()


def report_key(incident_id: str) -> str:
    """The idempotency key of an incident's report."""
    return f"report:{incident_id}"


def left(tx: sa.Connection) -> int:
    """How many are still to be delivered."""
    pending = sa.select(sa.func.count()).select_from(forwards).where(forwards.c.state == "pending")
    return tx.scalar(pending) or 0


def backoff_s(attempt: int) -> float:
    """Jittered: between half of and the whole of min(BACKOFF_S_MAX, BACKOFF_S * 2**attempt)."""
    ceiling_s: float = min(BACKOFF_S_MAX, BACKOFF_S * 2 ** min(attempt, 10))
    return random.uniform(0.5, 1.0) * ceiling_s
