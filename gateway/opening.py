"""What the operators' commands share: settings and database opened beside a running gateway, every failure one line."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import sqlalchemy.exc

from edge.link.settings import SettingsError, load
from gateway import cli, tables
from gateway.database import Database, SchemaMismatch
from gateway.devices.ca import CaUnusable
from gateway.devices.cut import NotCut
from gateway.devices.known import NotKnown
from gateway.migrations import MIGRATIONS
from gateway.people.accounts import NotDone
from gateway.people.vault import VaultUnusable
from gateway.settings import GatewaySettings

FAILURES = (SettingsError, SchemaMismatch, CaUnusable, NotCut, NotKnown, NotDone, VaultUnusable)


def settings_of(config: Path | None, data: Path | None) -> GatewaySettings:
    """The file's, or the defaults; `data` goes before both. Raises SettingsError."""
    settings = load(config, GatewaySettings) if config else GatewaySettings()
    return msgspec.structs.replace(settings, data=str(data)) if data else settings


def database_of(settings: GatewaySettings) -> Database:
    """Made when there is none, as the gateway itself does. Raises SchemaMismatch, OSError."""
    Path(settings.data).mkdir(parents=True, exist_ok=True)
    return Database(settings.url(), tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)


@contextmanager
def told() -> Iterator[None]:
    """What goes wrong inside becomes one line and exit status 2."""
    try:
        yield
    except FAILURES as error:
        cli.fail(str(error))
    except sqlalchemy.exc.SQLAlchemyError as error:
        cli.fail(f"the database cannot be used: {str(error).splitlines()[0]}")
    except OSError as error:
        cli.fail(f"{error.filename or 'a file'}: {error.strerror or error}; mend its path or permissions")


def actor() -> str:
    """Who typed the command, for the audit log."""
    return f"shell:{getpass.getuser()}"
