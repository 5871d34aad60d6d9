"""A registry's database with very many cases, fast: one week that the real loop played, told again for other weeks.

A week's reports are played by `gateway.registry.simulate` through the registry's own code, and played on without new
reports until what ends has ended. Every other week is the same rows with all dates moved by whole weeks and every
incident's name made another. That is exactly what the loop itself writes for that week, as long as no holiday falls in
(the calendar here knows weekends alone, and China has no daylight saving): `sample_problem` plays one of the weeks and
compares every row.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import chinese_calendar.constants
import msgspec
import sqlalchemy as sa

from gateway.database import Database, sqlite_url
from gateway.registry import city, standard, tables
from gateway.registry.cases import Rules
from gateway.registry.migrations import MIGRATIONS
from gateway.registry.simulate import Simulation
from gateway.registry.standard import Standard
from gateway.registry.store import Registry, Work

FIRST = date(2026, 11, 9)  # a Monday; the newest week, whose cases are still under way
DAYS = 7
QUIET_DAYS = 28  # after a week's last report, until all its cases have ended that ever do
CREWS = 20
TABLES = (tables.cases, tables.events, tables.outcomes)
_DATES = re.compile(r"\b(20\d\d)(-?)(\d\d)\2(\d\d)(?=[-T])|\bsim-(?=\d)")
Row = dict[str, Any]
Rows = dict[str, list[Row]]


@dataclass(frozen=True)
class Week:
    """One played week as rows of every table: under way when its last day ends; when all has ended; and as it is when
    nobody looks at anything, which makes the desk's backlog."""

    running: Rows
    ended: Rows
    waiting: Rows


def plain_standard() -> Standard:
    """The demo table with a calendar of weekends alone: every published holiday is a city's own working day or not."""
    table = standard.read()
    published = {*chinese_calendar.constants.holidays, *chinese_calendar.constants.workdays}
    clock = msgspec.structs.replace(
        table.clock,
        holidays=sorted(day for day in published if day.weekday() >= 5),
        workdays=sorted(day for day in published if day.weekday() < 5),
    )
    return msgspec.structs.replace(table, clock=clock)


def play(first: date, reports: int, seed: int) -> Week:
    """A week of `reports` cases from `first` (a Monday) through the registry's own code."""
    with _played(Simulation, first, reports, seed) as (database, simulation):
        running = _rows(database)
        _run(simulation, first + timedelta(days=DAYS), QUIET_DAYS, 0)
        ended = _rows(database)
    with _played(_Unseen, first, reports, seed) as (database, _):
        return Week(running, ended, _rows(database))


class _Unseen(Simulation):
    """Reports alone; nobody does anything about them."""

    def _turn(self, work: Work, todo: Any) -> None:
        if todo.turn == "report":
            super()._turn(work, todo)


