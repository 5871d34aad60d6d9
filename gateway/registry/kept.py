"""Figures of periods that are over, as they were first reckoned: a day, a month; and a month as the sum of its days."""

from collections import defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.registry import evaluation
from gateway.registry.city import City
from gateway.registry.clocks import BEIJING
from gateway.registry.evaluation import CITY, Count, Counts, Period, Place
from gateway.registry.indicators import BY_NAME
from gateway.registry.standard import Standard
from gateway.registry.tables import evaluations
from gateway.times import from_text, to_text

Row = dict[str, Any]


class Differs(ValueError):
    """What is reckoned now is not what was kept; `str()` says where the first difference is."""


def by_day(period: Period) -> list[Period]:
    """Its local days, each reckoned at the period's own end: so their counts add up to the period's."""
    start, end = (from_text(text).astimezone(BEIJING) for text in (period.start, period.end))
    many = (end - start).days
    edges = [to_text(start + timedelta(days=n)) for n in range(many)] + [period.end]
    return [Period(a, b, period.as_of) for a, b in pairwise(edges)]


def summed(days: list[dict[Place, Counts]]) -> dict[Place, Counts]:
    """Counts of several days together; a case is due on one day alone, so none is counted twice."""
    found: dict[Place, Counts] = defaultdict(dict)
    for day in days:
        for place, counts in day.items():
            mine = found[place]
            for name, more in counts.items():
                have = mine.get(name, Count())
                mine[name] = Count(have.numerator + more.numerator, have.denominator + more.denominator)
    return dict(found)


def reckon(tx: sa.Connection, period: Period, standard: Standard, city: City | None) -> Row:
    """A period's figures with the city's own day by day, and the names of all places: plain data with its `sha256`."""
    served = city.served if city else evaluation.NOBODY
    parts = by_day(period)
    days = [evaluation.count(tx, part, served) for part in parts]
    groups = city.groups if city else {}
    body = evaluation.figures(summed(days), period, standard, groups, served)
    line = [
        {"day": str(evaluation.local_day(part.start)), "indicators": _city_parts(counts.get((CITY, CITY), {}))}
        for part, counts in zip(parts, days, strict=True)
    ]
    more: Row = {"score": msgspec.to_builtins(standard.score), "city": city.name if city else ""}
    return evaluation.sealed({"figures": body, "days": line, "names": names(standard, city), **more})


def names(standard: Standard, city: City | None) -> Row:
    """level -> code -> [Chinese, English]; only Chinese where a place has no other name."""
    found: Row = {"department": {party.code: [party.name_zh, party.name_en] for party in standard.parties}}
    if city is not None:
        found["district"] = {d.code: [d.name, d.name] for d in city.districts}
        found["subdistrict"] = {s.code: [s.name, s.name] for s in city.subdistricts}
        found["contractor"] = {code: [name, name] for code, name in city.served.names.items()}
    return found


def stored(tx: sa.Connection, period: Period) -> Row | None:
    """What was kept of a period."""
    e = evaluations.c
    body = tx.scalar(sa.select(e.body).where(e.start == period.start, e.until == period.end))
    return None if body is None else dict(msgspec.json.decode(body))


def known(tx: sa.Connection) -> frozenset[tuple[str, str]]:
    """(start, end) of every period that was kept."""
    return frozenset((row.start, row.until) for row in tx.execute(sa.select(evaluations.c.start, evaluations.c.until)))


def keep(tx: sa.Connection, body: Row, now: datetime) -> Row:
    """Keep a period's figures, once; the same figures again change nothing. Raises Differs for others."""
    period = Period(body["figures"]["start"], body["figures"]["end"], body["figures"]["as_of"])
    older = stored(tx, period)
    if older is None:
        row = {"start": period.start, "until": period.end, "sha256": body["sha256"], "kept_at": to_text(now)}
        tx.execute(sa.insert(evaluations), row | {"body": msgspec.json.encode(body, order="sorted")})
    elif older["sha256"] != body["sha256"]:
        raise Differs(f"{period.start} to {period.end}: {difference(older, body)}")
    return body


def difference(kept: Any, now: Any, where: str = "") -> str:
    """The first thing in which two bodies differ, in words; "" for equal ones."""
    if isinstance(kept, dict) and isinstance(now, dict):
        pairs = [(name, kept.get(name), now.get(name)) for name in sorted(kept.keys() | now.keys()) if name != "sha256"]
    elif isinstance(kept, list) and isinstance(now, list) and len(kept) == len(now):
        pairs = [(str(n), a, b) for n, (a, b) in enumerate(zip(kept, now, strict=True))]
    else:
        return "" if kept == now else f"{where or 'it'} was kept as {kept!r:.80} and is {now!r:.80} now"
    return next(filter(None, (difference(a, b, f"{where}.{name}".lstrip(".")) for name, a, b in pairs)), "")


def _city_parts(counts: Counts) -> Row:
    return {name: [counts[name].numerator, counts[name].denominator] for name in BY_NAME if name in counts}
