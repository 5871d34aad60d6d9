"""A registry's database for commands that work on its data directory."""

import sys
from pathlib import Path
from typing import NoReturn

import sqlalchemy as sa
import typer

from gateway.database import Database, SchemaMismatch, sqlite_url
from gateway.registry import tables
from gateway.registry.migrations import MIGRATIONS

DATABASE = "registry.sqlite3"


def open_registry(folder: Path) -> Database:
    """The database in a registry's data directory. One clear line and exit code 2 when there is none."""
    if not (folder / DATABASE).exists():
        _fail(f"{folder / DATABASE}: no such database; --data is the registry's data directory")
    return make_registry(folder)


def make_registry(folder: Path) -> Database:
    """The same, made when it is not there."""
    try:
        return Database(sqlite_url(folder / DATABASE), tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
    except sa.exc.SQLAlchemyError as error:
        _fail(f"{folder}: {str(error).splitlines()[0]}; check the directory")
    except SchemaMismatch as error:
        _fail(str(error))


def _fail(text: str) -> NoReturn:
    sys.stderr.write(f"error: {text}\n")
    raise typer.Exit(2)
