"""Evaluation (综合评价): the indicators of a period for the city and for each part of it, ranked among peers."""

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.registry import tally
from gateway.registry.clocks import BEIJING
from gateway.registry.indicators import BY_NAME, INDICATORS, KEEPS_CANCELLED, by
from gateway.registry.standard import Standard, Weight
from gateway.registry.tables import DONE, DUES, cases
from gateway.times import to_text

Row = dict[str, Any]
LEVELS = ("city", "district", "subdistrict", "department", "patrol_area")
CITY = "city"
_CHUNK = 5000
_TIMES = ("reported_at", *DUES, *DONE)


class PeriodError(ValueError):
    """A period that cannot be evaluated; `str()` says why."""


@dataclass(frozen=True)
class Period:
    """[start, end) with `as_of` as in `indicators`; fixed-width UTC text. Raises PeriodError."""

    start: str
    end: str
    as_of: str

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise PeriodError(f"a period must start before it ends, not {self.start} to {self.end}")
        if self.as_of < self.end:
            raise PeriodError(f"as of {self.as_of} the period was not over ({self.end}); evaluate it afterwards")


@dataclass(frozen=True)
class Count:
    """One indicator of one place: a rate with what it is made of."""

    numerator: int = 0
    denominator: int = 0

    @property
    def rate(self) -> Fraction | None:
        """None where nothing was due: not 0, and not 1."""
        return Fraction(self.numerator, self.denominator) if self.denominator else None


Counts = dict[str, Count]


def days(first: date, many: int, as_of: datetime | None = None) -> Period:
    """`many` local days from `first`, reckoned when they are over, or at `as_of`. Raises PeriodError."""
    start = datetime(first.year, first.month, first.day, tzinfo=BEIJING)
    end = start + timedelta(days=many)
    return Period(to_text(start), to_text(end), to_text(as_of or end))


