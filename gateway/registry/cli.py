"""The commands of `zhuomu registry`: serve, the filing standard, the city, a simulated month, evaluation."""

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from edge.link.settings import SettingsError
from edge.link.settings import load as load_toml
from gateway.cli import Config, Data, Host, Port
from gateway.cli import registry as serve
from gateway.registry import city as places
from gateway.registry import evaluation, keys, sheet, standard
from gateway.registry.cases import Rules
from gateway.registry.cli_evaluation import (
    Json,
    Places,
    Table,
    bulletin,
    evaluate,
    read_city,
    read_day,
    read_table,
    show,
)
from gateway.registry.doors import ROLES
from gateway.registry.duty.cli import app as duty_app
from gateway.registry.opened import DATABASE, make_registry
from gateway.registry.reward.cli import app as reward_app
from gateway.registry.simulate import REPORTS_A_DAY, Simulation
from gateway.registry.standard_check import problems, refuse
from gateway.registry.standard_toml import text_of
from gateway.registry.store import Registry
from gateway.registry.summary import outcome
from gateway.registry.trust.cli import app as trust_app

app = typer.Typer(no_args_is_help=False, help="The embedded case registry. 案件库。")
table_app = typer.Typer(no_args_is_help=True, help="The filing standard. 立案标准。")
app.add_typer(table_app, name="standard")
app.add_typer(trust_app, name="trust")
app.add_typer(reward_app, name="reward")
app.add_typer(duty_app, name="duty")


@app.callback(invoke_without_command=True)
def registry(
    context: typer.Context, config: Config = None, data: Data = None, host: Host = None, port: Port = None
) -> None:
    """The embedded case registry: file, dispatch, dispose, check, close. 案件库。"""
    if context.invoked_subcommand is None:
        serve(config, data, host, port)


@app.command()
def key(
    name: Annotated[str, typer.Argument(help="Who will hold it, for example gateway")],
    file: Annotated[Path, typer.Argument(help="Where to put it, for its holder alone")],
    role: Annotated[str, typer.Option(help="gateway, reader, evaluation or payroll")] = "gateway",
) -> None:
    """A service key into FILE; prints the table for the registry's settings. 服务密钥。"""
    known = next((one for one in ROLES if one == role), None)
    if known is None:
        _fail(f"there is no role '{role[:64]}'; there are {', '.join(ROLES)}", 2)
    try:
        sys.stdout.write(keys.make(name, known, file))
    except OSError as error:
        _fail(f"{file}: {error.strerror}", 1)


@table_app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="The table (TOML)")],
    before: Annotated[Path | None, typer.Option(help="The version that it follows: every code must lead on")] = None,
) -> None:
    """Is this table free of contradictions? One line for each; exit code 1 if there are any. 检查立案标准。"""
    try:
        table = load_toml(file, standard.Standard)
        older = load_toml(before, standard.Standard) if before else None
    except SettingsError as error:
        _fail(str(error), 1)
    found = problems(table, older)
    for problem in found:
        sys.stderr.write(f"{file}: {problem}\n")
    if found:
        raise typer.Exit(1)
    sys.stdout.write(f"{file}: version {table.version} of {table.city}: {len(table.classes)} classes, in order\n")


@table_app.command("import")
def import_table(
    file: Annotated[Path, typer.Argument(help="The city's table (.xlsx or .csv)")],
    version: Annotated[str, typer.Option(help="Name of this version, for example 2026-1")],
    city: Annotated[str, typer.Option(help="Whose table it is")],
    out: Annotated[Path, typer.Option(help="TOML file to write")],
) -> None:
    """A city's spreadsheet into a table that runs; one line for every bad row, and then nothing is written."""
    try:
        table, bad = sheet.load(file, version, city)
        for line in bad:
            sys.stderr.write(f"{file}: {line}\n")
        if table is None:
            raise typer.Exit(1)
        refuse(file, table)
        out.write_text(text_of(table), encoding="utf-8")
    except (sheet.SheetError, SettingsError, msgspec.ValidationError) as error:
        _fail(str(error), 1)
    except OSError as error:
        _fail(f"{out}: cannot be written ({error.strerror}); choose another --out", 1)
    sys.stdout.write(f"{out}: {len(table.classes)} classes; look over its stages, parties' groups and score\n")


@app.command("city")
def city(out: Annotated[Path | None, typer.Option(help="File to write; stdout without it")] = None) -> None:
    """The synthetic city as JSON: an example of what a city's own file looks like. 样例城市。"""
    body = msgspec.json.format(msgspec.json.encode(places.synthetic()), indent=1).decode() + "\n"
    if out is None:
        sys.stdout.write(body)
    else:
        out.write_text(body, encoding="utf-8")


@app.command("simulate")
def simulate(
    days: Annotated[int, typer.Option(min=1, max=366, help="Local days")] = 30,
    seed: Annotated[int, typer.Option(help="One seed, one month")] = 1,
    start: Annotated[str, typer.Option(help="First day, YYYY-MM-DD")] = "2026-10-01",
    reports: Annotated[int, typer.Option(min=1, max=100_000, help="Reports a day")] = REPORTS_A_DAY,
    data: Annotated[Path | None, typer.Option(help="Keep the database in this empty directory")] = None,
    table: Table = None,
    city: Places = None,
    as_json: Json = False,
) -> None:
    """A simulated month of the city through the registry, with its indicators. 模拟运行。"""
    first, filing, where = read_day(start), read_table(table), read_city(city)
    if data is not None and (data / DATABASE).exists():
        _fail(f"{data / DATABASE} exists already; name an empty directory, or evaluate it")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        folder = data or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        database = make_registry(folder)
        crews = tuple(f"crew-{n}" for n in range(1, 21))
        registry = Registry(database, filing, Rules(crews=crews), frozenset(), lambda: datetime.now(UTC), where)
        simulation = Simulation(registry, filing, where, seed)
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
            task = progress.add_task("simulate", total=days * 12)
            for _now in simulation.run(first, days, reports):
                progress.advance(task)
        body = {"seed": seed, "days": days, "start": start}
        with database.read() as tx:
            period = evaluation.days(first, days)
            body |= outcome(tx, evaluation.bulletin(tx, period, filing, where.groups, where.served))
        database.close()
    show(body | {"elapsed_s": round(time.monotonic() - began, 1)}, as_json)


app.command("evaluate")(evaluate)
app.command("bulletin")(bulletin)


def _fail(text: str, code: int = 2) -> NoReturn:
    sys.stderr.write(f"error: {text}\n")
    raise typer.Exit(code)
