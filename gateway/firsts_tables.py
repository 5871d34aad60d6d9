"""Which of a device's messages first told of each sighting, and since when that is proven; schema version 4."""

import sqlalchemy as sa

from gateway.tables import metadata

# `proven_at`: see gateway/firsts.py. One row for each witness.
sighting_order = sa.Table(
    "sighting_order",
    metadata,
    sa.Column("device", sa.Text, nullable=False, primary_key=True),
    sa.Column("candidate_id", sa.Text, nullable=False, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("epoch", sa.Text, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("proven_at", sa.Text, nullable=False),
)