@contextmanager
def _played(kind: type[Simulation], first: date, reports: int, seed: int) -> Iterator[tuple[Database, Simulation]]:
    with TemporaryDirectory() as folder:
        url = sqlite_url(Path(folder) / "week.sqlite3")
        database = Database(url, tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
        table, places = plain_standard(), city.synthetic()
        crews = tuple(f"crew-{n}" for n in range(1, CREWS + 1))
        registry = Registry(database, table, Rules(crews=crews), frozenset(), lambda: datetime.now(UTC), places)
        simulation = kind(registry, table, places, seed)
        _run(simulation, first, DAYS, -(-reports // DAYS))
        yield database, simulation
        database.close()


def moved(rows: Iterable[Row], weeks: int) -> Iterator[Row]:
    """The same rows so many weeks earlier."""
    for row in rows:
        yield {name: _moved(value, weeks) if name != "n" else value for name, value in row.items()}


def sample_problem(week: Week, weeks: int, reports: int, seed: int) -> str:
    """What differs between a week told again and the same one played by the real loop; "" when every row is equal."""
    real = play(FIRST - timedelta(weeks=weeks), reports, seed).ended
    for name, rows in real.items():
        told = [_decoded(row) for row in moved(week.ended[name], weeks)]
        # Real weeks call their incidents alike; told ones carry their week's number.
        mine = [_decoded(_renamed(row, weeks)) for row in rows]
        if len(told) != len(mine):
            return f"{name}: {len(told)} rows told again, {len(mine)} played"
        for ours, theirs in zip(told, mine, strict=True):
            if ours != theirs:
                return f"{name}: told again {ours}, played {theirs}"
    return ""


def fill(databases: Sequence[Database], week: Week, weeks: int) -> Iterator[int]:
    """`weeks` weeks, at least three: the newest is the backlog, the one before it under way, the others have ended.
    Secondary indexes are built at the end. Yields the cases after each week."""
    for database in databases:
        with database.write() as tx:
            for table in TABLES:
                for index in table.indexes:
                    index.drop(tx)
    many = 0
    for back in reversed(range(-1, weeks - 1)):
        part = {-1: week.waiting, 0: week.running}.get(back, week.ended)
        rows = {name: list(moved(part[name], back)) for name in part}
        for database in databases:
            with database.write() as tx:
                for table in TABLES:
                    _insert(tx, table, rows[table.name])
                _count_numbers(tx, rows["cases"])
        many += len(rows["cases"])
        yield many
    for database in databases:
        with database.write() as tx:
            for table in TABLES:
                for index in sorted(table.indexes, key=lambda index: str(index.name)):
                    index.create(tx)
        settle(database)


def settle(database: Database) -> None:
    """What PostgreSQL's autovacuum does by itself after a while: statistics, and pages known to be seen by all. SQLite
    gets nothing, as in service."""
    if not database.is_sqlite:
        with _autocommit(database) as connection:
            connection.execute(sa.text("VACUUM ANALYZE"))


@contextmanager
def _autocommit(database: Database) -> Iterator[sa.Connection]:
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def _run(simulation: Simulation, first: date, days: int, a_day: int) -> None:
    for _now in simulation.run(first, days, a_day):
        pass


def _rows(database: Database) -> Rows:
    orders = {"cases": tables.cases.c.case_id, "events": tables.events.c.n, "outcomes": tables.outcomes.c.case_id}
    with database.read() as tx:
        return {
            table.name: [dict(row) for row in tx.execute(sa.select(table).order_by(orders[table.name])).mappings()]
            for table in TABLES
        }


def _insert(tx: sa.Connection, table: sa.Table, rows: list[Row]) -> None:
    """Events get their numbers anew."""
    columns = [column for column in table.columns if column.name != "n"]
    if tx.dialect.name == "sqlite":
        tx.execute(sa.insert(table), [{c.name: row[c.name] for c in columns} for row in rows])
        return
    raw = tx.connection.driver_connection
    assert raw is not None
    from psycopg.types.json import Json

    json_columns = {c.name for c in columns if isinstance(c.type, sa.JSON)}
    names = ", ".join(f'"{c.name}"' for c in columns)
    with raw.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([Json(row[c.name]) if c.name in json_columns else row[c.name] for c in columns])


def _count_numbers(tx: sa.Connection, rows: list[Row]) -> None:
    """The counters from which case numbers come."""
    last: dict[str, int] = {}
    for row in rows:
        day, _, number = row["case_id"].partition("-")
        last[day] = max(last.get(day, 0), int(number))
    tx.execute(sa.insert(tables.counters), [{"name": f"case-{day}", "value": n} for day, n in last.items()])


def _moved(value: Any, weeks: int) -> Any:
    if isinstance(value, str):
        return _text(value, weeks)
    if isinstance(value, bytes):
        return _text(value.decode(), weeks).encode()
    if isinstance(value, dict):
        return msgspec.json.decode(_text(msgspec.json.encode(value).decode(), weeks))
    return value


def _text(text: str, weeks: int) -> str:
    return _DATES.sub(lambda match: _day(match[0], weeks), text)


@lru_cache(maxsize=100_000)
def _day(found: str, weeks: int) -> str:
    """A date in either form, so many weeks earlier; or the beginning of an incident's name with the week's number."""
    if found.startswith("sim-"):
        return f"sim-{weeks}w-"
    there = date.fromisoformat(found) - timedelta(weeks=weeks)
    return there.isoformat() if "-" in found else f"{there:%Y%m%d}"


def _renamed(row: Row, weeks: int) -> Row:
    def renamed(value: Any) -> Any:
        if isinstance(value, str):
            return re.sub(r"\bsim-(?=\d)", f"sim-{weeks}w-", value)
        if isinstance(value, bytes):
            return renamed(value.decode()).encode()
        if isinstance(value, dict):
            return msgspec.json.decode(renamed(msgspec.json.encode(value).decode()))
        return value

    return {name: renamed(value) for name, value in row.items()}


def _decoded(row: Row) -> Row:
    return {name: msgspec.json.decode(value) if isinstance(value, bytes) else value for name, value in row.items()}
