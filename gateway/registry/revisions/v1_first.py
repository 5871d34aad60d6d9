"""Schema version 1 of the registry: the tables as they were first released."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

metadata = sa.MetaData()

sa.Table(
    "cases",
    metadata,
    sa.Column("case_id", sa.Text, primary_key=True),
    sa.Column("incident_id", sa.Text, nullable=False, unique=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("due_kind", sa.Text, nullable=False),
    sa.Column("due_at", sa.Text, nullable=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("report", sa.JSON, nullable=False),
    sa.Index("cases_due", "due_at"),
    sa.Index("cases_state", "state", "case_id"),
)
sa.Table(
    "events",
    metadata,
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("case_id", sa.Text, nullable=False),
    sa.Column("incident_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("state_before", sa.Text, nullable=False),
    sa.Column("state_after", sa.Text, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Index("events_case", "case_id", "n"),
    sa.Index("events_kind", "kind"),
    sqlite_autoincrement=True,
)
sa.Table(
    "idempotency",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("request_hash", sa.Text, nullable=False),
    sa.Column("answer", sa.JSON, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
)
sa.Table(
    "counters",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)


def upgrade() -> None:
    """All tables, for a database that has none."""
    metadata.create_all(op.get_bind())
