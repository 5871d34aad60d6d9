"""What `zhuomu drone plan` and `resume` do: options in, files, a table or JSON out, exit status back."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from rich.console import Console
from rich.table import Table

from drone.mission.aircraft import Aircraft, Wind
from drone.mission.build import Ground, Planned, Settings, figures, plan_area, plan_streets
from drone.mission.camera import CAMERAS, Camera
from drone.mission.errors import PlanError
from drone.mission.files import read_plan, write_all, write_dialects
from drone.mission.frame import E7
from drone.mission.geojson import Site, read_site
from drone.mission.items import to_uploads
from drone.mission.law import Law
from drone.mission.preflight import Conditions, Finding, Permission, preflight
from drone.mission.resume import resumed
from drone.mission.revisit import plan_revisits

PLANNERS = {"area": plan_area, "streets": plan_streets, "checks": plan_revisits}
UNFIT = ("height", "zones", "battery")  # refusals that the plan itself is to blame for
T = TypeVar("T")


class Request(msgspec.Struct, frozen=True):
    """The command line; see `drone.cli.plan` for units."""

    file: Path
    what: str
    height: float
    ground: bool
    camera: str
    forward: float
    side: float
    speed: float
    battery_min: float
    reserve: float
    wind: float
    wind_from: float
    angle: float | None
    margin: float
    street_width: float
    pitch: float
    law: Path | None
    permission: Path | None
    remote_id: bool
    start: datetime | None
    must_fly: bool
    out: Path | None
    as_json: bool


def planned_from(request: Request) -> int:
    """Plan, write, print. Exit status: 0 done, 1 a check refuses, 2 no plan can be made."""
    try:
        site, settings = read_site(request.file), settings_of(request)
        planned = PLANNERS[_what(request.what, site)](site, settings)
        findings = preflight(planned.plan, _conditions(request, settings))
        written = write_all(request.out, planned, site) if request.out else []
        report = report_of(planned, findings, Ground(site, settings), written)
    except PlanError as error:
        return _refused(str(error))
    if request.as_json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    else:
        _show(planned, findings, report)
    wrong = [f for f in findings if not f.ok and (request.must_fly or f.code in UNFIT)]
    return 1 if wrong else 0


def resumed_from(file: Path, flight: int, waypoint: int, at: str | None, out: Path, margin_m: float) -> int:
    """Write the rest of a plan. Exit status: 0 done, 2 not possible."""
    try:
        rest = resumed(read_plan(file), flight - 1, waypoint - 1, _place(at) if at else None, margin_m)
        written = write_dialects(out, rest)
    except PlanError as error:
        return _refused(str(error))
    Console().print(f"flight {flight} goes on with {len(rest.flights[flight - 1].waypoints)} waypoints: {written[0]}")
    return 0


def settings_of(request: Request) -> Settings:
    """The command line as settings. Raises PlanError for values that make no sense."""
    camera = CAMERAS.get(request.camera) or _read(
        Path(request.camera), Camera, f"one of {', '.join(CAMERAS)} or a file"
    )
    law = _read(request.law, Law, "limits as JSON") if request.law else Law()
    try:
        aircraft = Aircraft(request.speed, request.battery_min * 60, request.reserve)
    except ValueError as error:
        raise PlanError(str(error)) from None
    return Settings(
        height_m=request.height,
        forward=request.forward,
        side=request.side,
        margin_m=request.margin,
        camera=camera,
        aircraft=aircraft,
        wind=Wind(request.wind, request.wind_from),
        law=law,
        above="ground" if request.ground else "home",
        angle_deg=request.angle,
        street_m=request.street_width,
        pitch_deg=request.pitch,
    )


def _what(asked: str, site: Site) -> str:
    if asked != "auto":
        return asked
    if not site.area.is_empty:
        return "area"
    return "streets" if site.streets else "checks"


def _conditions(request: Request, settings: Settings) -> Conditions:
    permission = _read(request.permission, Permission, "an approval as JSON") if request.permission else None
    start = request.start or datetime.now(UTC)
    return Conditions(start, settings.aircraft, settings.wind, settings.law, permission, request.remote_id)


def _read(path: Path, kind: type[T], wanted: str) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise PlanError(f"{path}: cannot be read ({error.strerror}); give {wanted}") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise PlanError(f"{path}: {error}; give {wanted}") from None


def _place(text: str) -> tuple[int, int]:
    try:
        lat, lon = (float(v) for v in text.split(","))
    except ValueError:
        raise PlanError(f"place {text!r}: give LAT,LON in degrees, as 34.26134,117.18432") from None
    return round(lat * E7), round(lon * E7)


def report_of(planned: Planned, findings: tuple[Finding, ...], ground: Ground, written: list[Path]) -> dict[str, Any]:
    """All that is known of a plan as plain values."""
    flights = [figures(flight, ground) for flight in planned.plan.flights]
    return {
        "kind": planned.kind,
        "coverage": round(planned.coverage, 5),
        "direction_deg": planned.direction_deg,
        "spacing": planned.spacing,
        "speed_mps": planned.speed_mps,
        "route_m": round(planned.route_m, 1),
        "lines": planned.lines,
        "flights": flights,
        "preflight": findings,
        "ready": all(f.ok for f in findings),
        "plan": planned.plan,
        "mavlink": to_uploads(planned.plan),
        "files": [str(path) for path in written],
    }


def _show(planned: Planned, findings: tuple[Finding, ...], report: dict[str, Any]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    table = Table("架次 flight", "米 m", "分 min", "着陆余电 battery left", "照片 pictures")
    for number, one in enumerate(report["flights"], start=1):
        minutes = f"{one.time_s / 60:.1f}"
        table.add_row(str(number), f"{one.length_m:.0f}", minutes, f"{one.battery_left:.0%}", str(one.pictures))
    console.print(table)
    spacing = planned.spacing
    console.print(
        f"覆盖 coverage {planned.coverage:.2%}, {planned.lines} 航线 lines, 间距 apart {spacing.line_m:.1f} m, "
        f"拍照间隔 picture every {spacing.trigger_m:.1f} m, {spacing.cm_per_px:.1f} cm/px"
    )
    for finding in findings:
        console.print(f"{'✓' if finding.ok else '✗'} {finding.code}: {finding.zh} | {finding.en}", markup=False)
    for path in report["files"]:
        console.print(path, markup=False)


def _refused(words: str) -> int:
    sys.stderr.write(f"zhuomu drone: {words}\n".replace("\n", " ").rstrip() + "\n")
    return 2
