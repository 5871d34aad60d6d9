"""A replay that the centre asked for, in a process of its own with low priority: watching goes on beside it.

`python -m edge.kiosk.replaying FILE.db STANDARDS` reads an ask (JSON) on stdin and writes its answer (JSON) on stdout.
"""

import os
import sqlite3
import sys
import tempfile
from collections import Counter
from contextlib import closing
from datetime import datetime
from pathlib import Path

import msgspec

from edge.kiosk.replay import Comparison, NothingStored, Would, replay_file
from edge.kiosk.rulefile import load_rules
from edge.kiosk.sightrows import Filed, microseconds, moment, read_rules, read_zones
from edge.link import SettingsError
from edge.wire.asks import ReplayAsk, ReplayCount, Replayed, ReplayRow, Sign

NICE = 10


def answered(db: Path, standards: Path, ask: ReplayAsk) -> Replayed:
    """Raises SettingsError (the rules are not usable), NothingStored."""
    book = None
    if ask.rules:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rules.toml"
            path.write_text(ask.rules, encoding="utf-8")
            try:
                book = load_rules(path, standards)
            except SettingsError as error:
                raise SettingsError(str(error).replace(str(path), "rules")) from error
    found = replay_file(db, book, ask.start, ask.end)
    with closing(sqlite3.connect(f"{db.resolve().as_uri()}?mode=ro", uri=True)) as conn:
        low = 0 if ask.start is None else microseconds(ask.start)
        high = 2**62 if ask.end is None else microseconds(ask.end)
        query = "select count(*), min(at_us), max(at_us) from sighting where at_us >= ? and at_us < ?"
        count, oldest, newest = conn.execute(query, (low, high)).fetchone()
        if not count:
            raise NothingStored("this kiosk holds no sightings of that span; take another")
        rules, zones = ("", []) if ask.rules else _in_force(conn)
    lines = _lines(found)
    shown = lines[: ask.rows_max]
    return Replayed(
        version=book.version if book else "in force",
        sightings=count,
        oldest=moment(oldest),
        newest=moment(newest),
        counts=_counts(lines),
        rows=shown,
        left_out=len(lines) - len(shown),
        rules=rules,
        zones=zones,
    )


def _in_force(conn: sqlite3.Connection) -> tuple[str, list[str]]:
    """The newest rules, without the city's table that they name, and each camera's newest zones."""
    books = read_rules(conn)
    rules = msgspec.json.encode(msgspec.structs.replace(books[-1][1], table=None)).decode() if books else ""
    zones = [
        f"{camera}: {zone.name} ({zone.kind}{', ' + zone.street if zone.street else ''})"
        for camera, settings in sorted(read_zones(conn).items())
        for zone in (settings[-1][1] if settings else [])
    ]
    return rules, zones


def _lines(found: Comparison) -> list[ReplayRow]:
    """What changes first, then what stays, each by time."""
    lines = [_row("+", would, would.at) for would in found.added]
    lines += [_row("-", filed, moment(filed.at_us)) for filed in found.dropped]
    same = sorted((_row("=", would, would.at) for would in found.same), key=lambda row: row.at)
    return sorted(lines, key=lambda row: row.at) + same


def _row(sign: Sign, one: Would | Filed, at: datetime) -> ReplayRow:
    return ReplayRow(
        sign=sign,
        at=at,
        camera=one.camera,
        class_code=one.class_code,
        label=one.label,
        rule=one.rule,
        zone=one.zone,
        dwell_s=one.dwell_s,
        place=one.spot_id,
    )


def _counts(lines: list[ReplayRow]) -> list[ReplayCount]:
    tally = Counter((line.class_code, line.sign) for line in lines)
    return [
        ReplayCount(class_code=code, same=tally[code, "="], added=tally[code, "+"], dropped=tally[code, "-"])
        for code in sorted({line.class_code for line in lines})
    ]


def main() -> int:
    """0 and an answer on stdout, or 2 and one line on stderr."""
    os.nice(NICE)
    try:
        ask = msgspec.json.decode(sys.stdin.buffer.read(), type=ReplayAsk)
        answer = answered(Path(sys.argv[1]), Path(sys.argv[2]), ask)
    except (SettingsError, NothingStored, msgspec.DecodeError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
