"""One handset that was offline for a week and worked: how long until it is current, and until its photos are out."""

import random
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.handsets.processes import Centre
from edge.handset.handset import Handset
from edge.handset.loop import Loop
from edge.wire import Notice, OpKind
from gateway.bulk import Bulk
from gateway.database import sqlite_url
from gateway.schema import open_database
from gateway.sync.books import SqlBooks
from gateway.sync.desk import Desk
from gateway.times import to_text

DEVICE = "absent-1"
ORDERS = 70
DISPOSED = 60
STEPS: tuple[OpKind, ...] = ("accepted", "arrived", "disposed")
PHOTO_BYTES = 120_000
NEWS = 120
LIMIT_S = 60.0


def absent(centre: Centre, folder: Path) -> dict[str, Any]:
    """200 operations and 60 photos of seven days, 120 new words of the centre's; the gateway knows it by ORDERS."""
    handset = _handset(centre, folder)
    loop = Loop([handset])
    _run(loop, lambda: handset.session.current)
    loop.close()
    handset = _handset(centre, folder)
    made = _work(handset)
    _news(centre)
    before_s = centre.cpu_s("gateway")
    loop = Loop([handset])
    began_s = time.monotonic()
    current = _run(loop, lambda: handset.session.current and not handset.book.number("select count(*) from ops"))
    current_s = time.monotonic() - began_s
    photos = _run(loop, lambda: not handset.replica.photos_waiting())
    photos_s = time.monotonic() - began_s
    row: dict[str, Any] = {"operations": made, "photos": DISPOSED, "photo_bytes": PHOTO_BYTES, "news": NEWS}
    row |= {"current_s": round(current_s, 2) if current else None, "photos_s": round(photos_s, 2) if photos else None}
    row |= {"gateway_cpu_s": round(centre.cpu_s("gateway") - before_s, 2), "shelf": len(handset.replica.shelf())}
    loop.close()
    return row


def _handset(centre: Centre, folder: Path) -> Handset:
    return Handset(folder, DEVICE, centre.broker, random.Random(7), "bench", 0.0)


def _run(loop: Loop, done: Callable[[], bool]) -> bool:
    end_s = time.monotonic() + LIMIT_S
    loop.run(lambda: done() or time.monotonic() > end_s)
    return done()


def _work(handset: Handset) -> int:
    """A week of it, evenly spread; nothing is sent."""
    rng = random.Random(11)
    at = datetime.now(UTC) - timedelta(days=7)
    jobs = [(order.order_id, kind) for order in handset.replica.orders()[:DISPOSED] for kind in STEPS]
    jobs += [(order.order_id, kind) for order in handset.replica.orders()[DISPOSED:] for kind in STEPS[:2]]
    for order_id, kind in jobs:
        at += timedelta(days=7) / len(jobs)
        photos = [(b"\xff\xd8\xff" + rng.randbytes(PHOTO_BYTES - 3), "after")] if kind == "disposed" else []
        handset.replica.do(kind, at, str(uuid.UUID(int=rng.getrandbits(128))), order_id, photos=photos)  # type: ignore[arg-type]
    return len(jobs)


def _news(centre: Centre) -> None:
    """Words of the centre's meanwhile, written beside the running gateway."""
    now = datetime.now(UTC)
    database = open_database(sqlite_url(centre.folder / "gateway" / "gateway.sqlite3"))
    with database.write() as tx:
        desk = Desk(SqlBooks(tx, Bulk(tx), to_text(now)), lambda: now)
        for i in range(NEWS):
            desk.notice(DEVICE, Notice(notice_id=f"n-{i}", title="words", at=now, expires=now + timedelta(days=1)))
    database.close()
