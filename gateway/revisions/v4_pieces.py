"""Schema version 4 of the gateway: one function per piece, run in the order of `PIECES`.

A new piece of this version is a function `_<piece>(tx)` here and its name in `PIECES`. What it makes must be what its
tables in `gateway.tables.metadata` say, on SQLite and on PostgreSQL: tests/test_gateway_migrations.py compares.
"""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"


def _cluster(tx: sa.Connection) -> None:
    """Which of several gateways does a piece of work that one alone may do."""
    tx.execute(
        sa.text("CREATE TABLE leases (name TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, until_ms BIGINT NOT NULL)")
    )


PIECES: tuple[Callable[[sa.Connection], None], ...] = (_cluster,)


def upgrade() -> None:
    """Every piece once."""
    for piece in PIECES:
        piece(op.get_bind())
