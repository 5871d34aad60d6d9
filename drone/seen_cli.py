"""`zhuomu drone seen`: which ground a drone has really seen, and whether that is enough to say "nothing here"."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from drone.seeing.ledger import Ledger


def seen(
    file: Annotated[Path, typer.Argument(help="A drone's database: DATA/DEVICE.db.")],
    since: Annotated[str | None, typer.Option(help="Only what was seen since, ISO time with zone.")] = None,
    until: Annotated[str | None, typer.Option(help="Only what was seen last before, ISO time with zone.")] = None,
    at: Annotated[str | None, typer.Option(help="LAT,LON: is there enough to say that nothing is here?")] = None,
    within: Annotated[float, typer.Option(min=0.0, max=500.0, help="With --at: metres around it.")] = 5.0,
    kind: Annotated[str, typer.Option(help="With --at: stall, bike or litter.")] = "litter",
    geojson: Annotated[Path | None, typer.Option(help="Write the ground seen as GeoJSON.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Write it as a picture (SVG).")] = None,
    merge: Annotated[list[Path] | None, typer.Option(help="Take in another drone's database first.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Which ground was really seen, when, how finely. 已看清地面台账。"""
    from drone.seeing.ledger import File, Ledger, area_m2
    from drone.seeing.seen_export import to_geojson, to_svg

    try:
        since_us, until_us = _micro(since, 0), _micro(until, 2**62)
        for path in (file, *(merge or [])):
            if not path.is_file():
                raise ValueError(f"{path}: no such file; give a drone's DATA/DEVICE.db")
        base = File(file)
        ledger = Ledger(base)
        for other in merge or []:
            ledger.merge(Ledger(File(other)).rows())
        rows = ledger.rows(since_us, until_us)
        flights = {key[3] for key, _ in rows}
        told: dict[str, object] = {"rows": len(rows), "area_m2": area_m2(rows), "flights": len(flights)}
        if at is not None:
            told |= _statement(ledger, at, within, kind, since_us)
        if geojson is not None:
            geojson.write_text(json.dumps(to_geojson(rows)), encoding="utf-8")
        if picture is not None:
            picture.write_text(to_svg(rows), encoding="utf-8")
        base.close()
    except (ValueError, OSError, sqlite3.Error) as error:
        typer.echo(f"zhuomu drone: {error}".replace("\n", " "), err=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    for name, value in told.items():
        typer.echo(f"{name}: {value}")


def _statement(ledger: Ledger, at: str, within: float, kind: str, since_us: int) -> dict[str, object]:
    from drone.seeing.sizes import ON_GROUND

    wanted = next((one for one in sorted(ON_GROUND) if one == kind), None)
    if wanted is None:
        raise ValueError(f"--kind {kind}: give one of {', '.join(sorted(ON_GROUND))}")
    try:
        lat, lon = (float(part) for part in at.split(","))
    except ValueError:
        raise ValueError(f"--at {at!r}: give LAT,LON in degrees, as 34.26134,117.18432") from None
    found = ledger.statement(lat, lon, 0.0, wanted, since_us, within)
    answer = "yes" if found.enough else "no"
    return {"enough_to_say_nothing_is_here": answer, "why": found.words, "as_of_us": found.as_of_us}


def _micro(text: str | None, otherwise: int) -> int:
    if text is None:
        return otherwise
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r}: give an ISO time with zone, as 2026-05-01T08:00:00+08:00") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r}: without a zone; add +08:00 or Z")
    return round(moment.timestamp() * 1e6)
