"""From the thin handset to this protocol: its tables, and what was known of orders into the crews' logs."""

import msgspec
import sqlalchemy as sa

from edge.wire import Work
from gateway.bulk import Bulk
from gateway.sync.books import SqlBooks
from gateway.sync.desk import Desk
from gateway.sync_tables import TABLES
from gateway.times import to_text, utc_now


def up(tx: sa.Connection) -> None:
    """Every order becomes an entry of its crew's log; how far the crew was stays with it."""
    for table in TABLES:
        table.create(tx)
    rows = tx.execute(sa.text("SELECT order_id, crew, step, payload FROM work_orders ORDER BY order_id")).all()
    tx.execute(sa.text("DELETE FROM work_orders"))
    tx.execute(sa.text("DROP TABLE ops"))
    bulk = Bulk(tx)
    books = SqlBooks(tx, bulk, to_text(utc_now()))
    desk = Desk(books, utc_now)
    for row in rows:
        desk.order(msgspec.json.decode(row.payload, type=Work), row.crew)
        if row.step:
            desk.reached(row.order_id, row.step, row.crew)
    bulk.flush()
