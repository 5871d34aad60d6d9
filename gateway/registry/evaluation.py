"""Evaluation (综合评价): the indicators of a period for the city and for each part of it, ranked among peers."""

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.registry import tally
from gateway.registry.clocks import BEIJING
from gateway.registry.contractors import Contracts
from gateway.registry.indicators import BY_NAME, INDICATORS, KEEPS_CANCELLED, by
from gateway.registry.standard import Standard, Weight
from gateway.registry.tables import DONE, DUES, cases
from gateway.times import to_text

Row = dict[str, Any]
LEVELS = ("city", "district", "subdistrict", "department", "patrol_area", "contractor")
CITY = "city"
NOBODY = Contracts([])
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
Place = tuple[str, str]  # (level, code)


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


def count(tx: sa.Connection, period: Period, served: Contracts = NOBODY) -> dict[Place, Counts]:
    """(level, code) -> the counts of every indicator, summed up by the database."""
    above: Counter[tuple[str, str, str]] = Counter()
    below: Counter[tuple[str, str, str]] = Counter()
    for over in tally.OVERS:
        mine = [indicator.name for indicator in INDICATORS if indicator.over == over]
        for row in tx.execute(tally.statement(over, period.start, period.end, period.as_of, served)).mappings():
            for level, code in _places(row, served, tally.day_of(row, served)):
                for name in mine:
                    below[level, code, name] += row["many"]
                    above[level, code, name] += row[name]
    return _figured(above, below)


def count_rows(tx: sa.Connection, period: Period, served: Contracts = NOBODY) -> dict[Place, Counts]:
    """The same, case by case in Python: slow, and the check that `count` is right."""
    above: Counter[tuple[str, str, str]] = Counter()
    below: Counter[tuple[str, str, str]] = Counter()
    for over in tally.OVERS:
        mine = [indicator for indicator in INDICATORS if indicator.over == over]
        for row in tx.execute(_due(over, period)).yield_per(_CHUNK):
            if over not in KEEPS_CANCELLED and by(row.cancelled, period.as_of):
                continue
            hits = [(indicator.name, indicator.counts(row, period.as_of)) for indicator in mine]
            for level, code in _places(row._mapping, served, local_day(row.reported_at)):
                for name, hit in hits:
                    below[level, code, name] += 1
                    above[level, code, name] += hit
    return _figured(above, below)


def digest(found: dict[Place, Counts]) -> str:
    """One name for all figures of a period: equal figures, equal name."""
    rows = [[*place, name, c.numerator, c.denominator] for place, counts in found.items() for name, c in counts.items()]
    return hashlib.sha256(msgspec.json.encode(sorted(rows))).hexdigest()


def cases_of(
    tx: sa.Connection,
    period: Period,
    name: str,
    level: str,
    code: str,
    counted: bool | None,
    served: Contracts = NOBODY,
) -> list[str]:
    """The cases behind a figure, by number. counted: those of the numerator, those not in it, or (None) all."""
    terms = tally.behind(name, period.start, period.end, period.as_of, counted)
    terms += [cases.c[level] == code] if level in LEVELS[1:5] else []
    columns = [cases.c[column] for column in ("case_id", "class_code", "cell", "reported_at", *LEVELS[1:5])]
    found = tx.execute(sa.select(*columns).where(*terms).order_by(cases.c.case_id)).mappings()
    return [
        str(row["case_id"]) for row in found if (level, code) in _places(row, served, local_day(row["reported_at"]))
    ]


def score(counts: Counts, formula: list[Weight]) -> Fraction | None:
    """The published score: weight x rate, or weight x (1 - rate). None where a rate is missing."""
    total = Fraction(0)
    for weight in formula:
        rate = counts.get(weight.indicator, Count()).rate
        if rate is None:
            return None
        total += weight.weight * (1 - rate if weight.inverse else rate)
    return total if formula else None


def bulletin(
    tx: sa.Connection, period: Period, standard: Standard, groups: dict[str, str], served: Contracts = NOBODY
) -> Row:
    """All figures of a period as plain data, the same bit by bit whenever they are reckoned (`sha256` tells).

    groups: subdistrict -> peer group A to E; a place without one stands in group "". Places are ranked inside their
    group alone, equal scores share a rank, and a place where nothing was due has none. A contractor's group is its
    kind of work.
    """
    return figures(count(tx, period, served), period, standard, groups, served)


