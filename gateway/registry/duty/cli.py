"""`zhuomu registry duty`: check a plan, who is on duty, a sample plan, a simulated week. 值班与派遣。"""

import json
import sys
import tempfile
import time
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from edge.link.settings import SettingsError
from gateway.database import Database, sqlite_url
from gateway.registry import city as places
from gateway.registry import standard, tables
from gateway.registry.clocks import BEIJING
from gateway.registry.duty import audit, check, now, office, plan, sample
from gateway.registry.duty.simulate import REPORTS_A_DAY, Week
from gateway.registry.migrations import MIGRATIONS
from gateway.times import utc_now

app = typer.Typer(no_args_is_help=True, help="Duty, patrol areas, routing. 值班、巡区与派遣。")
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout")]
Table = Annotated[Path | None, typer.Option("--standard", help="Filing standard (TOML); the demo table without it")]
Places = Annotated[Path | None, typer.Option("--city", help="The city's places (JSON); the synthetic city without it")]
PlanFile = Annotated[Path | None, typer.Option("--plan", help="Duty plan (TOML, JSON); the sample without it")]


@app.command("check")
def check_(
    file: Annotated[Path, typer.Argument(help="The duty plan (TOML or JSON)")], city: Places = None, table: Table = None
) -> None:
    """Is this plan free of contradictions? One line for each; exit code 1 if there are any. 检查值班表。"""
    try:
        found, where, filing = plan.read(file), _city(city), _table(table)
    except SettingsError as error:
        _fail(str(error), 1)
    faults = check.problems(found, where, filing)
    for fault in faults:
        sys.stderr.write(f"{file}: {fault}\n")
    if faults:
        raise typer.Exit(1)
    for gap in check.gaps(found, filing.work_time.calendar):
        sys.stdout.write(f"{file}: note: {gap}\n")
    many = f"{len(found.crews)} crews, {len(found.leaders)} leaders, {len(found.shifts)} shifts"
    sys.stdout.write(f"{file}: version {found.version} of {found.city}: {many}, in order\n")


@app.command("now")
def now_(
    file: PlanFile = None,
    at: Annotated[
        str, typer.Option(help="Instant, e.g. 2026-11-24T06:10; local without an offset; now by default")
    ] = "",
    city: Places = None,
    table: Table = None,
    as_json: Json = False,
) -> None:
    """Leaders and crews on duty, until when, and areas without a crew. 当前值班。"""
    body = now.on_duty(_office(file, city, table), _instant(at), {})
    if as_json:
        sys.stdout.write(json.dumps(body, ensure_ascii=False) + "\n")
        return
    local = datetime.fromisoformat(body["at"]).astimezone(BEIJING)
    sys.stdout.write(f"{local:%Y-%m-%d %H:%M} 计划 plan {body['plan']}\n")
    for leader in body["leaders"]:
        part = ",".join(leader["districts"]) or "全市 city"
        sys.stdout.write(
            f"值班领导 leader {leader['name']} {leader['person']} {part} 至 until {_clock(leader['until'])}\n"
        )
    for crew in body["crews"]:
        areas = ",".join(crew["areas"]) if len(crew["areas"]) <= 4 else f"{len(crew['areas'])} areas"
        sys.stdout.write(f"班组 crew {crew['name']} {crew['kind']} {areas} 至 until {_clock(crew['until'])}\n")
    for area in body["areas_without_crew"]:
        sys.stdout.write(f"无人 nobody {area}\n")


@app.command("sample")
def sample_(out: Annotated[Path | None, typer.Option(help="JSON file to write; stdout without it")] = None) -> None:
    """The synthetic city's plan: an example of what a city's own looks like. 样例值班表。"""
    body = msgspec.json.format(msgspec.json.encode(sample.plan(places.synthetic())), indent=1).decode() + "\n"
    if out is None:
        sys.stdout.write(body)
        return
    try:
        out.write_text(body, encoding="utf-8")
    except OSError as error:
        _fail(f"{out}: cannot be written ({error.strerror}); choose another --out")


@app.command("simulate")
def simulate(
    days: Annotated[int, typer.Option(min=1, max=31, help="Local days")] = 7,
    seed: Annotated[int, typer.Option(help="One seed, one week")] = 1,
    start: Annotated[str, typer.Option(help="First day, YYYY-MM-DD")] = "2026-09-28",
    reports: Annotated[int, typer.Option(min=1, max=20_000, help="Reports a day")] = REPORTS_A_DAY,
    file: PlanFile = None,
    city: Places = None,
    table: Table = None,
    as_json: Json = False,
) -> None:
    """A week's routing: loads, rings, urgings, handovers; exit code 1 if anybody got what they may not. 派遣模拟。"""
    first, filing, where, duty = _day(start), _table_or_fail(table), _city_or_fail(city), _office(file, city, table)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        url = sqlite_url(Path(scratch) / "registry.sqlite3")
        database = Database(url, tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
        week = Week(database, filing, where, duty, seed)
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
            task = progress.add_task("simulate", total=days * 144)
            for _now in week.run(first, days, reports):
                progress.advance(task)
        with database.read() as tx:
            body = {"seed": seed, "days": days, "start": start, **audit.outcome(tx, duty)}
        database.close()
    body["elapsed_s"] = round(time.monotonic() - began, 1)
    if as_json:
        sys.stdout.write(json.dumps(body, ensure_ascii=False) + "\n")
    else:
        for name, value in body.items():
            sys.stdout.write(f"{name:24} {value}\n")
    if body["violations"]:
        raise typer.Exit(1)


def _office(file: Path | None, city: Path | None, table: Path | None) -> office.Office:
    where, filing = _city_or_fail(city), _table_or_fail(table)
    try:
        found = check.read(file, where, filing) if file else sample.plan(where)
    except SettingsError as error:
        _fail(str(error))
    return office.build(found, where, filing.work_time)


def _city(path: Path | None) -> places.City:
    return places.read(path) if path else places.synthetic()


def _table(path: Path | None) -> standard.Standard:
    return standard.read(path) if path else standard.read()


def _city_or_fail(path: Path | None) -> places.City:
    try:
        return _city(path)
    except SettingsError as error:
        _fail(str(error))


def _table_or_fail(path: Path | None) -> standard.Standard:
    try:
        return _table(path)
    except SettingsError as error:
        _fail(str(error))


def _instant(text: str) -> datetime:
    if not text:
        return utc_now()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        _fail(f"--at '{text}' is no instant; write for example 2026-11-24T06:10")
    return found if found.tzinfo else found.replace(tzinfo=BEIJING)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        _fail(f"--start '{text}' is no day; write YYYY-MM-DD")


def _clock(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(BEIJING):%m-%d %H:%M}"


def _fail(text: str, code: int = 2) -> NoReturn:
    sys.stderr.write(f"error: {text}\n")
    raise typer.Exit(code)
