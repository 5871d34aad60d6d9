"""Schema version 1 of the citizens' door: the table as it was first released."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

metadata = sa.MetaData()

sa.Table(
    "requests",
    metadata,
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("token", sa.Text, nullable=False, unique=True),
    sa.Column("key_name", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text, nullable=True),
    sa.Column("request_hash", sa.Text, nullable=False),
    sa.Column("case_id", sa.Text, nullable=False),
    sa.Column("requested_at", sa.Text, nullable=False),
    sa.Column("service_code", sa.Text, nullable=False),
    sa.Column("lat", sa.Float, nullable=False),
    sa.Column("lon", sa.Float, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("media_url", sa.Text, nullable=False),
    sa.Column("photo", sa.Text, nullable=False),
    sa.Column("contact", sa.JSON, nullable=False),
    sa.Column("attributes", sa.JSON, nullable=False),
    sa.UniqueConstraint("key_name", "client_id"),
    sa.Index("requests_case", "case_id"),
    sa.Index("requests_time", "requested_at"),
    sqlite_autoincrement=True,
)


def upgrade() -> None:
    """From nothing."""
    metadata.create_all(op.get_bind(), checkfirst=False)
