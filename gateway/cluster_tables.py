"""What several gateways beside each other agree on, schema version 4."""

import sqlalchemy as sa

from gateway.tables import metadata

# Who does a piece of work until when: milliseconds since 1970 by the database's clock, since machines' differ.
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("until_ms", sa.BigInteger, nullable=False),
)
