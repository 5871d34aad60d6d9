"""The indicators counted by the database: one pass over each kind of due time, grouped by place, one SUM an indicator.

Each expression says in SQL what `indicators` says of a row in Python; `evaluation.count_rows` counts in Python, and
tests hold both against each other on SQLite and on PostgreSQL.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from gateway.registry.clocks import BEIJING
from gateway.registry.contractors import Contracts
from gateway.registry.indicators import BY_NAME, INDICATORS, KEEPS_CANCELLED
from gateway.registry.tables import cases
from gateway.times import to_text

Yes = sa.ColumnElement[bool]
Say = Callable[[str], Yes]  # as_of -> whether a row of `cases` is in the numerator; may be NULL, which is no
c = cases.c
PLACES = (c.district, c.subdistrict, c.department, c.patrol_area)
CELLS_MAX = 1000  # with more cells named in contracts, every cell is a place
OVERS = tuple(dict.fromkeys(indicator.over for indicator in INDICATORS))


def _done(column: str) -> Say:
    return lambda as_of: c[column] < as_of


def _in_time(done: str, due: str) -> Say:
    return lambda as_of: sa.and_(c[done] < as_of, c[done] <= c[due])


def _first(one: sa.Column[Any], other: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """The earlier of two instants, either of which may be missing (`min` and LEAST differ on NULL)."""
    return sa.case((one.is_(None), other), (other.is_(None), one), (one <= other, one), else_=other)


def _valid(as_of: str) -> Yes:
    return sa.or_(c.filed < as_of, sa.and_(c.rejected < as_of, c.reject_cause == "permitted"))


def _decided(as_of: str) -> Yes:
    first = _first(c.filed, c.rejected)
    return sa.and_(first < as_of, first <= c.file_due)


def _filed_right(as_of: str) -> Yes:
    return sa.and_(c.filed < as_of, _not_by(c.cancelled, as_of))


def _dispatched_right(as_of: str) -> Yes:
    return sa.and_(c.dispatched < as_of, _not_by(c.returned, as_of))


def _disposed(as_of: str) -> Yes:
    return sa.or_(c.disposed < as_of, c.closed < as_of)


def _disposed_in_time(as_of: str) -> Yes:
    first = _first(c.disposed, c.closed)
    return sa.or_(sa.and_(first < as_of, first <= c.dispose_due), c.exempted < as_of)


def _closed_in_time(as_of: str) -> Yes:
    return sa.or_(_in_time("closed", "close_due")(as_of), c.exempted < as_of)


def _overdue(as_of: str) -> Yes:
    return sa.and_(_not_by(c.disposed, as_of), _not_by(c.closed, as_of))


def _not_by(column: sa.Column[Any], as_of: str) -> Yes:
    return sa.or_(column.is_(None), column >= as_of)


NUMERATORS: dict[str, Say] = {
    "filing": _done("filed"),
    "valid_report": _valid,
    "filing_in_time": _decided,
    "filing_accurate": _filed_right,
    "dispatch_in_time": _in_time("dispatched", "dispatch_due"),
    "dispatch_accurate": _dispatched_right,
    "disposal": _disposed,
    "disposal_in_time": _disposed_in_time,
    "overdue": _overdue,
    "extension": _done("extended"),
    "rework": _done("reworked"),
    "closing": _done("closed"),
    "closing_in_time": _closed_in_time,
    "verify_in_time": _in_time("verified", "verify_due"),
    "check_in_time": _in_time("checked", "check_due"),
}


def counted(over: str, start: str, end: str, as_of: str) -> list[Yes]:
    """Which cases are in the denominator of the indicators over this due time."""
    terms = [c[over] >= start, c[over] < end]
    return terms if over in KEEPS_CANCELLED else [*terms, _not_by(c.cancelled, as_of)]


def statement(over: str, start: str, end: str, as_of: str, served: Contracts) -> sa.Select[Any]:
    """One row for each place: district, subdistrict, department, patrol area, `many` cases, a sum an indicator.

    Where contractors serve the city, a place is also a class, a cell that a contract names ("" for all others), and a
    `stretch` of days over which the same contracts run: few rows more, however many cases there are.
    """
    mine = [indicator.name for indicator in INDICATORS if indicator.over == over]
    places = [*PLACES, *(_contract_places(served) if served.kinds else [])]
    hits = [sa.case((NUMERATORS[name](as_of), 1), else_=0).label(name) for name in mine]
    rows = sa.select(*places, *hits).where(*counted(over, start, end, as_of)).subquery()
    by = [rows.c[place.name] for place in places]
    sums = [sa.func.sum(rows.c[name]).label(name) for name in mine]
    return sa.select(*by, sa.func.count().label("many"), *sums).group_by(*by)


def day_of(row: Any, served: Contracts) -> date:
    """A local day of the row's stretch; any day where nobody serves."""
    stretch = row["stretch"] if served.kinds else 0
    return served.changes[stretch - 1] if stretch else date.min


def _contract_places(served: Contracts) -> list[Any]:
    cell: Any = c.cell
    if len(served.cells) <= CELLS_MAX:
        cell = sa.case((c.cell.in_(served.cells), c.cell), else_="")
    # A case before the first change is in stretch 0.
    begun = [(n, to_text(_midnight(day))) for n, day in enumerate(served.changes, start=1)]
    stretch = sa.case(*((c.reported_at >= instant, n) for n, instant in reversed(begun)), else_=0)
    return [c.class_code, cell.label("cell"), stretch.label("stretch")]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=BEIJING)


def behind(name: str, start: str, end: str, as_of: str, part: bool | None) -> list[Yes]:
    """Which cases are behind one figure: those of its numerator, those not in it, or (None) all."""
    said = sa.case((NUMERATORS[name](as_of), 1), else_=0)
    return counted(BY_NAME[name].over, start, end, as_of) + ([] if part is None else [said == int(part)])
