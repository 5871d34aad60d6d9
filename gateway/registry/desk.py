"""What the desk asks of the registry: the map, the queue, the page of one case, a case by its number.

Each answers from an index that holds all it looks at and reads only rows that it shows: no OFFSET, no count of
everything, a limit on every answer. `zhuomu bench registry` measures them and reads their plans.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.registry import queries
from gateway.registry.cases import State
from gateway.registry.clocks import BEIJING
from gateway.registry.tables import cases
from gateway.tiles import RANGES_MAX, Box, apart_m, around, cluster_shift, cover
from gateway.times import from_text, to_text

Row = dict[str, Any]
WAITING = (State.REPORTED, State.VERIFYING, State.TO_FILE, State.NEEDS_PERSON)
MAP_MAX = 2000
CLUSTERS_ACROSS = 24
RECENT_DAYS_MAX = 31
NEAR_M, NEAR_H, NEAR_MAX = 50.0, 24, 50
SEARCH_DAYS = 31
_NOWHERE = (-1, -1)
_SHOWN = ("case_id", "incident_id", "state", "class_code", "lat", "lon", "reported_at")


class BadQuestion(ValueError):
    """A question that cannot be answered; `str()` says why."""


@dataclass(frozen=True)
class Filter:
    """Where and what a case of the queue is; "" is everywhere and everything. Codes as in `cases`."""

    district: str = ""
    subdistrict: str = ""
    patrol_area: str = ""
    department: str = ""
    class_code: str = ""

    def terms(self) -> list[sa.ColumnElement[bool]]:
        """As SQL over `cases`."""
        return [cases.c[name] == code for name, code in asdict(self).items() if code]


def map_view(
    tx: sa.Connection,
    box: Box,
    limit: int = 500,
    class_codes: Sequence[str] = (),
    subdistricts: Sequence[str] = (),
    since: datetime | None = None,
) -> Row:
    """Cases in a box: all that are open, or (`since`) all that were reported from then on, over or not.

    {"cases": [case_id, incident_id, state, class_code, lat, lon, reported_at], "clusters": []} while they are at most
    `limit` (itself at most MAP_MAX); else {"cases": [], "clusters": [{"lat", "lon", "count"}]}, at most about
    CLUSTERS_ACROSS side by side, each at the mean of its cases. Raises BadQuestion.
    """
    if not 1 <= limit <= MAP_MAX:
        raise BadQuestion(f"limit {limit}: a map draws 1 to {MAP_MAX} cases; more become clusters")
    found = ground_statement(box, class_codes, subdistricts, since)
    probe = sa.select(found.c.tile).limit(limit + 1).subquery()
    if (tx.scalar(sa.select(sa.func.count()).select_from(probe)) or 0) <= limit:
        rows = tx.execute(_shown(box, class_codes, subdistricts, since)).mappings()
        return {"cases": [dict(row) for row in rows], "clusters": []}
    where = found.c.tile // sa.literal_column(str(1 << cluster_shift(box, CLUSTERS_ACROSS)), sa.BigInteger)
    middle = (sa.func.avg(found.c.lat).label("lat"), sa.func.avg(found.c.lon).label("lon"))
    query = sa.select(*middle, sa.func.count().label("count")).group_by(where).order_by(where)
    return {"cases": [], "clusters": [dict(row) for row in tx.execute(query).mappings()]}


def ground_statement(
    box: Box, class_codes: Sequence[str], subdistricts: Sequence[str], since: datetime | None
) -> sa.Subquery:
    """`tile`, `lat` and `lon` of the cases on a map, read from an index alone."""
    columns = [cases.c[name] for name in ("tile", "lat", "lon")]
    return _ground(columns, box, class_codes, subdistricts, since).subquery()


def queue(
    tx: sa.Connection,
    after: str = "",
    limit: int = 50,
    where: Filter = Filter(),
    states: Sequence[State] = WAITING,
) -> Row:
    """Cases that wait for a person, by number, after number `after`: {"cases": [...], "next": number or None}.

    Each is the case's body with its `report`. `next` goes into `after` for the following page.
    """
    ids = list(tx.scalars(queue_statement(after, limit + 1, where, states)))
    query = sa.select(cases.c.body, cases.c.report).where(cases.c.case_id.in_(ids[:limit])).order_by(cases.c.case_id)
    rows = [{**msgspec.json.decode(row.body), "report": row.report} for row in tx.execute(query)]
    return {"cases": rows, "next": ids[limit - 1] if len(ids) > limit else None}


def queue_statement(after: str, limit: int, where: Filter, states: Sequence[State]) -> sa.Select[tuple[str]]:
    """Numbers of the page: the first of every state, then the first of those."""
    number = cases.c.case_id
    firsts = [
        sa.select(
            sa.select(number)
            .where(cases.c.state == str(state), number > after, *where.terms())
            .order_by(number)
            .limit(limit)
            .subquery()
            .c.case_id
        )
        for state in states
    ]
    every = sa.union_all(*firsts).subquery()
    return sa.select(every.c.case_id).order_by(every.c.case_id).limit(limit)


def case_page(tx: sa.Connection, case_id: str) -> Row | None:
    """One case with its report, all its events, and its neighbours within 50 m and 24 h; None where there is none."""
    found = queries.case(tx, case_id)
    if found is None:
        return None
    near = neighbours(tx, found["lat"], found["lon"], datetime.fromisoformat(found["reported_at"]), case_id)
    return found | {"neighbours": near}


def neighbours(tx: sa.Connection, lat: float, lon: float, at: datetime, without: str = "") -> list[Row]:
    """Cases reported within NEAR_M and NEAR_H, nearest first, with `distance_m` and `apart_h`; at most NEAR_MAX."""
    rows = []
    for row in tx.execute(near_statement(lat, lon, at)).mappings():
        distance_m = apart_m(lat, lon, row["lat"], row["lon"])
        if distance_m <= NEAR_M and row["case_id"] != without:
            apart_h = round((from_text(row["reported_at"]) - at) / timedelta(hours=1), 2)
            rows.append({**row, "distance_m": round(distance_m, 1), "apart_h": apart_h})
    return sorted(rows, key=lambda row: (row["distance_m"], row["case_id"]))[:NEAR_MAX]


def near_statement(lat: float, lon: float, at: datetime) -> sa.CompoundSelect[Any]:
    """Cases of the box around a point that were reported in the hours around an instant."""
    span, box = timedelta(hours=NEAR_H), around(lat, lon, NEAR_M)
    time = cases.c.reported_at.between(to_text(at - span), to_text(at + span))
    # A box of 100 m meets nine tiles at most: each of them with its hours is one look into the index.
    tiles = [number for first, last in cover(box) for number in range(first, last + 1)]
    columns = [cases.c[name] for name in _SHOWN]
    terms = (cases.c.tile.in_(tiles), time, *_inside(box))
    return sa.union_all(*(sa.select(*columns).where(cases.c.open.is_(is_open), *terms) for is_open in (True, False)))


def search(tx: sa.Connection, text: str, today: date) -> list[Row]:
    """Cases by number: a whole one (20261009-000123), its end on each of the last SEARCH_DAYS days (123), newest first,
    or the incident's id. [] where nothing has it."""
    text, number = text.strip(), cases.c.case_id
    term: sa.ColumnElement[bool] = sa.or_(number == text, cases.c.incident_id == text)
    if text.isdecimal() and len(text) <= 6:
        days = [today - timedelta(days=n) for n in range(SEARCH_DAYS)]
        term = number.in_([f"{day:%Y%m%d}-{int(text):06d}" for day in days])
    query = sa.select(*(cases.c[name] for name in _SHOWN)).where(term).order_by(number.desc())
    return [dict(row) for row in tx.execute(query.limit(SEARCH_DAYS)).mappings()]


