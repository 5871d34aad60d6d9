"""The citizens' door's own database, schema version 2: who reported what. It is apart from the registry's, because it
holds personal data, which is shown to fewer people and kept for a shorter time than a case."""

from pathlib import Path

import sqlalchemy as sa

from gateway.database import schema_table

SCHEMA_VERSION = 2
MIGRATIONS = Path(__file__).parent / "citizen_revisions"
metadata = sa.MetaData()
schema = schema_table(metadata)

# `case_id` is "" until the registry has taken the report in; until then its client has only the token.
requests = sa.Table(
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
# Who a pseudonym of the rewards' ledger is; `identity`: `phone:...`, `account:KEY:...` or `email:...`.
payees = sa.Table(
    "payees",
    metadata,
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("identity", sa.Text, nullable=False, unique=True),
    sa.Column("contact", sa.JSON, nullable=False),
    sa.Column("last_at", sa.Text, nullable=False),
)
# Identities of contractors' own people, who get no reward.
insiders = sa.Table(
    "insiders",
    metadata,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("contractor", sa.Text, nullable=False),
)
