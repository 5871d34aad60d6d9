"""Schema version 2 of the gateway: campaigns, the telephone numbers that an incident's posters carry."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """One table."""
    tx = op.get_bind()
    tx.execute(
        sa.text(
            "CREATE TABLE campaigns (incident_id TEXT NOT NULL, campaign TEXT NOT NULL, first_at TEXT NOT NULL, "
            "PRIMARY KEY (incident_id, campaign))"
        )
    )
    tx.execute(sa.text("CREATE INDEX campaigns_campaign ON campaigns (campaign)"))
