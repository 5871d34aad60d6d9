"""`zhuomu model alarms`: false alarms of the city's classes, and poster against hand-made graffiti boxes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from detectors.cli import Backend
from detectors.errors import DetectorError
from detectors.load import load_detector
from detectors.manifest import located, verified
from models import MODELS_DIR, posters
from models.alarms import CITY, CLIP_EVERY, SCORES, AlarmError, count, not_clean
from models.card import markdown, put
from models.handboxes import LabelError
from models.locate import shared_dir

LABELS = MODELS_DIR / "labels"
SCORES_SAID = " / ".join(map(str, SCORES))
ALARMS_SAID = (
    "Only classes that cannot be, or practically are not, on a set's pictures (not every picture was looked at); "
    "`-`: it may be there. nograffiti: every second plain wall, those the recipe does not train on, without the ones "
    f"known as not clean. Clips: every {CLIP_EVERY}th frame."
)
POSTER_SAID = (
    "Class poster on graffiti boxed by hand (labels/graffiti_boxes.txt): an AI model drew these boxes by looking, no "
    f"person has checked them. Recall and precision: single boxes at IoU {posters.IOU_MIN}, without the dense pictures "
    "that the file names. Area: share of the boxed area that is found, and of the found area that is boxed."
)
POSTER_HEAD = ("folder", "score", "pictures", "boxes", "found", "recall", "precision", "area found", "area right")


def alarms(
    model: Annotated[Path, typer.Option(help="Network: a file, or the name of one that ships.")] = Path("street"),
    data: Annotated[Path | None, typer.Option(help="Folder with street/, street_unboxed/ and clips/.")] = None,
    size: Annotated[int | None, typer.Option(min=32, max=4096, help="Inference size, px.")] = None,
    backend: Annotated[Backend, typer.Option(help="What runs the network.")] = Backend.openvino,
    threads: Annotated[int | None, typer.Option(min=1)] = None,
    without: Annotated[
        Path | None, typer.Option(help="Text file of pictures that were trained on, one a line: left out here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as one JSON object.")] = False,
    card: Annotated[Path | None, typer.Option(help="Write the tables into this Markdown file.")] = None,
    section: Annotated[str, typer.Option(help="Between which markers of the card.")] = "alarms",
) -> None:
    """Count boxes of the city's classes where no such thing is, and find poster in hand-boxed graffiti."""
    folder = data or shared_dir() / "data"
    try:
        report = measured(located(model), folder, size, backend.value, threads, trained_names(without))
        if card:
            put(card, section, for_card(report, said(model, size, without)))
    except (DetectorError, LabelError) as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(str(error), markup=False)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(report))
    else:
        Console().print(*terminal(report))


def trained_names(listed: Path | None) -> frozenset[str]:
    """File names without suffix of a list, one path a line; AlarmError when it cannot be read."""
    if listed is None:
        return frozenset()
    try:
        lines = listed.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AlarmError(f"{listed}: cannot read this list of pictures ({error}); give a text file") from None
    return frozenset(Path(line.strip()).stem for line in lines if line.strip())


def measured(
    model: Path, data: Path, size: int | None, backend: str, threads: int | None, trained: frozenset[str]
) -> dict[str, Any]:
    """The whole report."""
    manifest = verified(model)
    detector = load_detector(model, backend, min(SCORES) - 1e-6, threads, size)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "model": manifest.name,
        "sha256": manifest.sha256,
        "precision": manifest.precision,
        "backend": backend,
        "size_px": size or manifest.size_px,
        "clip_frames": f"every {CLIP_EVERY}th",
        "trained_left_out": len(trained),
        "alarms": count(detector, data, trained, not_clean(LABELS / "nograffiti_checked.txt")),
        "poster": posters.measure(detector, data / "street_unboxed", LABELS / "graffiti_boxes.txt", trained),
    }


def said(model: Path, size: int | None, without: Path | None) -> str:
    """The command that repeats these figures, without folders of this machine."""
    words = [f"--model {model.name}"] + ([f"--size {size}"] if size else [])
    return " ".join(["zhuomu model alarms", *words, *([f"--without {without.name}"] if without else [])])


def alarm_rows(report: dict[str, Any]) -> list[list[str]]:
    """A row per set, a column per class: boxes at each score, `-` where such a thing may be there."""
    sets = {row["set"]: row["pictures"] for row in report["alarms"]}
    counts = {(r["set"], r["class"]): " / ".join(map(str, r["boxes_at"].values())) for r in report["alarms"]}
    return [[name, str(seen), *(counts.get((name, c), "-") for c in CITY)] for name, seen in sets.items()]


def poster_rows(report: dict[str, Any]) -> list[list[str]]:
    """A row per folder and score."""
    shares = ("recall", "precision", "area_found", "area_right")
    return [
        [row["folder"], *(str(row[k]) for k in ("score", "pictures", "boxes", "found"))]
        + ["-" if row[k] is None else f"{row[k]:.2f}" for k in shares]
        for row in report["poster"]
    ]


def terminal(report: dict[str, Any]) -> list[Table]:
    """Both tables for a terminal."""
    title = f"{report['model']} at {report['size_px']} px: false boxes at {SCORES_SAID}"
    first, second = (
        Table("set", "pictures", *CITY, title=title),
        Table(*POSTER_HEAD, title="poster on hand-boxed graffiti"),
    )
    for row in alarm_rows(report):
        first.add_row(*row)
    for row in poster_rows(report):
        second.add_row(*row)
    return [first, second]


def for_card(report: dict[str, Any], command: str) -> str:
    """The Markdown between the markers."""
    who = f"{report['model']} ({report['precision']}, sha256 {report['sha256'][:12]})"
    return "\n".join(
        [
            f"Written by `{command}` on {report['date']}: {who}, {report['size_px']} px, {report['backend']}.",
            f"Boxes at score {SCORES_SAID}. {ALARMS_SAID}",
            f"Names of pictures trained on that were left out besides: {report['trained_left_out']}.",
            "",
            markdown(("set", "pictures", *CITY), alarm_rows(report)),
            "",
            POSTER_SAID,
            "",
            markdown(POSTER_HEAD, poster_rows(report)),
        ]
    )
