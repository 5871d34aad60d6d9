"""From one version of the gateway's schema to the next, each step frozen as it was released."""

import sqlalchemy as sa

from gateway import duty_tables
from gateway.database import Migrations


def to_2(tx: sa.Connection) -> None:
    """Campaigns: the telephone numbers that an incident's posters carry."""
    tx.execute(
        sa.text(
            "CREATE TABLE campaigns (incident_id TEXT NOT NULL, campaign TEXT NOT NULL, first_at TEXT NOT NULL, "
            "PRIMARY KEY (incident_id, campaign))"
        )
    )
    tx.execute(sa.text("CREATE INDEX campaigns_campaign ON campaigns (campaign)"))


def to_3(tx: sa.Connection) -> None:
    """What a message brought, several targets, what other systems took over, what retention took out."""
    for table, column in (("messages", "subject"), ("messages", "incident_id"), ("forwards", "target")):
        tx.execute(sa.text(f"ALTER TABLE {table} ADD COLUMN {column} TEXT DEFAULT '' NOT NULL"))
    tx.execute(
        sa.text("CREATE TABLE books (name TEXT NOT NULL PRIMARY KEY, count BIGINT NOT NULL, digest TEXT NOT NULL)")
    )
    texts = ("target", "remote_id", "token", "remote_state", "delivered_at", "changed_at")
    columns = ", ".join(f"{name} TEXT NOT NULL" for name in texts)
    tx.execute(
        sa.text(
            f"CREATE TABLE deliveries (incident_id TEXT NOT NULL PRIMARY KEY, {columns}, "
            "attempts BIGINT NOT NULL, next_at TEXT)"
        )
    )
    tx.execute(sa.text("CREATE INDEX deliveries_next ON deliveries (target, next_at)"))
    tx.execute(sa.text("CREATE INDEX deliveries_remote ON deliveries (target, remote_id)"))


def to_4(tx: sa.Connection) -> None:
    """What came with the fourth version, piece by piece."""
    _duty(tx)
    _sync(tx)


def _sync(tx: sa.Connection) -> None:
    """The handset protocol: its tables, and the orders that stood open into their crews' logs."""
    from gateway.sync import migrate

    migrate.up(tx)


def _duty(tx: sa.Connection) -> None:
    """What the duty plan lets each crew do; tracks of handsets."""
    for table in duty_tables.TABLES:
        table.create(tx)


MIGRATIONS: Migrations = {1: to_2, 2: to_3, 3: to_4}
