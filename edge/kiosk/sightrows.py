"""Stored sightings as tables in the kiosk's SQLite file: what places saw, the rules and zones, what was filed."""

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

import msgspec

from edge.watch.places import Spot
from edge.watch.rules import RuleBook, Zone
from edge.wire import Candidate, CaseClass

SETTINGS_MAX = 1000
FILED_MAX = 100_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TABLES = (
    "create table if not exists sighting (at_us integer, camera text, spot_id text, case_class text, label text, "
    "score real, x1 real, y1 real, x2 real, y2 real, width integer, height integer, first_us integer, "
    "last_us integer, hits integer, looks integer, disputed_s real, may integer, due integer, "
    "primary key (spot_id, at_us)) without rowid",
    "create index if not exists sighting_at on sighting (at_us)",
    "create table if not exists filed (candidate_id text primary key, spot_id text, camera text, case_class text, "
    "label text, at_us integer, dwell_s real, class_code text, rule text, rule_version text, zone text)",
    "create table if not exists in_force (kind text, name text, from_us integer, body text)",
)
Kind = Literal["rules", "zones"]


class Seen(NamedTuple):
    """One remembered place in one frame. Times in microseconds since 1970 (UTC), box in pixels. `may`: the place memory
    says that it may be filed, or it was; `due`: the rules in force asked for it. `dwell_s` and `presence` follow from
    first, last, disputed, hits and looks as `Spot` has them."""

    at_us: int
    camera: str
    spot_id: str
    case_class: CaseClass
    label: str
    score: float
    x1: float
    y1: float
    x2: float
    y2: float
    width: int
    height: int
    first_us: int
    last_us: int
    hits: int
    looks: int
    disputed_s: float
    may: bool
    due: bool

    def spot(self) -> Spot:
        """The place as the rules saw it."""
        return Spot(
            spot_id=self.spot_id,
            camera=self.camera,
            case_class=self.case_class,
            box=(self.x1, self.y1, self.x2, self.y2),
            frame_width=self.width,
            frame_height=self.height,
            first_seen=moment(self.first_us),
            last_seen=moment(self.last_us),
            hits=self.hits,
            looks=self.looks,
            score=self.score,
            labels={self.label: self.hits},
            disputed_s=self.disputed_s,
        )


class Filed(NamedTuple):
    """What was filed. `at_us`: the frame that completed the rule."""

    candidate_id: str
    spot_id: str
    camera: str
    case_class: str
    label: str
    at_us: int
    dwell_s: float
    class_code: str
    rule: str
    rule_version: str
    zone: str


class InForce(NamedTuple):
    """From when on a rule book (`name` "") or a camera's zones counted; JSON."""

    kind: Kind
    name: str
    from_us: int
    body: str


def microseconds(at: datetime) -> int:
    """Of an aware moment, exact."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def moment(us: int) -> datetime:
    """UTC."""
    return _EPOCH + timedelta(microseconds=us)


def seen_row(spot: Spot, at: datetime, may: bool, due: bool) -> Seen:
    """A place as it is now."""
    return Seen(
        microseconds(at),
        spot.camera,
        spot.spot_id,
        spot.case_class,
        spot.label,
        spot.score,
        *spot.box,
        spot.frame_width,
        spot.frame_height,
        microseconds(spot.first_seen),
        microseconds(spot.last_seen),
        spot.hits,
        spot.looks,
        spot.disputed_s,
        may,
        due,
    )


def filed_row(candidate: Candidate, at_us: int) -> Filed:
    """A candidate that is being stored."""
    return Filed(
        candidate.candidate_id,
        candidate.place_id,
        candidate.camera,
        candidate.case_class,
        candidate.label,
        at_us,
        candidate.dwell_s,
        candidate.class_code,
        candidate.rule,
        candidate.rule_version,
        candidate.zone,
    )


def create(conn: sqlite3.Connection) -> None:
    """Make the tables where they are missing."""
    for sql in _TABLES:
        conn.execute(sql)


def insert(conn: sqlite3.Connection, seen: Iterable[Seen], in_force: Iterable[InForce], filed: Iterable[Filed]) -> int:
    """Store rows; those that are there already change nothing. Returns how many sightings are new."""
    before = conn.total_changes
    conn.executemany(f"insert or ignore into sighting values ({', '.join('?' * len(Seen._fields))})", list(seen))
    new = conn.total_changes - before
    conn.executemany("insert or replace into filed values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", list(filed))
    conn.executemany(
        "insert into in_force select ?1, ?2, ?3, ?4 where not exists "
        "(select 1 from in_force where kind = ?1 and name = ?2 and from_us = ?3) and ?4 is not "
        "(select body from in_force where kind = ?1 and name = ?2 order by rowid desc limit 1)",
        list(in_force),
    )
    return new


def trim(conn: sqlite3.Connection, over: int, before_us: int) -> int:
    """Delete what is older than `before_us`, then the `over` oldest rows that are left. Returns how many went."""
    gone = conn.execute("delete from sighting where at_us < ?", (before_us,)).rowcount
    if over > gone:
        gone += conn.execute(
            "delete from sighting where (spot_id, at_us) in "
            "(select spot_id, at_us from sighting order by at_us limit ?)",
            (over - gone,),
        ).rowcount
    conn.execute(
        "delete from filed where at_us < ? or rowid in (select rowid from filed order by rowid desc limit -1 offset ?)",
        (before_us, FILED_MAX),
    )
    conn.execute(
        "delete from in_force where rowid in (select rowid from in_force order by rowid desc limit -1 offset ?)",
        (SETTINGS_MAX,),
    )
    return gone


def read_seen(conn: sqlite3.Connection, from_us: int, to_us: int) -> Iterator[Seen]:
    """The rows before `to_us` of every place that was seen in the span, by time; so with their story before it."""
    cursor = conn.execute(
        "select * from sighting where at_us < ?2 and spot_id in "
        "(select spot_id from sighting where at_us >= ?1 and at_us < ?2) order by at_us, spot_id",
        (from_us, to_us),
    )
    for row in cursor:
        yield Seen(*row)


def read_filed(conn: sqlite3.Connection) -> list[Filed]:
    """All that is known to be filed, oldest first."""
    return [Filed(*row) for row in conn.execute("select * from filed order by at_us")]


def read_rules(conn: sqlite3.Connection) -> list[tuple[int, RuleBook]]:
    """(from when on, rule book), oldest first."""
    rows = conn.execute("select from_us, body from in_force where kind = 'rules' order by from_us, rowid").fetchall()
    return [(int(at), msgspec.json.decode(body, type=RuleBook)) for at, body in rows]


def read_zones(conn: sqlite3.Connection) -> dict[str, list[tuple[int, list[Zone]]]]:
    """Camera -> (from when on, its zones), oldest first."""
    found: dict[str, list[tuple[int, list[Zone]]]] = {}
    rows = conn.execute("select name, from_us, body from in_force where kind = 'zones' order by from_us, rowid")
    for name, at, body in rows:
        found.setdefault(str(name), []).append((int(at), msgspec.json.decode(body, type=list[Zone])))
    return found
