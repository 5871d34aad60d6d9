"""A morning's open orders for every handset, written into a gateway's database before it is started."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from edge.wire import Order
from gateway.database import sqlite_url
from gateway.schema import open_database
from gateway.sync.held import Held
from gateway.sync_tables import crew_log, crew_logs, handsets
from gateway.tables import work_orders
from gateway.times import to_text

CREWS_AT_ONCE = 200


def write(folder: Path, devices: Sequence[str], orders_each: int) -> None:
    """`folder`: the gateway's data. Each handset is a crew of its own: no page is shared, which is the dearest case."""
    folder.mkdir(parents=True, exist_ok=True)
    database = open_database(sqlite_url(folder / "gateway.sqlite3"))
    now = datetime.now(UTC)
    for start in range(0, len(devices), CREWS_AT_ONCE):
        crews = devices[start : start + CREWS_AT_ONCE]
        held = [one for crew in crews for one in _orders(crew, orders_each, now)]
        with database.write() as tx:
            tx.execute(sa.insert(handsets), [_handset(crew) for crew in crews])
            tx.execute(sa.insert(crew_logs), [{"crew": crew, "head": orders_each, "floor": 0} for crew in crews])
            tx.execute(sa.insert(crew_log), [_entry(one) for one in held])
            tx.execute(sa.insert(work_orders), [_row(one, to_text(now)) for one in held])
    database.close()


def _orders(crew: str, count: int, now: datetime) -> Iterator[Held]:
    for i in range(count):
        name = f"{crew}-{i}"
        order = Order(
            rev=i + 1,
            order_id=f"wo-{name}",
            version=1,
            state="dispatched",
            case_id=f"c-{name}",
            incident_id=f"inc-{name}",
            case_class="stall",
            class_code="04-06",
            lat=34.26 + i * 1e-4,
            lon=117.18,
            deadline=now + timedelta(minutes=30 * (i + 1)),
            note="占道经营 stall on the pavement",
        )
        yield Held(crew=crew, order=order, attempt_version=1)


def _handset(device: str) -> dict[str, Any]:
    row = {"device": device, "crew": device, "epoch": "", "cursor": "", "acked": 0, "acked_through": 0}
    return row | {"shift": "", "revoked_reason": ""}


def _entry(held: Held) -> dict[str, Any]:
    order = held.order
    row: dict[str, Any] = {
        "crew": held.crew,
        "key": f"order/{order.order_id}",
        "rev": order.rev,
        "kind": "order",
        "ended": False,
    }
    return row | {"body": msgspec.json.encode(order)}


def _row(held: Held, now: str) -> dict[str, Any]:
    o = held.order
    row: dict[str, Any] = {
        "order_id": o.order_id,
        "crew": held.crew,
        "case_id": o.case_id,
        "incident_id": o.incident_id,
    }
    row |= {"version": o.version, "state": o.state, "step": "", "received_version": 0, "attempts": 0, "next_at": now}
    return row | {"payload": msgspec.json.encode(held), "waiting": False}