def month(year: int, number: int, as_of: datetime | None = None) -> Period:
    """A calendar month, local time. Raises PeriodError."""
    first = date(year, number, 1)
    after = date(year + number // 12, number % 12 + 1, 1)
    return days(first, (after - first).days, as_of)


def count(tx: sa.Connection, period: Period) -> dict[tuple[str, str], Counts]:
    """(level, code) -> the counts of every indicator, summed up by the database."""
    above: Counter[tuple[str, str, str]] = Counter()
    below: Counter[tuple[str, str, str]] = Counter()
    for over in tally.OVERS:
        mine = [indicator.name for indicator in INDICATORS if indicator.over == over]
        for row in tx.execute(tally.statement(over, period.start, period.end, period.as_of)).mappings():
            for level, code in _places(row):
                for name in mine:
                    below[level, code, name] += row["many"]
                    above[level, code, name] += row[name]
    return _figured(above, below)


def count_rows(tx: sa.Connection, period: Period) -> dict[tuple[str, str], Counts]:
    """The same, case by case in Python: slow, and the check that `count` is right."""
    above: Counter[tuple[str, str, str]] = Counter()
    below: Counter[tuple[str, str, str]] = Counter()
    for over in tally.OVERS:
        mine = [indicator for indicator in INDICATORS if indicator.over == over]
        for row in tx.execute(_due(over, period)).yield_per(_CHUNK):
            if over not in KEEPS_CANCELLED and by(row.cancelled, period.as_of):
                continue
            hits = [(indicator.name, indicator.counts(row, period.as_of)) for indicator in mine]
            for level, code in _places(row._mapping):
                for name, hit in hits:
                    below[level, code, name] += 1
                    above[level, code, name] += hit
    return _figured(above, below)


def digest(found: dict[tuple[str, str], Counts]) -> str:
    """One name for all figures of a period: equal figures, equal name."""
    rows = [[*place, name, c.numerator, c.denominator] for place, counts in found.items() for name, c in counts.items()]
    return hashlib.sha256(msgspec.json.encode(sorted(rows))).hexdigest()


def cases_of(tx: sa.Connection, period: Period, name: str, level: str, code: str, counted: bool | None) -> list[str]:
    """The cases behind a figure, by number. counted: those of the numerator, those not in it, or (None) all."""
    over = BY_NAME[name].over
    terms = tally.behind(name, over, period.start, period.end, period.as_of, counted)
    place = [] if level == CITY else [cases.c[level] == code]
    if (level == CITY and code != CITY) or not code:
        return []
    return list(tx.scalars(sa.select(cases.c.case_id).where(*terms, *place).order_by(cases.c.case_id)))


def score(counts: Counts, formula: list[Weight]) -> Fraction | None:
    """The published score: weight x rate, or weight x (1 - rate). None where a rate is missing."""
    total = Fraction(0)
    for weight in formula:
        rate = counts.get(weight.indicator, Count()).rate
        if rate is None:
            return None
        total += weight.weight * (1 - rate if weight.inverse else rate)
    return total if formula else None


def bulletin(tx: sa.Connection, period: Period, standard: Standard, groups: dict[str, str]) -> Row:
    """All figures of a period as plain data, the same bit by bit whenever they are reckoned (`sha256` tells).

    groups: subdistrict -> peer group A to E; a place without one stands in group "". Places are ranked inside their
    group alone, equal scores share a rank, and a place where nothing was due has none.
    """
    found = count(tx, period)
    peers = {("subdistrict", code): group for code, group in groups.items()}
    peers |= {("department", party.code): party.group for party in standard.parties}
    scored = {place: score(counts, standard.score) for place, counts in found.items()}
    ranks = _ranks({place: points for place, points in scored.items() if points is not None}, peers)
    rows = [
        {
            "level": level,
            "code": code,
            "group": peers.get((level, code), ""),
            "score": _decimal(scored[level, code], 2),
            "rank": ranks.get((level, code)),
            "indicators": {name: _figures(counts[name]) for name in BY_NAME if name in counts},
        }
        for (level, code), counts in sorted(found.items(), key=lambda item: (LEVELS.index(item[0][0]), item[0][1]))
    ]
    body: Row = {"start": period.start, "end": period.end, "as_of": period.as_of, "standard": standard.version}
    body["rows"] = rows
    return body | {"sha256": hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest()}


def meanings() -> list[Row]:
    """What each indicator divides by what, for the foot of a bulletin."""
    names = ("name", "name_zh", "over", "numerator", "denominator")
    return [{name: getattr(indicator, name) for name in names} for indicator in INDICATORS]


def _due(over: str, period: Period) -> sa.Select[Any]:
    c = cases.c
    wanted = [c[name] for name in ("case_id", "reject_cause", "district", "subdistrict", "department", "patrol_area")]
    column = c[over]
    return sa.select(*wanted, *(c[name] for name in _TIMES)).where(column >= period.start, column < period.end)


def _figured(
    above: Counter[tuple[str, str, str]], below: Counter[tuple[str, str, str]]
) -> dict[tuple[str, str], Counts]:
    found: dict[tuple[str, str], Counts] = defaultdict(dict)
    for (level, code, name), denominator in below.items():
        found[level, code][name] = Count(above[level, code, name], denominator)
    return dict(found)


def _places(row: Any) -> list[tuple[str, str]]:
    """Where a case counts: the city, and every part of it that it belongs to."""
    parts = [(level, row[level]) for level in LEVELS[1:]]
    return [(CITY, CITY), *((level, code) for level, code in parts if code)]


def _ranks(scored: dict[tuple[str, str], Fraction], peers: dict[tuple[str, str], str]) -> dict[tuple[str, str], int]:
    """1 is the best of its group; equal scores share a rank and the next one is left out."""
    ranks: dict[tuple[str, str], int] = {}
    for place, points in scored.items():
        rivals = [p for other, p in scored.items() if other[0] == place[0] and peers.get(other) == peers.get(place)]
        ranks[place] = 1 + sum(other > points for other in rivals)
    return ranks


def _figures(found: Count) -> Row:
    rate = _decimal(found.rate, 6)
    return {"numerator": found.numerator, "denominator": found.denominator, "rate": rate}


def _decimal(value: Fraction | None, places: int) -> str | None:
    """An exact fraction as decimal text, halves to even: text, because a float is not the same everywhere."""
    if value is None:
        return None
    whole = round(value * 10**places)
    sign = "-" if whole < 0 else ""
    return f"{sign}{abs(whole) // 10**places}.{abs(whole) % 10**places:0{places}d}"
