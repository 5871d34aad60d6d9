"""A registry's database with very many cases, fast: one week that the real loop played, told again for other weeks.

A week's reports are played by `gateway.registry.simulate` through the registry's own code, and played on without new
reports until what ends has ended. Every other week is the same rows with all dates moved by whole weeks and every
incident's name made another. That is exactly what the loop itself writes for that week, as long as no holiday falls in
(the calendar here knows weekends alone, and China has no daylight saving): `sample_problem` plays one of the weeks and
compares every row.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
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

FIRST = date(2026, 11, 9)  # a Monday; the newest week but one, whose cases are still under way
DAYS = 7
QUIET_DAYS = 28  # after a week's last report, until all its cases have ended that ever do
CREWS = 20
TABLES = (tables.cases, tables.events, tables.outcomes)
ORDERS = {"cases": "case_id", "events": "n", "outcomes": "case_id"}
# A date in either form, or the beginning of an incident's name.
_MOVES = re.compile(r"\b20\d\d(?:-\d\d-\d\d(?=T)|\d{4}(?=-\d{6}))|\bsim-(?=\d)")
Rows = list[list[Any]]


@dataclass(frozen=True)
class Told:
    """Rows of every table as JSON text of what the database stores, columns as `_columns` names them."""

    text: dict[str, str]
    cases: int
    events: int


@dataclass(frozen=True)
class Week:
    """One played week: under way when its last day ends; when all has ended; and as it is when nobody looks at
    anything, which makes the desk's backlog."""

    running: Told
    ended: Told
    waiting: Told


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
        running = _told(database)
        _run(simulation, first + timedelta(days=DAYS), QUIET_DAYS, 0)
        ended = _told(database)
    with _played(_Unseen, first, reports, seed) as (database, _):
        return Week(running, ended, _told(database))


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


def moved(told: Told, weeks: int) -> dict[str, Rows]:
    """The same rows of every table, so many weeks earlier (a negative number: later)."""

    @cache
    def there(found: str) -> str:
        if found == "sim-":
            return f"sim-{weeks}w-"
        day = date.fromisoformat(found) - timedelta(weeks=weeks)
        return day.isoformat() if "-" in found else f"{day:%Y%m%d}"

    return {name: _rows(name, _MOVES.sub(lambda match: there(match[0]), text)) for name, text in told.text.items()}


def sample_problem(reports: int, weeks: int, seed: int) -> str:
    """What differs between a week told again and the same one played by the real loop; "" when every row is equal, bit
    by bit as it is stored, but for the incidents' names, which are alike in all played weeks."""
    real = play(FIRST - timedelta(weeks=weeks), reports, seed).ended.text
    for name, ours in moved(play(FIRST, reports, seed).ended, weeks).items():
        theirs = _rows(name, re.sub(r"\bsim-(?=\d)", f"sim-{weeks}w-", real[name]))
        if len(ours) != len(theirs):
            return f"{name}: {len(ours)} rows told again, {len(theirs)} played"
        for mine, played in zip(ours, theirs, strict=True):
            if mine != played:
                return f"{name}: told again {mine}, played {played}"
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
        told = {-1: week.waiting, 0: week.running}.get(back, week.ended)
        rows = moved(told, back)
        for database in databases:
            with database.write() as tx:
                for table in TABLES:
                    _insert(tx, table, rows[table.name])
                _count_numbers(tx, rows["cases"])
        many += told.cases
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


def _columns(table: sa.Table) -> list[str]:
    """All but the events' numbers, which the database gives anew."""
    return [column.name for column in table.columns if column.name != "n"]


def _told(database: Database) -> Told:
    text, sizes = dict[str, str](), dict[str, int]()
    with database.read() as tx:
        for table in TABLES:
            names = ", ".join(f'"{name}"' for name in _columns(table))
            found = tx.exec_driver_sql(f"SELECT {names} FROM {table.name} ORDER BY {ORDERS[table.name]}")
            rows = [[v.decode() if isinstance(v, bytes) else v for v in row] for row in found]
            text[table.name] = msgspec.json.encode(rows).decode()
            sizes[table.name] = len(rows)
    return Told(text, sizes["cases"], sizes["events"])


def _rows(name: str, text: str) -> Rows:
    rows = msgspec.json.decode(text, type=Rows)
    if name == tables.cases.name:
        body = _columns(tables.cases).index("body")
        for row in rows:
            row[body] = row[body].encode()
    return rows


def _insert(tx: sa.Connection, table: sa.Table, rows: Rows) -> None:
    names = _columns(table)
    listed = ", ".join(f'"{name}"' for name in names)
    if tx.dialect.name == "sqlite":
        marks = ", ".join("?" * len(names))
        tx.exec_driver_sql(f"INSERT INTO {table.name} ({listed}) VALUES ({marks})", [tuple(row) for row in rows])
        return
    raw: Any = tx.connection.driver_connection
    with raw.cursor() as cursor, cursor.copy(f"COPY {table.name} ({listed}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _count_numbers(tx: sa.Connection, rows: Rows) -> None:
    """The counters from which case numbers come."""
    last: dict[str, int] = {}
    for row in rows:
        day, _, number = row[0].partition("-")
        last[day] = max(last.get(day, 0), int(number))
    tx.execute(sa.insert(tables.counters), [{"name": f"case-{day}", "value": n} for day, n in last.items()])
