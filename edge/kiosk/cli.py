"""`zhuomu kiosk`: run a kiosk from its settings file; `tune` and `discover` help to write one."""

import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from edge.kiosk.calibrate_cli import calibrate
from edge.kiosk.live_cli import token, viewings

app = typer.Typer(invoke_without_command=True)
app.command()(calibrate)
app.command()(token)
app.command()(viewings)


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
        raise typer.BadParameter("give the kiosk's settings file, see configs/kiosk.toml", param_hint="--config")
    from edge.kiosk.start import NotStarted, look, serve

    try:
        look(config) if check else serve(config, new_views)
    except NotStarted as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(2) from error


@app.command()
def tune(
    cameras: Annotated[int, typer.Option(min=1, max=64, help="How many cameras the kiosk has.")] = 4,
    clip: Annotated[Path | None, typer.Option(help="A recording of one of them; none: the sample street.")] = None,
) -> None:
    """Measure this machine and print settings that fit it, as TOML. 测本机性能，给出建议配置。"""
    from detectors import DetectorError
    from edge.kiosk.tune import measured, proposed
    from edge.sim.clip import write_clip
    from edge.watch.source import SourceError

    try:
        with TemporaryDirectory() as folder:
            recording = clip or write_clip(Path(folder) / "street.mp4", 10.0, fps=5, width=1920, height=1080, gop_s=1.0)
            cost = measured(recording)
    except (SourceError, DetectorError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(2) from error
    cores = len(os.sched_getaffinity(0))
    proposal = proposed(cost, cameras, cores)
    sys.stdout.write(proposal.toml(cost, cameras, cores) + "\n")
    raise typer.Exit(0 if proposal.fits else 1)


@app.command()
def discover(wait_s: Annotated[float, typer.Option(min=0.1, max=60.0, help="How long to listen.")] = 3.0) -> None:
    """List the ONVIF cameras on this network, a line of JSON each. 查找本网 ONVIF 摄像头。"""
    from edge.watch.onvif import discover as ask

    try:
        found = ask(wait_s)
    except OSError as error:
        sys.stderr.write(f"error: cannot ask the network ({error.strerror}); is an interface up?\n")
        raise typer.Exit(2) from error
    for camera in found:
        row = {"host": camera.host, "address": camera.address, "name": camera.name, "model": camera.model}
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
    if not found:
        sys.stderr.write("no ONVIF camera answered; multicast passes no router, so ask from the cameras' network\n")
