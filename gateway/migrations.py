"""From one version of the gateway's schema to the next, each step frozen as it was released."""

import sqlalchemy as sa

from gateway import fleet_tables as fleet_tables
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


def to_3(tx: sa.Connection) -> None:
    """What a message brought, several targets, what other systems took over, what retention took out."""
    for table, column in (("messages", "subject"), ("messages", "incident_id"), ("forwards", "target")):
        tx.execute(sa.text(f"ALTER TABLE {table} ADD COLUMN {column} TEXT DEFAULT '' NOT NULL"))
    tx.execute(
        sa.text("CREATE TABLE books (name TEXT NOT NULL PRIMARY KEY, count BIGINT NOT NULL, digest TEXT NOT NULL)")
    )
    texts = ("target", "remote_id", "token", "remote_state", "delivered_at", "changed_at")
    columns = ", ".join(f"{name} TEXT NOT NULL" for name in texts)
    tx.execute(
        sa.text(
            f"CREATE TABLE deliveries (incident_id TEXT NOT NULL PRIMARY KEY, {columns}, "
            "attempts BIGINT NOT NULL, next_at TEXT)"
        )
    )
    tx.execute(sa.text("CREATE INDEX deliveries_next ON deliveries (target, next_at)"))
    tx.execute(sa.text("CREATE INDEX deliveries_remote ON deliveries (target, remote_id)"))


def to_4(tx: sa.Connection) -> None:
    """One step of several pieces."""
    _fleet(tx)


def _fleet(tx: sa.Connection) -> None:
    """What devices run and should run."""
    texts = ("reason", "software", "model", "model_sha256", "release", "rules")
    said = ", ".join(f"{name} TEXT NOT NULL" for name in texts)
    tx.execute(
        sa.text(
            "CREATE TABLE fleet_devices (device TEXT NOT NULL PRIMARY KEY, grp TEXT NOT NULL, config BIGINT NOT NULL, "
            f"config_state TEXT NOT NULL, refused BIGINT NOT NULL, {said})"
        )
    )
    tx.execute(sa.text("CREATE INDEX fleet_devices_grp ON fleet_devices (grp)"))
    words = ("state", "reason", "by_whom", "why", "at", "changed_at")
    said = ", ".join(f"{name} TEXT NOT NULL" for name in words)
    tx.execute(
        sa.text(
            "CREATE TABLE fleet_rollouts (n BIGINT NOT NULL PRIMARY KEY, scope TEXT NOT NULL, body TEXT NOT NULL, "
            f"sha256 TEXT NOT NULL, share FLOAT NOT NULL, refusals_max BIGINT NOT NULL, {said})"
        )
    )
    blob = "BLOB" if tx.dialect.name == "sqlite" else "BYTEA"
    tx.execute(
        sa.text(
            "CREATE TABLE fleet_desired (device TEXT NOT NULL PRIMARY KEY, version BIGINT NOT NULL, "
            "outcome TEXT NOT NULL, reason TEXT NOT NULL, changed_at TEXT NOT NULL, attempts BIGINT NOT NULL, "
            f"next_at TEXT NOT NULL, payload {blob} NOT NULL, waiting BOOLEAN NOT NULL)"
        )
    )
    tx.execute(sa.text("CREATE INDEX fleet_desired_waiting ON fleet_desired (waiting, next_at)"))
    tx.execute(sa.text("CREATE INDEX fleet_desired_version ON fleet_desired (version)"))


MIGRATIONS: Migrations = {1: to_2, 2: to_3, 3: to_4}
