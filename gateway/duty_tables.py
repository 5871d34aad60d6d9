"""What the registry's duty plan says of crews, part of the gateway's schema since version 4."""

import sqlalchemy as sa

from gateway.tables import metadata

# `may`: the operations on orders, and reports, that this crew's handsets may send. A crew without a row: all of them.
crew_rights = sa.Table(
    "crew_rights",
    metadata,
    sa.Column("crew", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("may", sa.JSON, nullable=False),
)
