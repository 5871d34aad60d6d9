"""The audit log (审计日志): who did or looked at what, when and why; append-only, each row with the hash before it.

A row's hash is sha256 over the hash before it and the row's fields as a JSON list. Whoever changes or takes out a row
breaks every hash after it; whoever cuts off the end is found by a copy of the last (number, hash), which `proof` gives.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.identity_tables import audit_log
from gateway.times import to_text

START = "0" * 64
TEXT_MAX = 500
ROWS = 2000


@dataclass(frozen=True)
class Proof:
    """The end of the chain. `broken_at`: number of the first row that does not fit, 0 when all do."""

    n: int
    hash: str
    broken_at: int


def append(
    tx: sa.Connection, now: datetime, actor: str, action: str, subject: str, reason: str, data: dict[str, Any]
) -> int:
    """One row, in the transaction of what it tells. `data` is kept in the row's reason, as JSON. Returns its number."""
    last = tx.execute(sa.select(audit_log.c.n, audit_log.c.hash).order_by(audit_log.c.n.desc()).limit(1)).first()
    n, before = (last.n + 1, last.hash) if last is not None else (1, START)
    why = reason[:TEXT_MAX] + (f" {msgspec.json.encode(data).decode()}" if data else "")
    row = {"n": n, "at": to_text(now), "actor": actor[:TEXT_MAX], "action": action[:64]}
    row |= {"subject": subject[:TEXT_MAX], "reason": why.strip()[: 4 * TEXT_MAX], "before": before}
    tx.execute(sa.insert(audit_log), row | {"hash": _hash(row)})
    return n


def prove(tx: sa.Connection) -> Proof:
    """Go over the whole chain."""
    before, n = START, 0
    for row in _all(tx):
        if row["n"] != n + 1 or row["before"] != before or row["hash"] != _hash(row):
            return Proof(n, before, n + 1)
        n, before = row["n"], row["hash"]
    return Proof(n, before, 0)


def holds(tx: sa.Connection, n: int, text_hash: str) -> bool:
    """Whether the chain still goes through a (number, hash) that was written down before."""
    return tx.scalar(sa.select(audit_log.c.hash).where(audit_log.c.n == n)) == text_hash


def listed(
    tx: sa.Connection, limit: int, actor: str = "", subject: str = "", below: int = 2**53
) -> list[dict[str, Any]]:
    """Newest first; `below`: only rows with smaller numbers, for the next page."""
    query = sa.select(audit_log).where(audit_log.c.n < below).order_by(audit_log.c.n.desc()).limit(limit)
    if actor:
        query = query.where(audit_log.c.actor == actor)
    if subject:
        query = query.where(audit_log.c.subject == subject)
    return [dict(row) for row in tx.execute(query).mappings()]


def _all(tx: sa.Connection) -> Iterator[dict[str, Any]]:
    n = 0
    while True:
        query = sa.select(audit_log).where(audit_log.c.n > n).order_by(audit_log.c.n).limit(ROWS)
        rows = [dict(row) for row in tx.execute(query).mappings()]
        yield from rows
        if len(rows) < ROWS:
            return
        n = rows[-1]["n"]


def _hash(row: dict[str, Any]) -> str:
    fields = [row[name] for name in ("n", "at", "actor", "action", "subject", "reason", "before")]
    return hashlib.sha256(msgspec.json.encode(fields)).hexdigest()
