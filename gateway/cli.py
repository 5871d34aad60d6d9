"""The commands `zhuomu gateway` and `zhuomu registry`."""

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
import sqlalchemy.exc
import typer

from edge.link import logs
from edge.link.mqtt import Broker
from edge.link.settings import SettingsError, load
from gateway.database import SchemaMismatch
from gateway.ports import PortInUse
from gateway.registry.settings import RegistrySettings
from gateway.settings import GatewaySettings

T = TypeVar("T", bound=msgspec.Struct)
Config = Annotated[Path | None, typer.Option(help="TOML file; see configs/")]
Data = Annotated[Path | None, typer.Option(help="Directory of this process's own files")]
Host = Annotated[str | None, typer.Option(help="Address to listen on; loopback unless you say otherwise")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="HTTP port; 0 takes a free one")]


def gateway(
    config: Config = None,
    data: Data = None,
    host: Host = None,
    port: Port = None,
    broker_host: Annotated[str | None, typer.Option(help="MQTT broker")] = None,
    broker_port: Annotated[int | None, typer.Option(min=1, max=65535, help="MQTT port")] = None,
    registry_url: Annotated[str | None, typer.Option(help="Where the case registry is")] = None,
) -> None:
    """The centre's intake, with the console page: takes in, proves receipt, merges, forwards."""
    try:
        settings = load(config, GatewaySettings) if config else GatewaySettings()
        given = {"data": str(data) if data else None, "host": host, "port": port, "registry_url": registry_url}
        settings = _override(settings, given)
        broker = {"host": broker_host, "port": broker_port}
        settings = msgspec.structs.replace(settings, broker=_override_broker(settings.broker, broker))
        logs.to_stderr(settings.log_level)
        from gateway import service  # after the settings: a wrong line is told at once

        if not service.run(settings):
            raise typer.Exit(1)
    except (SettingsError, PortInUse, SchemaMismatch) as error:
        _fail(str(error))
    except (OSError, sqlalchemy.exc.SQLAlchemyError) as error:
        _fail(_in_one_line(error))


def registry(
    config: Config = None,
    data: Data = None,
    host: Host = None,
    port: Port = None,
) -> None:
    """The embedded case registry: file, dispatch, dispose, check, close."""
    try:
        settings = load(config, RegistrySettings) if config else RegistrySettings()
        settings = _override(settings, {"data": str(data) if data else None, "host": host, "port": port})
        logs.to_stderr(settings.log_level)
        from gateway.registry import service  # after the settings: a wrong line is told at once

        service.run(settings)
    except (SettingsError, PortInUse, SchemaMismatch) as error:
        _fail(str(error))
    except (OSError, sqlalchemy.exc.SQLAlchemyError) as error:
        _fail(_in_one_line(error))


def _override(settings: T, given: dict[str, Any]) -> T:
    return msgspec.structs.replace(settings, **{name: value for name, value in given.items() if value is not None})


def _override_broker(broker: Broker, given: dict[str, Any]) -> Broker:
    values = msgspec.structs.asdict(broker) | {name: value for name, value in given.items() if value is not None}
    return Broker(**values)


def _in_one_line(error: Exception) -> str:
    return f"cannot start: {str(error).splitlines()[0]}; check the data directory and the database's address"


def _fail(text: str) -> NoReturn:
    sys.stderr.write(f"error: {text}\n")
    raise typer.Exit(2)
