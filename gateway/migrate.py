"""Alembic behind gateway/database.py: which revision a database is at, and the way from there to the newest.

Revision "3" is schema version 3. Every revision is a frozen file; `gateway/revisions` holds the gateway's,
`gateway/registry/revisions` the registry's. A database from before Alembic has only its row in `zhuomu_schema`: it is
stamped with that and loses nothing. The row is kept in step, since older software and backups read it.
"""

import threading
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

VERSION_TABLE = "alembic_version"
# `alembic.context` and `alembic.op` are one per process.
_ONE_AT_A_TIME = threading.Lock()


def revision(tx: sa.Connection) -> int | None:
    """The schema version that Alembic has written down, None where it never ran."""
    if not sa.inspect(tx).has_table(VERSION_TABLE):
        return None
    found = tx.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))
    return int(found) if found is not None and str(found).isdigit() else None


def known(revisions: Path) -> set[int]:
    """The schema versions that a folder has revisions for."""
    return {int(script.revision) for script in ScriptDirectory.from_config(_config(revisions)).walk_revisions()}


def stamp(tx: sa.Connection, revisions: Path, version: int) -> None:
    """Write down that a database is at a version; nothing else changes."""
    with _ONE_AT_A_TIME:
        command.stamp(_config(revisions, tx), str(version))


def upgrade(tx: sa.Connection, revisions: Path, version: int) -> None:
    """From the revision that the database is at (none: from nothing) to `version`, in the caller's transaction."""
    with _ONE_AT_A_TIME:
        command.upgrade(_config(revisions, tx), str(version))


def _config(revisions: Path, tx: sa.Connection | None = None) -> Config:
    config = Config()
    for name, path in (("script_location", Path(__file__).parent / "alembic"), ("version_locations", revisions)):
        config.set_main_option(name, str(path).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = tx
    return config
