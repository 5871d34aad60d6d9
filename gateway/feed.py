"""The append-only feed of what happened, for the console and for whoever watches a run."""

from typing import Any, Literal

import sqlalchemy as sa

from gateway.bulk import Bulk
from gateway.tables import feed

Kind = Literal[
    "candidate",
    "incident",
    "case",
    "work_order",
    "disposal",
    "verdict",
    "closed",
    "rework",
    "dead_letter",
    "device",
]


def append(bulk: Bulk, at: str, kind: Kind, text: str, data: dict[str, Any]) -> None:
    """One row, in the transaction of what it tells."""
    bulk.add(feed, {"at": at, "kind": kind, "text": text[:500], "data": data})


def after(tx: sa.Connection, n: int, limit: int) -> list[dict[str, Any]]:
    """Rows after number `n`, oldest first."""
    rows = tx.execute(sa.select(feed).where(feed.c.n > n).order_by(feed.c.n).limit(limit))
    return [dict(row) for row in rows.mappings()]


def newest(tx: sa.Connection, limit: int) -> list[dict[str, Any]]:
    """The last rows, newest first."""
    rows = tx.execute(sa.select(feed).order_by(feed.c.n.desc()).limit(limit))
    return [dict(row) for row in rows.mappings()]
