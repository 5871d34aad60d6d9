"""`zhuomu model label`: what kiosks collected and the desk judged becomes a training set with boxes in YOLO form."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from models.city.gateway import Gateway
from models.city.judged import LabelingError
from models.city.make import Wanted, make

SKIPPED_SHOWN = 20


def label(
    out: Annotated[Path, typer.Argument(help="The set's folder; a second run renews it.")],
    gateway: Annotated[str, typer.Option(help="The gateway's address, http://HOST:PORT.")] = "",
    kiosk: Annotated[list[Path] | None, typer.Option(help="A kiosk's folder hard/, copied; may be repeated.")] = None,
    corrections: Annotated[
        Path | None, typer.Option(help="Boxes of a person: `NAME x1 y1 x2 y2` or `NAME none`.")
    ] = None,
    person: Annotated[str, typer.Option(help="Who drew the corrections.")] = "",
    unreviewed: Annotated[bool, typer.Option("--unreviewed", help="Also what was filed and nobody looked at.")] = False,
    val_share: Annotated[float, typer.Option(min=0.0, max=0.9, help="Share of cameras kept for measuring.")] = 0.2,
    as_json: Annotated[bool, typer.Option("--json", help="The report as one JSON object.")] = False,
) -> None:
    """The city's own photographs, confirmed or rejected by people, as a training set. 本市图片训练集。"""
    try:
        _check(gateway, kiosk, corrections, person)
        source = Gateway(gateway) if gateway else None
        wanted = Wanted(out, source, tuple(kiosk or ()), corrections, person.strip(), unreviewed, val_share)
        report = make(wanted, datetime.now(UTC))
    except (LabelingError, OSError) as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"error: {error}", markup=False)
        raise typer.Exit(2) from error
    typer.echo(json.dumps(report, ensure_ascii=False) if as_json else "\n".join(_lines(report)))


def _check(gateway: str, kiosks: Iterable[Path] | None, corrections: Path | None, person: str) -> None:
    if not gateway and not kiosks and corrections is None:
        raise LabelingError("nothing to label; give --gateway http://HOST:PORT, --kiosk FOLDER or --corrections FILE")
    if corrections is not None and not person.strip():
        raise LabelingError("--corrections: say who drew the boxes with --person NAME")


def _lines(report: dict[str, Any]) -> list[str]:
    """The report for a terminal."""
    decisions = ", ".join(f"{n} {word}" for word, n in report["decisions"].items()) or "none"
    lines = [
        f"candidates: {decisions}",
        "{folder}: {pictures} pictures ({train} train, {val} val), {boxes} boxes, {hard_negatives} hard negatives, "
        "{corrected} corrected by a person".format(**report),
        f"waiting for a person: {report['todo']} (todo/, todo.txt)",
    ]
    skipped = list(report["skipped"].items())
    lines += [f"skipped {n}: {why}" for why, n in skipped[:SKIPPED_SHOWN]]
    if len(skipped) > SKIPPED_SHOWN:
        lines.append(f"skipped for {len(skipped) - SKIPPED_SHOWN} more reasons (--json shows all)")
    return lines
