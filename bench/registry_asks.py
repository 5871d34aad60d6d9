"""What a desk asks of the registry, at random places and times, and how the database means to answer it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import sqlalchemy as sa

from bench.registry_fill import DAYS, FIRST
from gateway.database import Database
from gateway.registry import city, desk, evaluation, queries, tables
from gateway.registry.clocks import BEIJING
from gateway.tiles import Box

Ask = Callable[[sa.Connection, Random], object]
PLACES = city.synthetic()
CITY_BOX = Box(
    min(cell.south for cell in PLACES.cells),
    min(cell.west for cell in PLACES.cells),
    max(cell.north for cell in PLACES.cells),
    max(cell.east for cell in PLACES.cells),
)
NOW = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=BEIJING) + timedelta(days=2 * DAYS)
RECENT = timedelta(days=31)
CODES = ("04-01", "04-05", "02-01", "04-10")
MONTH = (2026, 10)
FEED = 500
# One answer of these may read a table whole: they count the whole city's month.
EVALUATION = "evaluation"


@dataclass(frozen=True)
class Sampled:
    """What there is to ask about: numbers of cases, the last event."""

    case_ids: tuple[str, ...]
    newest_event: int


def sampled(database: Database, seed: int, many: int = 400) -> Sampled:
    """Cases of all ages, the same for the same rows."""
    c, pick = tables.cases.c.case_id, Random(seed)
    days = [f"{FIRST - timedelta(days=n):%Y%m%d}" for n in range(-2 * DAYS, 366 * 2)]
    found: list[str] = []
    with database.read() as tx:
        counters = {row.name: row.value for row in tx.execute(sa.select(tables.counters))}
        last = {day: counters[f"case-{day}"] for day in days if f"case-{day}" in counters}
        wanted = [f"{day}-{pick.randint(1, last[day]):06d}" for day in pick.choices(list(last), k=many)]
        found = sorted(set(tx.scalars(sa.select(c).where(c.in_(wanted)))))
        return Sampled(tuple(found), queries.newest_event(tx))


def asks(known: Sampled) -> dict[str, Ask]:
    """Name -> one question with parameters drawn anew."""
    return {
        "map_street": lambda tx, pick: desk.map_view(tx, _box(pick, 0.005)),
        "map_district": lambda tx, pick: desk.map_view(tx, _box(pick, 0.03)),
        "map_city": lambda tx, _pick: desk.map_view(tx, CITY_BOX),
        "map_city_class": lambda tx, pick: desk.map_view(tx, CITY_BOX, class_codes=[pick.choice(CODES)]),
        "map_street_month": lambda tx, pick: desk.map_view(tx, _box(pick, 0.005), since=NOW - RECENT),
        "map_city_month": lambda tx, _pick: desk.map_view(tx, CITY_BOX, since=NOW - RECENT),
        "queue": lambda tx, _pick: desk.queue(tx),
        "queue_place": lambda tx, pick: desk.queue(tx, where=desk.Filter(subdistrict=_street(pick))),
        "queue_place_class": lambda tx, pick: desk.queue(
            tx, where=desk.Filter(subdistrict=_street(pick), class_code=pick.choice(CODES))
        ),
        "queue_nobodys": lambda tx, _pick: desk.queue(tx, where=desk.Filter(department="no such department")),
        "queue_deep": lambda tx, pick: desk.queue(tx, after=_number(pick)),
        "case_page": lambda tx, pick: _there(desk.case_page(tx, pick.choice(known.case_ids))),
        "search_number": lambda tx, pick: _there(desk.search(tx, pick.choice(known.case_ids), NOW.date())),
        "search_end": lambda tx, pick: desk.search(tx, str(pick.randint(1, 4000)), NOW.date()),
        "events": lambda tx, pick: _there(queries.event_feed(tx, pick.randrange(known.newest_event), FEED)),
        "events_newest": lambda tx, _pick: queries.newest_event(tx),
        "cases_listed": lambda tx, pick: queries.case_list(tx, "closed", _number(pick), 100),
        "cases_known": lambda tx, _pick: queries.cases_ever(tx),
        EVALUATION: lambda tx, _pick: evaluation.count(tx, evaluation.month(*MONTH)),
    }


@dataclass(frozen=True)
class Statement:
    """One statement with its parameters, as the driver takes them."""

    text: str
    values: Any


def plans(database: Database, ask: Ask, pick: Random) -> list[str]:
    """How the database answers each statement of a question, one line a step; the question is really asked."""
    found: list[str] = []
    with database.read() as tx:
        with _heard(database.engine) as statements:
            ask(tx, pick)
        for statement in statements:
            found += _plan(tx, statement)
    return found


LARGE = ("cases", "events", "outcomes")


def whole_tables(plan: list[str], large: Sequence[str] = LARGE) -> list[str]:
    """The steps of a plan that read all of a large table or of one of its indexes."""
    sqlite = [step for step in plan if step.startswith("SCAN ") and step.split()[1] in large]
    return sqlite + [step for step in plan if any(step.startswith(f"Seq Scan on {name}") for name in large)]


@contextmanager
def _heard(engine: sa.Engine) -> Iterator[list[Statement]]:
    found: list[Statement] = []

    def hear(_c: Any, _cursor: Any, text: str, values: Any, _context: Any, _many: bool) -> None:
        if text.lstrip().upper().startswith("SELECT"):
            found.append(Statement(text, values))

    sa.event.listen(engine, "before_cursor_execute", hear)
    yield found
    sa.event.remove(engine, "before_cursor_execute", hear)


def _plan(tx: sa.Connection, statement: Statement) -> list[str]:
    if tx.dialect.name == "sqlite":
        rows = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.text}", statement.values).all()
        return [str(row[3]) for row in rows]
    rows = tx.exec_driver_sql(f"EXPLAIN (COSTS OFF) {statement.text}", statement.values).all()
    return [str(row[0]).strip().removeprefix("->").strip() for row in rows]


def _box(pick: Random, side_deg: float) -> Box:
    south = pick.uniform(CITY_BOX.south, CITY_BOX.north - side_deg)
    west = pick.uniform(CITY_BOX.west, CITY_BOX.east - side_deg)
    return Box(south, west, south + side_deg, west + side_deg)


def _street(pick: Random) -> str:
    return pick.choice(PLACES.subdistricts).code


def _number(pick: Random) -> str:
    day: date = FIRST + timedelta(days=pick.randrange(-60, 2 * DAYS))
    return f"{day:%Y%m%d}-{pick.randint(1, 4000):06d}"


def _there(found: Any) -> Any:
    """Raises LookupError for an answer that is empty: then there is nothing to time."""
    if not found:
        raise LookupError("an empty answer to a question about a case that is there")
    return found
