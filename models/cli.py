"""`zhuomu model`: train, export, evaluate and list networks."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from detectors.errors import DetectorError
from detectors.manifest import SUFFIXES, located, verified
from models import MODELS_DIR, label
from models.labelled import CLASSES
from models.locate import shared_dir
from models.measure import evaluate_
from models.negatives import alarms
from models.walls import measuring_set

TRUNK_LAYERS = 5  # as in recipe/two_heads.py, which needs torch
app = typer.Typer(no_args_is_help=True, help="Train, export, evaluate and list networks.")
app.command("label")(label.label)
errors = Console(stderr=True, soft_wrap=True, highlight=False)


def stop(reason: object, status: int = 1) -> typer.Exit:
    """Print one line on stderr and give the exit to raise."""
    errors.print(str(reason), markup=False)
    return typer.Exit(status)


def need_train() -> None:
    """Training and export need torch; say so in one line where it is missing."""
    missing = [name for name in ("torch", "ultralytics") if find_spec(name) is None]
    if missing:
        needed = " and ".join(missing)
        raise stop(f"this needs {needed}, which the default install leaves out; do: pip install 'zhuomu[train]'")


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Folder of this run.")] = Path("runs/street"),
    data: Annotated[Path | None, typer.Option(help="Folder with street/ and street_unboxed/.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Weights to start from (.pt).")] = None,
    renders: Annotated[Path | None, typer.Option(help="Rendered pictures with images/ and labels/.")] = None,
    also: Annotated[Path | None, typer.Option(help="The city's own pictures, a folder of `model label`.")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Each draws a quarter as many pictures as there are.")] = 24,
    size: Annotated[int, typer.Option(min=64, max=1280, help="Training size, px.")] = 384,
    lr: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="First learning rate; else the recipe's.")] = None,
    lr_end: Annotated[float, typer.Option(min=0.0, max=1.0, help="Last learning rate as a share of the first.")] = 0.02,
    hours: Annotated[float | None, typer.Option(min=0.01, help="Fit the epochs into so many hours.")] = None,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    freeze: Annotated[
        int | None,
        typer.Option(min=TRUNK_LAYERS, max=22, help="So many layers are not trained; else the trunk."),
    ] = None,
    unmasked: Annotated[
        bool, typer.Option("--unmasked", help="What a source does not label counts as background; to compare with.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
) -> None:
    """Train on the shared pictures with the loss masked by source; a checkpoint after every epoch."""
    need_train()
    from models.recipe import prepare
    from models.recipe import train as recipe
    from models.recipe.city import CityError

    checkpoint, teacher = out / "weights" / "last.pt", shared_dir() / "weights" / "yolov8n_coco.pt"
    if resume:
        if not checkpoint.is_file():
            raise stop(f"{checkpoint}: nothing to resume; leave out --resume to start a run")
        typer.echo(recipe.resume(checkpoint, threads))
        return
    pictures, start = data or shared_dir() / "data", weights or teacher
    for path in (pictures / "street" / "train" / "images", start, renders or start):
        if not path.exists():
            raise stop(f"{path}: not found; give --data, --weights and --renders, or set ZHUOMU_SHARED")
    try:
        yaml = prepare.prepare(pictures, teacher, out.resolve() / "data", renders, also)
    except CityError as error:
        raise stop(error) from None
    changes: dict[str, Any] = {"lrf": lr_end} | ({"time": hours} if hours else {}) | ({"lr0": lr} if lr else {})
    changes |= {"freeze": freeze} if freeze else {}
    typer.echo(recipe.run(yaml, start, out.resolve(), epochs, size, threads, not unmasked, **changes))


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint (.pt) of `model train`.")],
    out: Annotated[Path, typer.Option(help="The network file to write.")] = MODELS_DIR / "street.onnx",
    name: Annotated[str, typer.Option(help="Name in the manifest.")] = "street",
    size: Annotated[int, typer.Option(min=64, max=1280, help="Default inference size, px.")] = 640,
    coco: Annotated[Path | None, typer.Option(help="The COCO weights that the run started from (.pt).")] = None,
    alone: Annotated[bool, typer.Option("--alone", help="Without COCO's head beside ours; to compare with.")] = False,
) -> None:
    """Write a checkpoint, with COCO's head beside ours, as ONNX with its manifest."""
    need_train()
    if not checkpoint.is_file():
        raise stop(f"{checkpoint}: no such checkpoint; `zhuomu model train` writes one after every epoch")
    from models.recipe.export import export as write

    try:
        beside = None if alone else coco or shared_dir() / "weights" / "yolov8n_coco.pt"
        typer.echo(write(checkpoint, beside, out, name, size))
    except ValueError as error:
        raise stop(f"{checkpoint}: {error}") from None


@app.command()
def quantise(
    model: Annotated[Path | None, typer.Option(help="The float32 network (.onnx).")] = None,
    out: Annotated[Path, typer.Option(help="The network file to write (.xml).")] = MODELS_DIR / "street-int8.xml",
    data: Annotated[Path | None, typer.Option(help="Folder with images/: TRAINING pictures.")] = None,
    count: Annotated[int, typer.Option(min=1, max=5000, help="Pictures to calibrate on.")] = 300,
    seed: Annotated[int, typer.Option(help="Which pictures.")] = 7,
    size: Annotated[int | None, typer.Option(min=32, max=4096, help="Calibration size, px.")] = None,
) -> None:
    """Write a network as INT8 (OpenVINO's form) with its manifest, calibrated on training pictures."""
    if find_spec("nncf") is None:
        raise stop("this needs nncf, which the default install leaves out; do: pip install 'zhuomu[train]'")
    from models.quantise import calibration_pictures
    from models.quantise import quantise as write

    try:
        pictures = calibration_pictures((data or shared_dir() / "data" / "street" / "train") / "images", count, seed)
        typer.echo(write(located(model), out, pictures, seed, size))
    except DetectorError as error:
        raise stop(error) from None


app.command("eval")(evaluate_)
app.command()(alarms)


@app.command()
def ads(
    folder: Annotated[Path, typer.Argument(help="Where images/ and labels/ go.")],
    count: Annotated[int, typer.Option(min=1, max=10_000)] = 200,
    seed: Annotated[int, typer.Option(min=0)] = 9,
    data: Annotated[Path | None, typer.Option(help="Folder with street_unboxed/.")] = None,
) -> None:
    """Paste rendered ads onto photographs of walls that were not trained on, for `model eval --data`."""
    try:
        typer.echo(measuring_set(data or shared_dir() / "data", folder, count, seed, CLASSES.index("poster")))
    except (ValueError, OSError) as error:
        raise stop(error) from None


@app.command("list")
def list_() -> None:
    """The networks that ship with this install, and whether their files are whole."""
    out = Table("network", "file", "classes", "input", "licence", "file is whole")
    for path in sorted(MODELS_DIR.glob("*.json")):
        raw = json.loads(path.read_text(encoding="utf-8"))
        files = [path.with_suffix(suffix) for suffix in SUFFIXES]
        file = next((f for f in files if f.is_file()), files[0])
        try:
            verified(file)
            whole = "yes"
        except DetectorError as error:
            whole = str(error)
        size = f"{raw['input']['size_px']} px"
        out.add_row(raw["name"], file.name, str(len(raw["classes"])), size, raw["licence"], whole)
    Console().print(out)
