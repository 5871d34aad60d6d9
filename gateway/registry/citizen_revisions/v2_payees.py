"""Schema version 2 of the citizens' door: who is paid, and who never is."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Payees and insiders start empty."""
    for statement in (
        "CREATE TABLE payees (person TEXT NOT NULL PRIMARY KEY, identity TEXT NOT NULL UNIQUE, contact JSON NOT NULL, "
        "last_at TEXT NOT NULL)",
        "CREATE TABLE insiders (identity TEXT NOT NULL PRIMARY KEY, contractor TEXT NOT NULL)",
    ):
        op.get_bind().execute(sa.text(statement))
