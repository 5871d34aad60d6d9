"""Schema version 3 of the gateway: what a message brought, several targets, deliveries, what retention took out."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """Three columns, two tables."""
    tx = op.get_bind()
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
