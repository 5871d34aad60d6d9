"""The gateway's whole schema: every file of tables is imported here, so that what opens a database knows them all."""

from gateway import (
    asks_tables,
    cluster_tables,
    duty_tables,
    firsts_tables,
    fleet_tables,
    identity_tables,
    regroup_tables,
    sync_tables,
    tables,
)
from gateway.database import Database
from gateway.migrations import MIGRATIONS

__all__ = [
    "asks_tables",
    "cluster_tables",
    "duty_tables",
    "firsts_tables",
    "fleet_tables",
    "identity_tables",
    "open_database",
    "regroup_tables",
    "sync_tables",
]


def open_database(url: str) -> Database:
    """The gateway's database, brought up to this software's schema version. Raises SchemaMismatch, SettingsError."""
    return Database(url, tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
