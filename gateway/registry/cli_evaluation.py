"""`zhuomu registry evaluate` and `zhuomu registry bulletin`: figures of a day or a month, and the printed ranking."""

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from edge.link.settings import SettingsError
from gateway.registry import city as places
from gateway.registry import evaluation, kept, standard
from gateway.registry.bulletin import publish
from gateway.registry.bulletin.fonts import NoFont
from gateway.registry.bulletin.words import Lang
from gateway.registry.clocks import BEIJING
from gateway.registry.evaluation import Period
from gateway.registry.opened import open_registry
from gateway.times import to_text

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout")]
Table = Annotated[Path | None, typer.Option("--standard", help="Filing standard (TOML); the demo table without it")]
Places = Annotated[Path | None, typer.Option("--city", help="The city's places (JSON); the synthetic city without it")]
Data = Annotated[Path, typer.Option(help="The registry's data directory")]
Until = Annotated[str, typer.Option(help="YYYY-MM-DD: what came later does not count; the period's end by default")]


def evaluate(
    data: Data,
    month: Annotated[str, typer.Option(help="YYYY-MM, local time")] = "",
    day: Annotated[str, typer.Option(help="YYYY-MM-DD, one local day instead of a month")] = "",
    as_of: Until = "",
    keep: Annotated[bool, typer.Option(help="Keep the figures of a period that is over")] = False,
    recompute: Annotated[bool, typer.Option(help="Reckon again and compare with what was kept, bit by bit")] = False,
    table: Table = None,
    city: Places = None,
    as_json: Json = False,
) -> None:
    """The indicators of a day or month for city, districts, subdistricts, departments, contractors. 综合评价。"""
    filing, where = read_table(table), read_city(city)
    database = open_registry(data)
    try:
        period = _period(month, day, as_of, keep or recompute)
        with database.read() as tx:
            found = kept.reckon(tx, period, filing, where) if keep or recompute else None
            body = found["figures"] if found else _figures(tx, period, filing, where)
            known = kept.stored(tx, period)
        if recompute and known is None:
            _fail(f"nothing was kept of {month or day}; --keep does, and the registry by itself when a day is over")
        if found and known and found["sha256"] != known["sha256"]:
            _fail(f"{month or day} is not what was kept: {kept.difference(known, found)}", 1)
        if found and keep:
            _keep(database, period, found)
    except evaluation.PeriodError as error:
        _fail(str(error))
    finally:
        database.close()
    show(body | {"meanings": evaluation.meanings()} | ({"kept": found["sha256"]} if found else {}), as_json)


def bulletin(
    month: Annotated[str, typer.Option(help="YYYY-MM, local time")],
    data: Data,
    out: Annotated[Path, typer.Option(help="FILE.html or FILE.pdf")],
    lang: Annotated[Lang, typer.Option(help="zh or en")] = "zh",
    api: Annotated[str, typer.Option(help="Where the registry's API is: figures lead there")] = "http://127.0.0.1:8081",
    font: Annotated[Path | None, typer.Option(help="A font with Chinese characters, for the PDF")] = None,
    table: Table = None,
    city: Places = None,
) -> None:
    """The month's ranking as one HTML or PDF file, the same bytes every time once it is over. 综合评价通报。"""
    if out.suffix not in (".html", ".pdf"):
        _fail(f"{out}: name a file that ends in .html or .pdf")
    first, filing, where = read_day(f"{month}-01"), read_table(table), read_city(city)
    database = open_registry(data)
    try:
        with database.read() as tx:
            one = publish.issue(tx, f"{first:%Y-%m}", filing, where, datetime.now(UTC), lang, api)
        content = publish.as_html(one) if out.suffix == ".html" else publish.as_pdf(one, font)
        out.write_bytes(content)
    except NoFont as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{out}: cannot be written ({error.strerror}); choose another --out")
    finally:
        database.close()
    words = "" if one.over else ", provisional: the month is not over 本月尚未结束"
    sys.stdout.write(f"{out}: {len(content)} bytes, figures {one.body['sha256']}{words}\n")


def read_table(path: Path | None) -> standard.Standard:
    """The filing standard named, or the demo one."""
    try:
        return standard.read(path) if path else standard.read()
    except SettingsError as error:
        _fail(str(error))


def read_city(path: Path | None) -> places.City:
    """The city's file named, or the synthetic city."""
    try:
        return places.read(path) if path else places.synthetic()
    except SettingsError as error:
        _fail(str(error))


def read_day(text: str) -> date:
    """YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        _fail(f"'{text}' is no day; write YYYY-MM-DD")


def show(body: dict[str, Any], as_json: bool) -> None:
    """Figures as JSON, or a line for each place."""
    if as_json:
        sys.stdout.write(json.dumps(body, ensure_ascii=False) + "\n")
        return
    for name, value in body.items():
        if isinstance(value, (str, int, float)):
            sys.stdout.write(f"{name:24} {value}\n")
    rows = body.get("rows")
    for row in rows if isinstance(rows, list) else []:
        rates = " ".join(f"{name}={figure['rate']}" for name, figure in row["indicators"].items())
        head = f"{row['level']} {row['code']} {row['group']} score={row['score']} rank={row['rank']}"
        sys.stdout.write(f"{head} {rates}\n")


def _figures(tx: Any, period: Period, filing: standard.Standard, where: places.City) -> kept.Row:
    return evaluation.bulletin(tx, period, filing, where.groups, where.served)


def _period(month: str, day: str, as_of: str, kept: bool) -> Period:
    """Raises PeriodError."""
    if kept and as_of:
        _fail("figures are kept as of their period's end; leave --as-of out")
    if bool(month) == bool(day):
        _fail("name either --month YYYY-MM or --day YYYY-MM-DD")
    until = datetime.combine(read_day(as_of), datetime.min.time(), BEIJING) if as_of else None
    if day:
        return evaluation.days(read_day(day), 1, until)
    first = read_day(f"{month}-01")
    return evaluation.month(first.year, first.month, until)


def _keep(database: Any, period: Period, found: kept.Row) -> None:
    now = datetime.now(UTC)
    if to_text(now) < period.end:
        _fail(f"the period ends at {period.end}; keep its figures afterwards")
    with database.write() as tx:
        kept.keep(tx, found, now)


def _fail(text: str, code: int = 2) -> NoReturn:
    sys.stderr.write(f"error: {text}\n")
    raise typer.Exit(code)
