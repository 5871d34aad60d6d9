"""`zhuomu handset`: a disposal handset in the terminal, and many simulated ones."""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from edge.handset import terminal, terminal_duty
from edge.handset.book import BookUnusable
from edge.link import Broker

app = typer.Typer(help="Disposal handsets (处置通).", no_args_is_help=True)
terminal.add(app)
terminal_duty.add(app)


@app.command()
def sim(
    data: Annotated[Path, typer.Option(help="Folder for the handsets' databases.")] = Path("zhuomu-data/handsets"),
    count: Annotated[int, typer.Option(min=1, max=20_000, help="How many handsets.")] = 2,
    prefix: Annotated[str, typer.Option(help="Device ids are PREFIX-1, PREFIX-2 ...")] = "handset",
    host: Annotated[str, typer.Option(help="MQTT broker.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="MQTT port.")] = 1883,
    http: Annotated[str, typer.Option(help="The gateway's address for bulk pages; none: MQTT alone.")] = "",
    work_s: Annotated[float, typer.Option(min=0.1, help="Seconds from an order's arrival to its disposal.")] = 8.0,
    seed: Annotated[int, typer.Option(help="Seed of the crews' habits.")] = 1,
    identities: Annotated[
        Path | None, typer.Option(help="Folder with each handset's identity (zhuomu claim --out FOLDER/handset-1).")
    ] = None,
    jitter_s: Annotated[float, typer.Option(min=0.0, help="Ask after a random part of it; 60 at a shift's start.")] = 2,
    seconds: Annotated[float | None, typer.Option("--for", min=1.0, help="Stop after so many seconds.")] = None,
    photo: Annotated[Path | None, typer.Option(help="A JPEG to send with each disposal.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="What it came to as one JSON object on stdout.")] = False,
) -> None:
    """Crews that dispose of whatever they are sent, in one process. 模拟处置人员。"""
    from edge.handset import fleet

    broker, software = Broker(host, port), f"zhuomu {version('zhuomu')}"
    try:
        picture = photo.read_bytes() if photo else b""
        crews = fleet.Plan(
            data, count, prefix, broker, http, work_s, seed, jitter_s, seconds, software, picture, identities
        )
        told = fleet.run(crews)
    except (BookUnusable, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(2) from error
    if as_json:
        sys.stdout.write(json.dumps(told) + "\n")