def local_day(now: datetime) -> date:
    """The day that a case's number would have."""
    return now.astimezone(BEIJING).date()


def _shown(
    box: Box, class_codes: Sequence[str], subdistricts: Sequence[str], since: datetime | None
) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    return _ground([cases.c[name] for name in _SHOWN], box, class_codes, subdistricts, since)


def _ground(
    columns: list[sa.Column[Any]],
    box: Box,
    class_codes: Sequence[str],
    subdistricts: Sequence[str],
    since: datetime | None,
) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    """Open cases tile by tile; recent ones by time, since a month's are fewer than a city's of all years."""
    c = cases.c
    terms: list[sa.ColumnElement[bool]] = [*_inside(box)]
    terms += [c.class_code.in_(class_codes)] if class_codes else []
    terms += [c.subdistrict.in_(subdistricts)] if subdistricts else []
    if since is not None:
        return sa.select(*columns).where(c.reported_at >= to_text(since), *terms)
    # Always as many ranges, so that SQLAlchemy and the database know the statement again.
    ranges = (cover(box) + [_NOWHERE] * RANGES_MAX)[:RANGES_MAX]
    held = [c.tile.between(first, last) for first, last in ranges]
    return sa.union_all(*(sa.select(*columns).where(c.open.is_(True), there, *terms) for there in held))


def _inside(box: Box) -> Sequence[sa.ColumnElement[bool]]:
    return [cases.c.lat.between(box.south, box.north), cases.c.lon.between(box.west, box.east)]
