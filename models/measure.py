"""`zhuomu model eval`: figures of one or several networks at one or several sizes, by one command."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from detectors.cli import Backend
from detectors.errors import DetectorError
from detectors.load import load_detector
from detectors.manifest import located, verified
from models.card import put
from models.evaluate import SWEEP_SCORE, evaluate, means, read_set
from models.locate import shared_dir
from models.sheet import write_sheets
from models.tables import for_card, terminal

errors = Console(stderr=True, soft_wrap=True, highlight=False)


def evaluate_(
    model: Annotated[
        list[Path] | None, typer.Option(help="Network: a file, or the name of one that ships. May be repeated.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder with images/ and labels/.")] = None,
    size: Annotated[
        list[int] | None, typer.Option(min=32, max=4096, help="Inference size, px. May be repeated.")
    ] = None,
    backend: Annotated[Backend, typer.Option(help="What runs the network.")] = Backend.openvino,
    min_score: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Where precision, recall and confusion are read.")
    ] = 0.25,
    threads: Annotated[int | None, typer.Option(min=1)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as one JSON object.")] = False,
    sheet: Annotated[
        Path | None, typer.Option(help="Draw hits and worst misses of the first run into this folder.")
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Keep the figures in the manifest.")] = False,
    card: Annotated[Path | None, typer.Option(help="Write the tables into this Markdown file.")] = None,
    section: Annotated[str, typer.Option(help="Between which markers of the card.")] = "eval",
) -> None:
    """Precision, recall, mAP50, mAP50-95 and confusion by source and class, each source on the classes it labels.

    With several models or sizes every pair is one run; the first stands in full, the others with their mAP50.
    """
    folder = data or shared_dir() / "data" / "street" / "val"
    sizes: list[int | None] = [*size] if size else [None]
    report: dict[str, Any] = {"date": datetime.now(UTC).date().isoformat(), "min_score": min_score, "runs": []}
    try:
        for path, px in [(m, s) for m in model or [Path("street")] for s in sizes]:
            first = sheet if not report["runs"] else None
            report["runs"].append(one_run(located(path), folder, px, backend.value, threads, min_score, first))
            if record:
                keep_figures(located(path), report["runs"][-1])
        if card:
            put(card, section, for_card(report, said(model, size, data, min_score)))
    except DetectorError as error:
        errors.print(str(error), markup=False)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(report))
    else:
        Console().print(*terminal(report))


def said(model: list[Path] | None, size: list[int] | None, data: Path | None, min_score: float) -> str:
    """The command that repeats these figures, without folders of this machine."""
    words = [f"--model {m.name}" for m in model or []] + [f"--size {s}" for s in size or []]
    words += [f"--data {data.name.upper()}"] if data else []
    return " ".join(["zhuomu model eval", *words, f"--min-score {min_score}"])


def one_run(
    model: Path, folder: Path, size: int | None, backend: str, threads: int | None, min_score: float, sheet: Path | None
) -> dict[str, Any]:
    """One network at one size over the whole folder."""
    manifest = verified(model)
    detector = load_detector(model, backend, SWEEP_SCORE, threads, size)
    result = evaluate(detector, read_set(folder), min_score)
    for path in write_sheets(result, detector, sheet) if sheet else []:
        errors.print(str(path), markup=False)
    rows = result.rows()
    return {
        "model": manifest.name,
        "sha256": manifest.sha256,
        "precision": manifest.precision,
        "backend": backend,
        "size_px": size or manifest.size_px,
        "rows": rows,
        "means": means(rows),
        "confusion": result.confusion(),
    }


def keep_figures(model: Path, run: dict[str, Any]) -> None:
    """Put a run's rows into the manifest, under the sources it has figures for and its size."""
    path = model.with_suffix(".json")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    for row in run["rows"]:
        kind = "rendered" if row["source"] == "street_sim" else "real"
        place = manifest["figures"].setdefault(f"{kind}_{run['size_px']}px", {}).setdefault(row["source"], {})
        place[row["class"]] = {k: round(row[k], 3) for k in ("boxes", "precision", "recall", "ap50", "ap50_95")}
    path.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
