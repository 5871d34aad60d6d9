"""From one version of the gateway's schema to the next, each step frozen as it was released."""

import sqlalchemy as sa

from gateway.database import Migrations


def to_2(tx: sa.Connection) -> None:
    """Campaigns: the telephone numbers that an incident's posters carry."""
    tx.execute(
        sa.text(
            "CREATE TABLE campaigns (incident_id TEXT NOT NULL, campaign TEXT NOT NULL, first_at TEXT NOT NULL, "
            "PRIMARY KEY (incident_id, campaign))"
        )
    )
    tx.execute(sa.text("CREATE INDEX campaigns_campaign ON campaigns (campaign)"))


MIGRATIONS: Migrations = {1: to_2}
