"""`zhuomu registry reward`: first-reporter rewards from the decision to the month's payment."""

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from edge.link.settings import SettingsError
from gateway.database import Database, SchemaMismatch, sqlite_url
from gateway.registry import citizen_tables
from gateway.registry import city as places
from gateway.registry.opened import open_registry
from gateway.registry.reward import lists, month, payees
from gateway.registry.reward.ledger import START
from gateway.registry.reward.run import NoPolicy, Rewards
from gateway.registry.reward.verify import verify as verify_ledger

app = typer.Typer(no_args_is_help=True, help="First-reporter rewards. 首报奖励。")
Data = Annotated[Path, typer.Option(help="The registry's data directory")]
Places = Annotated[Path | None, typer.Option("--city", help="The city's file (JSON); the synthetic city without it")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout")]
Month = Annotated[str, typer.Argument(help="YYYY-MM")]
CITIZENS = "citizens.sqlite3"


@app.command("run")
def run(data: Data, city: Places = None, as_json: Json = False) -> None:
    """Decide what is ripe and take back what was cancelled. The registry does this by itself, once an hour. 评定。"""
    with _books(data) as (registry, citizens):
        try:
            found = Rewards(registry, citizens, _city(city)).run(datetime.now(UTC))
        except NoPolicy as error:
            _fail(str(error))
    _print({name: many for name, many in sorted(found.items()) if many}, as_json)


@app.command("list")
def listed(
    data: Data,
    outcome: Annotated[str, typer.Option(help="open, rewarded, refused or reversed; all without it")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 200,
    as_json: Json = False,
) -> None:
    """People's reports, each with what was decided and why. 报告与评定。"""
    if outcome not in ("", "open", "rewarded", "refused", "reversed"):
        _fail(f"--outcome '{outcome}': write open, rewarded, refused or reversed")
    with _books(data) as (registry, _citizens), registry.read() as tx:
        rows = lists.reports(tx, outcome, limit)
    if as_json:
        _print({"reports": rows}, True)
        return
    for row in rows:
        word = row["outcome"] or "open"
        first = f"first {row['first_case']}" if row["first_case"] else ""
        sys.stdout.write(f"{row['case_id']} {word:9} {row['why']:17} {lists.yuan(row['amount']):>7} {first}\n")


@app.command("month")
def one_month(
    month_text: Month,
    data: Data,
    approve: Annotated[str, typer.Option(help="Approve it, as this person; the month must be over")] = "",
    out: Annotated[Path | None, typer.Option(help="Write the list with names to FILE.csv or FILE.xlsx")] = None,
    city: Places = None,
    as_json: Json = False,
) -> None:
    """A month's list: who is owed what, and what is deducted from whom; sealed when it is approved. 月度清单。"""
    _month(month_text)
    if out is not None and out.suffix not in (".csv", ".xlsx"):
        _fail(f"{out}: name a file that ends in .csv or .xlsx")
    with _books(data) as (registry, citizens):
        try:
            with registry.write() as tx:
                seal = month.approve(tx, month_text, approve, _now()) if approve else month.sealed(tx, month_text)
                body = month.listed(seal) if seal else month.draw_up(tx, month_text)
        except month.NotNow as error:
            _fail(str(error))
        if out is not None:
            _write(out, body, seal, citizens, _city(city))
    state = _state(seal)
    _print(body | {"state": state, "seal": seal["hash"] if seal else ""}, as_json)


@app.command("settle")
def settle(
    month_text: Month, data: Data, person: Annotated[str, typer.Option(help="Who says that it was paid")]
) -> None:
    """An approved list was paid. Once, and by somebody else than who approved it. 发放。"""
    _month(month_text)
    with _books(data) as (registry, _citizens):
        try:
            with registry.write() as tx:
                body = month.listed(month.settle(tx, month_text, person, _now()))
        except month.NotNow as error:
            _fail(str(error))
    sys.stdout.write(f"{month_text}: {lists.yuan(body['paid'])} yuan to {len(body['people'])} people\n")


@app.command("verify")
def verify(
    data: Data,
    expect: Annotated[str, typer.Option(help="A hash from an older list: it must stand in the ledger")] = "",
    as_json: Json = False,
) -> None:
    """Is the ledger what was written? Exit code 1 when it is not. 核验账本。"""
    with _books(data) as (registry, _citizens), registry.read() as tx:
        found = verify_ledger(tx, expect)
    for problem in found.problems:
        sys.stderr.write(f"{problem}\n")
    body = {"ok": not found.problems, "rows": found.rows, "months": found.seals, "head": found.head}
    _print(body, as_json)
    if found.problems:
        raise typer.Exit(1)


@app.command("insiders")
def insiders(file: Annotated[Path, typer.Argument(help="CSV: phone:NUMBER, contractor's code")], data: Data) -> None:
    """Replace the list of contractors' own people, who get no reward; kept with the citizens' data. 承包单位人员。"""
    with _books(data) as (_registry, citizens):
        if citizens is None:
            _fail(f"{data / CITIZENS}: no such database; open the citizens' door first")
        try:
            with file.open(encoding="utf-8-sig", newline="") as lines, citizens.write() as tx:
                many = payees.name_insiders(
                    tx, [(row[0], row[1] if len(row) > 1 else "") for row in csv.reader(lines) if row]
                )
        except OSError as error:
            _fail(f"{file}: cannot be read ({error.strerror}); mend the path")
        except (payees.BadIdentity, UnicodeDecodeError) as error:
            _fail(f"{file}: {error}")
    sys.stdout.write(f"{many} people get no reward\n")


def _write(
    out: Path, body: dict[str, Any], seal: dict[str, Any] | None, citizens: Database | None, city: places.City
) -> None:
    people = [one["person"] for one in body["people"]]
    contacts: dict[str, dict[str, str]] = {}
    if citizens is not None:
        with citizens.read() as tx:
            contacts = payees.contacts(tx, people)
    rows = lists.payments(body, contacts, city.reward.channels if city.reward else ())
    lines = lists.table(body, rows, _state(seal))
    lines += [["封签 seal", seal["hash"] if seal else START]]
    try:
        out.write_bytes(lists.as_csv(lines) if out.suffix == ".csv" else lists.as_xlsx(lines))
    except OSError as error:
        _fail(f"{out}: cannot be written ({error.strerror}); choose another --out")


def _state(seal: dict[str, Any] | None) -> str:
    if seal is None:
        return "draft 草稿"
    if seal["settled_at"]:
        return f"settled 已发放 {seal['settled_by']} {seal['settled_at'][:10]}"
    return f"approved 已批准 {seal['approved_by']} {seal['approved_at'][:10]}"


@contextmanager
def _books(data: Path) -> Iterator[tuple[Database, Database | None]]:
    registry, path = open_registry(data), data / CITIZENS
    try:
        known = citizen_tables
        citizens = (
            Database(sqlite_url(path), known.metadata, known.SCHEMA_VERSION, known.MIGRATIONS)
            if path.exists()
            else None
        )
    except SchemaMismatch as error:
        _fail(str(error))
    try:
        yield registry, citizens
    finally:
        registry.close()
        if citizens is not None:
            citizens.close()


def _city(path: Path | None) -> places.City:
    try:
        return places.read(path) if path else places.synthetic()
    except SettingsError as error:
        _fail(str(error))


def _month(text: str) -> None:
    try:
        datetime.strptime(text, "%Y-%m")
    except ValueError:
        _fail(f"'{text}' is no month; write YYYY-MM")


def _now() -> datetime:
    return datetime.now(UTC)


def _print(body: dict[str, Any], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(body, ensure_ascii=False) + "\n")
        return
    for name, value in body.items():
        if isinstance(value, list):
            for row in value:
                sys.stdout.write(f"  {' '.join(str(part) for part in row.values())}\n")
        else:
            sys.stdout.write(f"{name:12} {value}\n")


def _fail(text: str) -> NoReturn:
    sys.stderr.write(f"error: {text}\n")
    raise typer.Exit(2)
