"""What could not be used: kept with its reason, once per topic and payload, for people to see."""

import hashlib

import sqlalchemy as sa

from edge.wire import WireError
from gateway import feed
from gateway.bulk import Bulk
from gateway.tables import dead_letters

COPY_BYTES_MAX = 64 * 1024


def put(tx: sa.Connection, bulk: Bulk, topic: str, device: str, payload: bytes, error: WireError, now: str) -> bool:
    """Keep a letter; False when it was here before (then it is only counted)."""
    digest = hashlib.sha256(topic.encode() + b"\n" + payload).hexdigest()
    again = (
        sa.update(dead_letters).where(dead_letters.c.hash == digest).values(times=dead_letters.c.times + 1, last_at=now)
    )
    if tx.execute(again).rowcount:
        return False
    reason = printable(str(error))[:1000]
    row = {
        "hash": digest,
        "first_at": now,
        "last_at": now,
        "topic": printable(topic)[:300],
        "device": printable(device)[:64],
        "code": int(error.code),
        "reason": reason,
        "payload": payload[:COPY_BYTES_MAX],
        "size_bytes": len(payload),
    }
    tx.execute(sa.insert(dead_letters), row)
    text = f"{error.code.name} {printable(device)[:64]}: {reason[:200]}"
    feed.append(bulk, now, "dead_letter", text, {"code": int(error.code), "device": row["device"]})
    return True


def trim(tx: sa.Connection, rows_max: int) -> int:
    """Drop the oldest beyond `rows_max`; returns how many."""
    edge = tx.scalar(sa.select(dead_letters.c.n).order_by(dead_letters.c.n.desc()).offset(rows_max).limit(1))
    if edge is None:
        return 0
    return tx.execute(sa.delete(dead_letters).where(dead_letters.c.n <= edge)).rowcount


def printable(text: str) -> str:
    """Without control characters (PostgreSQL takes no NUL, a log line no newline)."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
