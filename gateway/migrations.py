"""From one version of the gateway's schema to the next, each step frozen as it was released."""

import sqlalchemy as sa

from gateway import identity_tables  # noqa: F401  (its tables are made with the others)
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
    """The wave of November 2026, one function for each part."""
    _identity(tx)


def _identity(tx: sa.Connection) -> None:
    """Devices' identities and certificates, their use by day, operators with sessions, the audit log."""
    for table, key, columns in (
        (
            "identities",
            "device TEXT",
            "state note created_at claimed_at changed_at reason code_hash code_until password",
        ),
        ("certificates", "serial TEXT", "device issuer issued_at not_after revoked_at"),
        ("operator_sessions", "token_hash TEXT", "name started_at seen_at ends_at"),
        ("audit_log", "n BIGINT", "at actor action subject reason before hash"),
    ):
        texts = ", ".join(f"{name} TEXT NOT NULL" for name in columns.split())
        tx.execute(sa.text(f"CREATE TABLE {table} ({key} NOT NULL PRIMARY KEY, {texts})"))
    numbers = ", ".join(
        f"{name} BIGINT NOT NULL" for name in ["messages", "size_bytes", "evidence_bytes", "throttled", "over_quota"]
    )
    tx.execute(
        sa.text(
            f"CREATE TABLE device_usage (day TEXT NOT NULL, device TEXT NOT NULL, {numbers}, PRIMARY KEY (day, device))"
        )
    )
    tx.execute(
        sa.text(
            "CREATE TABLE operators (name TEXT NOT NULL PRIMARY KEY, roles JSON NOT NULL, password TEXT NOT NULL, "
            "secret TEXT NOT NULL, confirmed BOOLEAN NOT NULL, disabled BOOLEAN NOT NULL, last_step BIGINT NOT NULL, "
            "tries BIGINT NOT NULL, locked_until TEXT NOT NULL, created_at TEXT NOT NULL, changed_at TEXT NOT NULL)"
        )
    )
    for table, column in (("certificates", "device"), ("operator_sessions", "name")):
        tx.execute(sa.text(f"CREATE INDEX {table}_{column} ON {table} ({column})"))


MIGRATIONS: Migrations = {1: to_2, 2: to_3, 3: to_4}
