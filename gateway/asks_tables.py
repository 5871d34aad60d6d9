"""What devices were asked and answered (edge/wire/asks.py); part of the gateway's schema since version 4."""

import sqlalchemy as sa

from gateway.tables import metadata

# `kind`: replay, watch or leave. `state`: asked, answered, refused or given_up; `answer`: as the device sent it.
asks = sa.Table(
    "asks",
    metadata,
    sa.Column("ask_id", sa.Text, primary_key=True),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("answered_at", sa.Text, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Column("next_at", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("answer", sa.LargeBinary, nullable=False),
    sa.Column("waiting", sa.Boolean, nullable=False),
    sa.Index("asks_waiting", "waiting", "next_at"),
    sa.Index("asks_at", "at"),
)
TABLES = (asks,)
