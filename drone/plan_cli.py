"""`zhuomu drone plan` and `resume`: flights out of an area, streets or places to check."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class What(StrEnum):
    """What to plan."""

    auto = "auto"
    area = "area"
    streets = "streets"
    checks = "checks"


def plan(
    file: Annotated[Path, typer.Argument(help="GeoJSON, WGS-84: area, fence, no_fly, street, home, check.")],
    what: Annotated[What, typer.Option(help="auto: the area if there is one, else streets, else checks.")] = What.auto,
    height: Annotated[float, typer.Option(help="Metres above the take-off place (--ground: above ground).")] = 60.0,
    ground: Annotated[bool, typer.Option("--ground", help="Follow the terrain: heights count from below.")] = False,
    camera: Annotated[str, typer.Option(help="mavic3e, m30, a6000-16, or a JSON file of a camera.")] = "mavic3e",
    forward: Annotated[float, typer.Option(help="Overlap along the track, share.")] = 0.7,
    side: Annotated[float, typer.Option(help="Overlap between lines, share.")] = 0.6,
    speed: Annotated[float, typer.Option(help="Metres a second.")] = 8.0,
    battery_min: Annotated[float, typer.Option(help="Minutes of flight on one battery, until empty.")] = 25.0,
    reserve: Annotated[float, typer.Option(help="Share of the battery left on landing.")] = 0.25,
    wind: Annotated[float, typer.Option(help="Wind, metres a second.")] = 0.0,
    wind_from: Annotated[float, typer.Option(help="Where the wind comes from, degrees from north.")] = 0.0,
    angle: Annotated[float | None, typer.Option(help="Direction of lines, degrees from east; none: the best.")] = None,
    margin: Annotated[float, typer.Option(min=0.1, help="Metres kept from fence and zones.")] = 2.0,
    street_width: Annotated[float, typer.Option(help="Width to be seen along streets, metres.")] = 20.0,
    pitch: Annotated[float, typer.Option(help="Camera angle at checks, -90 is straight down.")] = -60.0,
    law: Annotated[Path | None, typer.Option(help="JSON with other limits than the national ones.")] = None,
    permission: Annotated[Path | None, typer.Option(help="JSON: number, start, end, height_max_m, over.")] = None,
    remote_id: Annotated[bool, typer.Option("--remote-id", help="Remote identification is on.")] = False,
    start: Annotated[str | None, typer.Option(help="Take-off, as 2026-05-01T09:00+08:00; none: now.")] = None,
    must_fly: Annotated[bool, typer.Option("--preflight", help="Exit status 1 when any check refuses.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write plan.json, .plan, .kmz, MAVLink items, plan.svg here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Plan flights over an area, along streets or to places that wait for a check. 规划航线。"""
    from drone.mission.command import Request, planned_from

    request = Request(
        file, what.value, height, ground, camera, forward, side, speed, battery_min, reserve, wind, wind_from, angle,
        margin, street_width, pitch, law, permission, remote_id, _moment(start), must_fly, out, as_json,
    )  # fmt: skip
    raise typer.Exit(planned_from(request))


def resume(
    file: Annotated[Path, typer.Argument(help="The plan.json of the plan that was broken off.")],
    flight: Annotated[int, typer.Option(min=1, help="Which flight, from 1.")],
    waypoint: Annotated[int, typer.Option(min=0, help="The last waypoint that was reached, from 1; 0: none.")],
    out: Annotated[Path, typer.Option(help="Folder for the new plan.")],
    at: Annotated[str | None, typer.Option(help="LAT,LON that was reached after it; none: that leg again.")] = None,
    margin: Annotated[float, typer.Option(min=0.1, help="As in the plan.")] = 2.0,
) -> None:
    """The rest of a flight that was broken off, with every picture that is still owed. 断点续飞。"""
    from drone.mission.command import resumed_from

    raise typer.Exit(resumed_from(file, flight, waypoint, at, out, margin))


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        moment = datetime.min
    if moment is not None and moment.tzinfo is None:
        typer.echo(f"zhuomu drone: start {text!r}: give date, time and zone, as 2026-05-01T09:00+08:00", err=True)
        raise typer.Exit(2)
    return moment
