"""`zhuomu model`: train, export, evaluate and list networks."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from detectors.cli import Backend
from detectors.errors import DetectorError
from detectors.load import load_detector
from detectors.manifest import default_model, verified
from models import MODELS_DIR, label
from models.evaluate import SWEEP_SCORE, evaluate, read_set
from models.locate import shared_dir
from models.sheet import write_sheets

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
    epochs: Annotated[int, typer.Option(min=1, help="Each draws half as many pictures as there are.")] = 24,
    size: Annotated[int, typer.Option(min=64, max=1280, help="Training size, px.")] = 448,
    lr_end: Annotated[float, typer.Option(min=0.0, max=1.0, help="Last learning rate as a share of the first.")] = 0.02,
    hours: Annotated[float | None, typer.Option(min=0.01, help="Fit the epochs into so many hours.")] = None,
    threads: Annotated[int, typer.Option(min=1)] = 2,
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
        typer.echo(recipe.resume(checkpoint, teacher, threads))
        return
    pictures, start = data or shared_dir() / "data", weights or teacher
    for path in (pictures / "street" / "train" / "images", start, renders or start):
        if not path.exists():
            raise stop(f"{path}: not found; give --data, --weights and --renders, or set ZHUOMU_SHARED")
    try:
        yaml = prepare.prepare(pictures, teacher, out.resolve() / "data", renders, also)
    except CityError as error:
        raise stop(error) from None
    changes = {"lrf": lr_end} | ({"time": hours} if hours else {})
    typer.echo(recipe.run(yaml, start, teacher, out.resolve(), epochs, size, threads, **changes))


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint (.pt) of `model train`.")],
    out: Annotated[Path, typer.Option(help="The network file to write.")] = MODELS_DIR / "street.onnx",
    name: Annotated[str, typer.Option(help="Name in the manifest.")] = "street",
    size: Annotated[int, typer.Option(min=64, max=1280, help="Default inference size, px.")] = 640,
) -> None:
    """Write a checkpoint as ONNX with its manifest."""
    need_train()
    if not checkpoint.is_file():
        raise stop(f"{checkpoint}: no such checkpoint; `zhuomu model train` writes one after every epoch")
    from models.recipe.export import export as write

    typer.echo(write(checkpoint, out, name, size))


@app.command("eval")
def evaluate_(
    model: Annotated[Path | None, typer.Option(help="Network (.onnx with its .json).")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder with images/ and labels/.")] = None,
    size: Annotated[int | None, typer.Option(min=32, max=4096, help="Inference size, px.")] = None,
    backend: Annotated[Backend, typer.Option(help="What runs the network.")] = Backend.openvino,
    min_score: Annotated[float, typer.Option(min=0.0, max=1.0, help="Where precision and recall are read.")] = 0.25,
    threads: Annotated[int | None, typer.Option(min=1)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as one JSON object.")] = False,
    sheet: Annotated[Path | None, typer.Option(help="Draw hits and worst misses into this folder.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Keep the figures in the manifest.")] = False,
) -> None:
    """Precision, recall, mAP50 and mAP50-95 by source and class, each source on the classes that it labels."""
    try:
        detector = load_detector(model, backend.value, SWEEP_SCORE, threads, size)
        folder = data or shared_dir() / "data" / "street" / "val"
        result = evaluate(detector, read_set(folder), min_score)
    except DetectorError as error:
        raise stop(error) from None
    used = size or verified(model or default_model()).size_px
    report: dict[str, Any] = {
        "model": detector.model_name,
        "sha256": detector.model_sha256,
        "backend": backend.value,
        "size_px": used,
    }
    report |= {"min_score": min_score, "rows": result.rows()}
    if record:
        keep_figures(model or default_model(), report)
    typer.echo(json.dumps(report)) if as_json else Console().print(table(report))
    for path in write_sheets(result, detector, sheet) if sheet else []:
        errors.print(str(path), markup=False)


def keep_figures(model: Path, report: dict[str, Any]) -> None:
    """Put a report's rows into the manifest, under the sources it has figures for and its size."""
    path = model.with_suffix(".json")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    for row in report["rows"]:
        kind = "rendered" if row["source"] == "street_sim" else "real"
        place = manifest["figures"].setdefault(f"{kind}_{report['size_px']}px", {}).setdefault(row["source"], {})
        place[row["class"]] = {k: round(row[k], 3) for k in ("boxes", "precision", "recall", "ap50", "ap50_95")}
    path.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def table(report: dict[str, Any]) -> Table:
    """The rows of a report for a terminal."""
    title = "{model} at {size_px} px, {backend}; precision and recall at {min_score}".format(**report)
    out = Table("source", "class", "boxes", "precision", "recall", "mAP50", "mAP50-95", title=title)
    for row in report["rows"]:
        values = (row[key] for key in ("precision", "recall", "ap50", "ap50_95"))
        out.add_row(row["source"], row["class"], str(row["boxes"]), *(f"{v:.3f}" for v in values))
    return out


@app.command("list")
def list_() -> None:
    """The networks that ship with this install, and whether their files are whole."""
    out = Table("network", "file", "classes", "input", "licence", "file is whole")
    for path in sorted(MODELS_DIR.glob("*.json")):
        raw = json.loads(path.read_text(encoding="utf-8"))
        try:
            verified(path.with_suffix(".onnx"))
            whole = "yes"
        except DetectorError as error:
            whole = str(error)
        size = f"{raw['input']['size_px']} px"
        out.add_row(raw["name"], f"{path.stem}.onnx", str(len(raw["classes"])), size, raw["licence"], whole)
    Console().print(out)
