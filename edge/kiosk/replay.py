"""Rules replayed over stored sightings: what they would have filed, beside what was filed."""

import bisect
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from edge.kiosk.sightrows import (
    Filed,
    Seen,
    microseconds,
    moment,
    read_filed,
    read_rules,
    read_seen,
    read_zones,
)
from edge.watch.confirm import Confirmations
from edge.watch.rules import RuleBook, Zone, decide

T = TypeVar("T")


class NothingStored(ValueError):
    """The file holds no sightings that could be replayed; `str()` is one line with the mend."""


@dataclass(frozen=True)
class Would:
    """A candidate that rules file in a replay, by the place memory's id."""

    spot_id: str
    camera: str
    case_class: str
    label: str
    at: datetime
    dwell_s: float
    class_code: str
    rule: str
    rule_version: str
    zone: str


@dataclass(frozen=True)
class Stored:
    """What a kiosk's file holds about a span of time."""

    seen: Iterable[Seen]
    filed: list[Filed]
    rules: list[tuple[int, RuleBook]]
    zones: dict[str, list[tuple[int, list[Zone]]]]
    oldest_us: int


def would_file(stored: Stored, book: RuleBook | None, from_us: int, to_us: int) -> list[Would]:
    """Replay; `book` None: the rules that were in force at each moment. Pure.

    Exact for the rules that were in force: the frame that completed a rule is always logged. For other rules the moment
    is right to about a twentieth of the dwell. A frame in which the kiosk's rules asked for a place that was then not
    filed was held back (view, pictures, a kill), and is here too. The place memory's own choices (which of two names
    for one thing stands, when a thing is forgotten) are those of the rules that were in force.
    """
    filed_us = {f.spot_id: f.at_us for f in stored.filed}
    done = {f.spot_id for f in stored.filed if f.at_us < stored.oldest_us}
    rows: dict[str, list[tuple[int, int]]] = {}
    confirmations = Confirmations(lambda spot_id: rows.get(spot_id, []))
    found: list[Would] = []
    for row in stored.seen:
        held = row.due and filed_us.get(row.spot_id) != row.at_us
        if row.may and not held and row.spot_id not in done:
            now = _judged(row, stored, book, confirmations)
            if now is not None:
                done.add(row.spot_id)
                found += [now] if from_us <= row.at_us < to_us else []
        confirmations.add(row.spot_id, row.first_us, row.at_us)
        rows.setdefault(row.spot_id, []).append((row.first_us, row.at_us))
    return found


def _judged(row: Seen, stored: Stored, book: RuleBook | None, confirmations: Confirmations) -> Would | None:
    spot = row.spot()
    rules = book or in_force(stored.rules, row.at_us)
    zones = in_force(stored.zones.get(row.camera, []), row.at_us)
    if rules is None:
        return None
    confirmed = confirmations.of(row.spot_id, row.first_us, row.at_us)
    decision = decide(rules, spot, zones or [], moment(row.at_us), confirmed)
    if not decision.file or decision.rule is None:
        return None
    return Would(
        spot_id=row.spot_id,
        camera=row.camera,
        case_class=row.case_class,
        label=row.label,
        at=moment(row.at_us),
        dwell_s=max(0.0, spot.dwell_s),
        class_code=decision.rule.class_code,
        rule=decision.rule.name,
        rule_version=rules.version,
        zone=decision.zone,
    )


def in_force(settings: list[tuple[int, T]], at_us: int) -> T | None:
    """The newest setting that is not later than `at_us`; the first one for what came before it."""
    if not settings:
        return None
    return settings[max(0, bisect.bisect_right([at for at, _ in settings], at_us) - 1)][1]


@dataclass(frozen=True)
class Comparison:
    """`same`: what both filed, by place and class; `added`: only the replayed rules; `dropped`: only the kiosk."""

    would: list[Would]
    filed: list[Filed]
    same: list[Would]
    added: list[Would]
    dropped: list[Filed]

    def to_dict(self) -> dict[str, Any]:
        """For --json; times in UTC."""
        return {
            "would_file": [_would(w) for w in self.would],
            "filed": [_filed(f) for f in self.filed],
            "same": [w.spot_id for w in self.same],
            "added": [w.spot_id for w in self.added],
            "dropped": [f.spot_id for f in self.dropped],
        }


def compare(would: list[Would], filed: list[Filed]) -> Comparison:
    """By place and class."""
    theirs = {(f.spot_id, f.class_code) for f in filed}
    ours = {(w.spot_id, w.class_code) for w in would}
    return Comparison(
        would,
        filed,
        same=[w for w in would if (w.spot_id, w.class_code) in theirs],
        added=[w for w in would if (w.spot_id, w.class_code) not in theirs],
        dropped=[f for f in filed if (f.spot_id, f.class_code) not in ours],
    )


def replay_file(path: Path, book: RuleBook | None, start: datetime | None, end: datetime | None) -> Comparison:
    """Replay a kiosk's file, which may be in use; None: from the oldest, to the newest row. Raises NothingStored."""
    if not path.is_file():
        raise NothingStored(f"{path}: no such file; give the kiosk's <data>/<device>.db")
    conn = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        oldest, newest = conn.execute("select min(at_us), max(at_us) from sighting").fetchone()
        if oldest is None:
            raise NothingStored(f"{path}: holds no sightings yet; let the kiosk see something (sightings_rows_max > 0)")
        from_us = oldest if start is None else microseconds(start)
        to_us = newest + 1 if end is None else microseconds(end)
        filed = read_filed(conn)
        stored = Stored(read_seen(conn, from_us, to_us), filed, read_rules(conn), read_zones(conn), oldest)
        would = would_file(stored, book, from_us, to_us)
    except sqlite3.Error as error:
        raise NothingStored(
            f"{path}: holds no stored sightings ({error}); give the kiosk's <data>/<device>.db"
        ) from error
    finally:
        conn.close()
    return compare(would, [f for f in filed if from_us <= f.at_us < to_us])


def _would(would: Would) -> dict[str, Any]:
    return asdict(would) | {"at": would.at.isoformat()}


def _filed(filed: Filed) -> dict[str, Any]:
    return {k: v for k, v in filed._asdict().items() if k != "at_us"} | {"at": moment(filed.at_us).isoformat()}
