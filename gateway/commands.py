"""`zhuomu gateway` and what an operator does beside it: reconcile, backup, restore."""

import sqlite3
import sys
import tarfile
from pathlib import Path
from typing import Annotated

import httpx
import msgspec
import typer

from edge.link.settings import SettingsError, load
from gateway import cli, handset_commands
from gateway.backup import NotDone
from gateway.database import SchemaMismatch
from gateway.devices.commands import acl, ca, device
from gateway.lock import InUse
from gateway.people.commands import audit, operator, secret
from gateway.settings import GatewaySettings

app = typer.Typer(invoke_without_command=True, help="The centre's intake and console. 中心网关。")
app.command()(acl)
for _name, _group in (("ca", ca), ("device", device), ("operator", operator), ("audit", audit), ("secret", secret)):
    app.add_typer(_group, name=_name)
app.add_typer(handset_commands.app, name="handsets")
File = Annotated[Path, typer.Argument(help="The backup, a tar file")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout")]


@app.callback()
def run(
    context: typer.Context,
    config: cli.Config = None,
    data: cli.Data = None,
    host: cli.Host = None,
    port: cli.Port = None,
    broker_host: cli.BrokerHost = None,
    broker_port: cli.BrokerPort = None,
    registry_url: cli.RegistryUrl = None,
) -> None:
    """The centre's intake, with the console page; or one of the commands below."""
    if context.invoked_subcommand is None:
        cli.gateway(config, data, host, port, broker_host, broker_port, registry_url)


@app.command()
def reconcile(
    config: cli.Config = None,
    data: cli.Data = None,
    as_json: AsJson = False,
    offline: Annotated[bool, typer.Option(help="Do not ask the registry itself")] = False,
) -> None:
    """Is every candidate accounted for? 对账。 Exit status 1 when one is not, 2 when that cannot be told."""
    from gateway import audit  # SQLAlchemy takes its time; a wrong option is told at once

    try:
        report = audit.run(_settings(config, data), offline)
    except (SettingsError, SchemaMismatch, NotDone) as error:
        cli.fail(str(error))
    except (httpx.HTTPError, msgspec.DecodeError) as error:
        cli.fail(f"the registry cannot be asked: {error}; start it, or leave it out with --offline")
    sys.stdout.write(audit.as_json(report) if as_json else audit.as_text(report))
    if not report.ok:
        raise typer.Exit(1)


@app.command()
def backup(file: File, config: cli.Config = None, data: cli.Data = None) -> None:
    """Database and pictures into one file, while the gateway runs. 备份。"""
    from gateway import backup as room
    from gateway.times import utc_now

    try:
        made = room.backup(_folder(config, data), file, utc_now())
    except (SettingsError, NotDone) as error:
        cli.fail(str(error))
    except (OSError, sqlite3.Error) as error:
        cli.fail(f"{file}: no backup was made: {error}")
    sys.stdout.write(msgspec.json.encode(made).decode() + "\n")


@app.command()
def restore(file: File, config: cli.Config = None, data: cli.Data = None) -> None:
    """A backup into the data directory; never over a running or newer database. 恢复。"""
    from gateway import backup as room
    from gateway.times import utc_now

    try:
        made = room.restore(file, _folder(config, data), utc_now())
    except (SettingsError, NotDone, InUse) as error:
        cli.fail(str(error))
    except (OSError, sqlite3.Error, tarfile.TarError) as error:
        cli.fail(f"{file}: not restored: {error}")
    sys.stdout.write(msgspec.json.encode(made).decode() + "\n")


@app.command()
def release(
    folder: Annotated[Path, typer.Argument(help="A release, made by `zhuomu release make`")],
    config: cli.Config = None,
    data: cli.Data = None,
) -> None:
    """Take a signed network in, for kiosks to fetch. 收入已签名的模型。

    Prints the name by which a document wishes it."""
    from gateway import fleet_releases

    try:
        name = fleet_releases.add(folder, Path(_settings(config, data).data))
    except (SettingsError, fleet_releases.ReleaseRefused, OSError) as error:
        cli.fail(str(error))
    sys.stdout.write(msgspec.json.encode({"release": name}).decode() + "\n")


def _settings(config: Path | None, data: Path | None) -> GatewaySettings:
    settings = load(config, GatewaySettings) if config else GatewaySettings()
    return msgspec.structs.replace(settings, data=str(data)) if data else settings


def _folder(config: Path | None, data: Path | None) -> Path:
    settings = _settings(config, data)
    if settings.database_url:
        raise NotDone("database_url is set: back that database up with its own tools (pg_dump), and copy `evidence/`")
    return Path(settings.data)
