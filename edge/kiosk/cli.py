"""`zhuomu kiosk`: run a kiosk from its settings file."""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from edge.kiosk.calibrate_cli import calibrate
from edge.link import OutboxUnusable, SettingsError

app = typer.Typer(invoke_without_command=True)
app.command()(calibrate)


@app.callback()
def kiosk(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="The kiosk's settings, see configs/kiosk.toml.")] = None,
    new_views: Annotated[
        bool, typer.Option("--new-views", help="Cameras were turned on purpose: learn how their views look anew.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only look whether everything is usable, then end.")] = False,
) -> None:
    """Watch the street: cameras in, candidate cases out. 看守街面：摄像头进，疑似案件出。"""
    if context.invoked_subcommand is not None:
        return
    if config is None:
        raise typer.BadParameter("give the kiosk's settings", param_hint="--config")
    from detectors import DetectorError
    from edge.evidence import KeyUnusable
    from edge.kiosk.config import load_settings
    from edge.kiosk.node import Kiosk, run_until_signal
    from edge.watch.source import SourceError

    try:
        settings = load_settings(config)
        node = Kiosk(settings, config, software=f"zhuomu {version('zhuomu')}", new_views=new_views)
    except (SettingsError, SourceError, OutboxUnusable, DetectorError, KeyUnusable, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(2) from error
    if check:
        return
    sys.stdout.write(json.dumps({"event": "kiosk.ready", "device": settings.device}) + "\n")
    sys.stdout.flush()
    run_until_signal(node)
