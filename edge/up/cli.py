"""`zhuomu up`: the whole loop on one machine, one command."""

import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

RULES = Path(__file__).parent / "rules-demo.toml"


def up(
    more: Annotated[list[str] | None, typer.Argument(metavar="[SRC]...", help="More sources.")] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(help="Video file, folder of pictures, rtsp:// address or /dev/videoN; none: the sample street."),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The console page's port.")] = 8080,
    seconds: Annotated[
        float | None, typer.Option("--for", min=1.0, help="Stop after so many seconds, with a summary.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Summary as one JSON object on stdout.")] = False,
    seed: Annotated[int, typer.Option(help="Which sample street.")] = 1,
    data: Annotated[
        Path | None, typer.Option(help="Keep all state in this folder; otherwise it is deleted at the end.")
    ] = None,
    rules: Annotated[Path, typer.Option(help="Rule file.")] = RULES,
    model: Annotated[Path | None, typer.Option(help="Network: a file, or the name of one that ships.")] = None,
    broker: Annotated[
        str | None, typer.Option(help="HOST:PORT of an MQTT broker that runs already; none: the embedded one.")
    ] = None,
) -> None:
    """Broker, gateway, registry, console, a kiosk and two handsets on this machine. 一条命令跑通全流程。"""
    from detectors import ModelError
    from detectors.manifest import located
    from edge.kiosk.config import load_rules
    from edge.link import SettingsError
    from edge.link.broker import BrokerUnusable
    from edge.up.children import ChildFailed
    from edge.up.report import summary_table
    from edge.up.run import Options, Town, to_json
    from edge.watch.source import SourceError

    console = Console(stderr=as_json)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    folder = data.resolve() if data else None
    try:
        network = located(model).resolve() if model else None
        address = _address(broker) if broker else None
        options = Options(
            [*(source or []), *(more or [])], port, seconds, seed, folder, rules.resolve(), address, network
        )
        town = Town(options, console)
        load_rules(rules)
        summary = town.run(stop)
    except (SettingsError, SourceError, ModelError, BrokerUnusable, ChildFailed, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(2) from error
    if as_json:
        sys.stdout.write(to_json(summary) + "\n")
    else:
        console.print(summary_table(summary))


def _address(text: str) -> tuple[str, int]:
    from edge.link import SettingsError

    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise SettingsError(f"--broker {text}: not HOST:PORT; give for example 127.0.0.1:1883")
    return host, int(port)