def figures(
    found: dict[Place, Counts], period: Period, standard: Standard, groups: dict[str, str], served: Contracts
) -> Row:
    """Counts as a bulletin: scored, ranked, sealed with their hash."""
    peers = {("subdistrict", code): group for code, group in groups.items()}
    peers |= {("department", party.code): party.group for party in standard.parties}
    peers |= {("contractor", code): kind for code, kind in served.kinds.items()}
    scored = {place: score(counts, standard.score) for place, counts in found.items()}
    ranks = _ranks({place: points for place, points in scored.items() if points is not None}, peers)
    rows = [
        {
            "level": level,
            "code": code,
            "group": peers.get((level, code), ""),
            "score": decimal(scored[level, code], 2),
            "rank": ranks.get((level, code)),
            "indicators": {name: _parts(counts[name]) for name in BY_NAME if name in counts},
        }
        for (level, code), counts in sorted(found.items(), key=lambda item: (LEVELS.index(item[0][0]), item[0][1]))
    ]
    body: Row = {"start": period.start, "end": period.end, "as_of": period.as_of, "standard": standard.version}
    body["rows"] = rows
    return sealed(body)


def sealed(body: Row) -> Row:
    """Plain data with the hash of itself."""
    return body | {"sha256": hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest()}


def meanings() -> list[Row]:
    """What each indicator divides by what, for the foot of a bulletin."""
    names = ("name", "name_zh", "over", "numerator", "denominator")
    return [{name: getattr(indicator, name) for name in names} for indicator in INDICATORS]


def _due(over: str, period: Period) -> sa.Select[Any]:
    c = cases.c
    wanted = [c[name] for name in ("case_id", "reject_cause", "class_code", "cell", *LEVELS[1:5])]
    column = c[over]
    return sa.select(*wanted, *(c[name] for name in _TIMES)).where(column >= period.start, column < period.end)


def _figured(above: Counter[tuple[str, str, str]], below: Counter[tuple[str, str, str]]) -> dict[Place, Counts]:
    found: dict[Place, Counts] = defaultdict(dict)
    for (level, code, name), denominator in below.items():
        found[level, code][name] = Count(above[level, code, name], denominator)
    return dict(found)


def _places(row: Any, served: Contracts, day: date) -> list[Place]:
    """Where a case counts: the city, every part of it that it belongs to, every contractor that serves its place.

    row: a mapping; with NOBODY it needs no cell and no class. day: the local day of the report.
    """
    found = [(CITY, CITY), *((level, row[level]) for level in LEVELS[1:5] if row[level])]
    if not served.kinds:
        return found
    firms = served.serving(row["cell"], row["patrol_area"], row["class_code"], day)
    return [*found, *(("contractor", firm.code) for firm in firms)]


@lru_cache(maxsize=4096)
def _day_of_hour(text: str) -> date:
    return datetime.fromisoformat(f"{text}:00:00+00:00").astimezone(BEIJING).date()


def local_day(instant: str) -> date:
    """The local day of an instant as `to_text` writes it; midnight in Shanghai is a full hour of UTC."""
    return _day_of_hour(instant[:13])


def _ranks(scored: dict[Place, Fraction], peers: dict[Place, str]) -> dict[Place, int]:
    """1 is the best of its group; equal scores share a rank and the next one is left out."""
    ranks: dict[Place, int] = {}
    for place, points in scored.items():
        rivals = [p for other, p in scored.items() if other[0] == place[0] and peers.get(other) == peers.get(place)]
        ranks[place] = 1 + sum(other > points for other in rivals)
    return ranks


def _parts(found: Count) -> Row:
    rate = decimal(found.rate, 6)
    return {"numerator": found.numerator, "denominator": found.denominator, "rate": rate}


def decimal(value: Fraction | None, places: int) -> str | None:
    """An exact fraction as decimal text, halves to even: text, because a float is not the same everywhere."""
    if value is None:
        return None
    whole = round(value * 10**places)
    sign = "-" if whole < 0 else ""
    return f"{sign}{abs(whole) // 10**places}.{abs(whole) % 10**places:0{places}d}"
