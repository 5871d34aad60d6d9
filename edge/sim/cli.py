"""Command line of the sample street: `zhuomu street clip`, `serve` and `export`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import av
import typer

app = typer.Typer(no_args_is_help=True, help="The sample street: a rendered camera with exact truth.")

Seed = Annotated[int, typer.Option(help="Which street; the same seed gives the same street and events.")]
Size = Annotated[str, typer.Option(help="Picture size in pixels, as 1280x720.")]
Truth = Annotated[Path | None, typer.Option(help="Write the truth here as JSON lines.")]


@contextmanager
def _plain_errors() -> Iterator[None]:
    """What the user can mend is one line on stderr and exit status 2."""
    try:
        yield
    except (ValueError, OSError, av.FFmpegError) as error:
        typer.echo(f"zhuomu street: {error}".replace("\n", " "), err=True)
        raise typer.Exit(2) from None


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ValueError(f"size {text!r}: give width x height in pixels, as 1280x720")
    return int(width), int(height)


@app.command()
def clip(
    out: Annotated[Path, typer.Argument(help="The mp4 file to write.")],
    duration: Annotated[float, typer.Option("--for", help="Seconds to render.")] = 90.0,
    fps: Annotated[int, typer.Option(help="Frames a second.")] = 25,
    seed: Seed = 1,
    truth: Truth = None,
    per_frame: Annotated[bool, typer.Option("--per-frame", help="A truth line for every frame as well.")] = False,
    size: Size = "1280x720",
) -> None:
    """Render a clip as fast as the machine can."""
    with _plain_errors():
        from edge.sim.clip import write_clip

        width, height = _size(size)
        write_clip(out, duration, fps, seed, width, height, truth_path=truth, per_frame=per_frame)


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="TCP port; 0 takes a free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    fps: Annotated[int, typer.Option(help="Frames a second.")] = 10,
    seed: Seed = 1,
    truth: Truth = None,
    horizon_s: Annotated[float, typer.Option(help="Write truth for this many seconds ahead.")] = 3600.0,
    size: Size = "1280x720",
) -> None:
    """Be a live camera for one client at a time, until SIGTERM or SIGINT."""
    with _plain_errors():
        from edge.sim.serve import serve as serve_street

        width, height = _size(size)
        serve_street(host, port, seed, fps, width, height, truth, horizon_s)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Where images/, labels/ and data.yaml go.")],
    count: Annotated[int, typer.Option(help="How many pictures.")] = 1000,
    seed: Seed = 1,
    start: Annotated[int, typer.Option(help="Number of the first picture; lets several processes share the work.")] = 0,
    names: Annotated[str, typer.Option(help="The network's class list in order, comma separated; empty for all.")] = "",
) -> None:
    """Write labelled training pictures in YOLO's format."""
    with _plain_errors():
        from edge.sim.export import CLASS_NAMES, export_training
        from edge.sim.things import LABELS

        wanted = [n.strip() for n in names.split(",")] if names else CLASS_NAMES
        export_training(folder, count, seed, wanted, start)
        if never := [name for name in wanted if name not in LABELS]:
            typer.echo(f"never drawn, so without boxes: {', '.join(never)}", err=True)
