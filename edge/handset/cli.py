"""`zhuomu handset`: simulated crews with their handsets."""

import json
import random
import signal
import sys
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from edge.handset.crew import Crew
from edge.link import Broker, Outbox, OutboxUnusable
from edge.link.tls import Tls

app = typer.Typer(help="Disposal handsets (处置通).", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Disposal handsets (处置通)."""


@app.command()
def sim(
    data: Annotated[Path, typer.Option(help="Folder for the handsets' databases.")],
    count: Annotated[int, typer.Option(min=1, max=300, help="How many handsets (two threads each).")] = 2,
    prefix: Annotated[str, typer.Option(help="Device ids are PREFIX-1, PREFIX-2 ...")] = "handset",
    host: Annotated[str, typer.Option(help="MQTT broker.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="MQTT port.")] = 1883,
    work_s: Annotated[float, typer.Option(min=0.1, help="Seconds from an order's arrival to its disposal.")] = 8.0,
    seed: Annotated[int, typer.Option(help="Seed of the crews' habits.")] = 1,
    identities: Annotated[
        Path | None, typer.Option(help="Folder with each handset's identity (zhuomu claim --out FOLDER/handset-1).")
    ] = None,
) -> None:
    """Crews that dispose of whatever they are sent. 模拟处置人员。"""
    software = f"zhuomu {version('zhuomu')}"
    try:
        outboxes = [Outbox(data / f"{prefix}-{i + 1}.db", f"{prefix}-{i + 1}") for i in range(count)]
    except OutboxUnusable as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(2) from error
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    crews = [
        Crew(o, _broker(host, port, identities, o.device), work_s, random.Random(seed * 1000 + i), software)
        for i, o in enumerate(outboxes)
    ]
    threads = [threading.Thread(target=crew.run, args=(stop,), name=f"crew-{i}") for i, crew in enumerate(crews)]
    for thread in threads:
        thread.start()
    sys.stdout.write(json.dumps({"event": "handset.ready", "devices": [o.device for o in outboxes]}) + "\n")
    sys.stdout.flush()
    for thread in threads:
        thread.join()
    for outbox in outboxes:
        outbox.close()


def _broker(host: str, port: int, identities: Path | None, device: str) -> Broker:
    return Broker(host, port, tls=Tls(identity=str(identities / device)) if identities else None)
