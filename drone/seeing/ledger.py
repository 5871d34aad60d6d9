"""The seen-ledger: which ground was really seen, when, how finely, how steeply and how clearly, so that "nothing here"
is a statement and not the absence of one.

It knows flat (or modelled) ground and what the detector took for people and vehicles; it does not know roofs and tree
crowns that hide ground from above.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from drone.seeing.grid import CELL_M, Cells, cells_around, middles, zone_of
from drone.seeing.sizes import ON_GROUND, SIZES
from drone.seeing.view import FrameView
from edge.wire import CaseClass

ROWS_MAX = 1_000_000
REACH_M = 120.0  # from the point below the camera: at the law's height nothing farther is seen finely
CM_PX_MAX = 12.0  # coarser, and no class of ours would be found
CLEAR_MIN = 0.2  # of 1: sharpness of the picture; what is below was filtered by the view's own faults

Blocked = Sequence[tuple[float, float, float, float]]
Key = tuple[int, int, int, str]


class Base(Protocol):
    """Where the ledger's table lies: the outbox's database, or a file of its own."""

    def transact(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Run `work` in one transaction."""
        ...

    def query(self, sql: str, args: Iterable[object] = ()) -> list[tuple[object, ...]]:
        """Rows."""
        ...


@dataclass(slots=True)
class Look:
    """The best look at a cell in one flight. first_us, last_us: UTC in microseconds; shift_m: one sigma of where the
    whole flight may lie beside; clear: 0 to 1."""

    first_us: int
    last_us: int
    looks: int
    cm_px: float
    depression_deg: float
    clear: float
    shift_m: float

    def better(self, other: Look) -> Look:
        """Both as one: the finer picture counts, times and looks add up."""
        fine, rest = (self, other) if self.cm_px <= other.cm_px else (other, self)
        return Look(
            min(self.first_us, other.first_us),
            max(self.last_us, other.last_us),
            fine.looks + rest.looks,
            fine.cm_px,
            fine.depression_deg,
            fine.clear,
            fine.shift_m,
        )


@dataclass(frozen=True)
class Statement:
    """Whether a place was seen so well that a thing there would have been found. share: of its cells.

    as_of_us: when the cell that was seen longest ago was seen last, UTC in microseconds."""

    enough: bool
    share: float
    words: str
    as_of_us: int | None = None


class Ledger:
    """Cells by (zone, east, north, flight). New looks are held in memory until `flush`; at rows_max the rows seen
    longest ago are dropped, `dropped` counts them."""

    def __init__(self, base: Base, rows_max: int = ROWS_MAX) -> None:
        self._base = base
        self._rows_max = rows_max
        self._new: dict[Key, Look] = {}
        self.dropped = 0
        base.transact(_create)

    def see(self, view: FrameView, at_us: int, flight: str, clear: float, blocked: Blocked = ()) -> int:
        """Note what a frame shows, without what people and vehicles (boxes in px) hide. Returns how many cells."""
        lat, lon = float(view.pose.origins[0, 0]), float(view.pose.origins[0, 1])
        zone = zone_of(lat, lon)
        cells = cells_around(zone, lat, lon, min(view.reach_m, REACH_M))
        shown = view.show(*middles(zone, cells))
        seen = shown.inside & (shown.cm_px <= CM_PX_MAX) & ~_covered(shown.pixel, blocked)
        for number in np.flatnonzero(seen).tolist():
            key = (zone, int(cells[number, 0]), int(cells[number, 1]), flight)
            cm_px, steep = float(shown.cm_px[number]), float(shown.depression_deg[number])
            look = Look(at_us, at_us, 1, cm_px, steep, clear, view.shift_m)
            self._new[key] = self._new[key].better(look) if key in self._new else look
        return int(seen.sum())

    def flush(self) -> None:
        """Store what is new, in one transaction."""
        if not self._new:
            return
        rows = list(self._new.items())
        self._base.transact(lambda conn: _merge(conn, rows))
        self._new.clear()
        over = self.size - self._rows_max
        if over > 0:
            self.dropped += over
            self._base.transact(lambda conn: _forget(conn, over))

    @property
    def size(self) -> int:
        """Rows stored."""
        return int(str(self._base.query("select count(*) from seen")[0][0]))

    def rows(self, since_us: int = 0, until_us: int = 2**62) -> list[tuple[Key, Look]]:
        """All looks whose last moment lies in the span, `flush` first."""
        self.flush()
        found = self._base.query(
            "select zone, east, north, flight, first_us, last_us, looks, cm_px, depression_deg, clear, shift_m "
            "from seen where last_us between ? and ? order by zone, north, east",
            (since_us, until_us),
        )
        return [_row(row) for row in found]

    def merge(self, rows: Iterable[tuple[Key, Look]]) -> None:
        """Take in another ledger's looks; the same twice changes nothing, and of one flight the fuller row stays."""
        known = dict(self.rows())
        news = [(key, look) for key, look in rows if key not in known or known[key].looks < look.looks]
        self._base.transact(lambda conn: _put(conn, news))

    def statement(
        self, lat: float, lon: float, sigma_m: float, case_class: CaseClass, since_us: int = 0, radius_m: float = 0.0
    ) -> Statement:
        """Whether the ground where a thing may stand was all seen since then, finely enough for its class: everything
        within radius_m and two sigmas, of the place's own error (sigma_m) and of where the flights may lie beside."""
        if case_class not in ON_GROUND:
            return Statement(False, 0.0, "a poster hangs on a wall, and the ledger knows ground alone")
        self.flush()
        zone, fine_cm = zone_of(lat, lon), SIZES[case_class].cm_px_max
        wide = self._fine(zone, cells_around(zone, lat, lon, radius_m + 2 * sigma_m), fine_cm, since_us)
        shift = max((look.shift_m for look in wide.values()), default=0.0)
        reach = radius_m + 2 * math.hypot(sigma_m, shift)
        cells = cells_around(zone, lat, lon, reach)
        fine = self._fine(zone, cells, fine_cm, since_us)
        share = len(fine) / len(cells)
        as_of = min((look.last_us for look in fine.values()), default=None)
        words = f"{share:.0%} of the ground within {reach:.1f} m seen at {fine_cm:.1f} cm/px or finer"
        return Statement(share == 1.0, share, words, as_of)

    def _fine(self, zone: int, cells: Cells, cm_px_max: float, since_us: int) -> dict[tuple[int, int], Look]:
        """The newest fine and clear look at each of these cells, where there is one."""
        (east0, north0), (east1, north1) = cells.min(axis=0).tolist(), cells.max(axis=0).tolist()
        found = self._base.query(
            "select zone, east, north, flight, first_us, last_us, looks, cm_px, depression_deg, clear, shift_m "
            "from seen where zone = ? and east between ? and ? and north between ? and ? and last_us >= ? "
            "and cm_px <= ? and clear >= ? order by last_us",
            (zone, east0, east1, north0, north1, since_us, cm_px_max, CLEAR_MIN),
        )
        wanted = {(int(e), int(n)) for e, n in cells.tolist()}
        looks = ((key, look) for key, look in map(_row, found))
        return {key[1:3]: look for key, look in looks if key[1:3] in wanted}


class File:
    """A ledger's database by its path, for people's questions; the drone itself uses its outbox."""

    def __init__(self, path: Path) -> None:
        self._conn = sqlite3.connect(path, timeout=10.0)

    def transact(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Run `work` in one transaction."""
        with self._conn:
            work(self._conn)

    def query(self, sql: str, args: Iterable[object] = ()) -> list[tuple[object, ...]]:
        """Rows."""
        return self._conn.execute(sql, tuple(args)).fetchall()

    def close(self) -> None:
        """Close it."""
        self._conn.close()


def _covered(pixel: NDArray[np.float64], blocked: Blocked) -> NDArray[np.bool_]:
    hidden = np.zeros(len(pixel), np.bool_)
    for x1, y1, x2, y2 in blocked:
        hidden |= (pixel[:, 0] >= x1) & (pixel[:, 0] <= x2) & (pixel[:, 1] >= y1) & (pixel[:, 1] <= y2)
    return hidden


def _create(conn: sqlite3.Connection) -> None:
    conn.execute(
        "create table if not exists seen (zone integer, east integer, north integer, flight text, first_us integer, "
        "last_us integer, looks integer, cm_px real, depression_deg real, clear real, shift_m real, "
        "primary key (zone, east, north, flight)) without rowid"
    )
    conn.execute("create index if not exists seen_last on seen (last_us)")


def _merge(conn: sqlite3.Connection, rows: Sequence[tuple[Key, Look]]) -> None:
    """Each with what is stored of its cell and flight."""
    joined = list[tuple[Key, Look]]()
    for key, look in rows:
        old = conn.execute(
            "select zone, east, north, flight, first_us, last_us, looks, cm_px, depression_deg, clear, shift_m "
            "from seen where zone = ? and east = ? and north = ? and flight = ?",
            key,
        ).fetchone()
        joined.append((key, look if old is None else _row(old)[1].better(look)))
    _put(conn, joined)


def _put(conn: sqlite3.Connection, rows: Sequence[tuple[Key, Look]]) -> None:
    values = [(*key, o.first_us, o.last_us, o.looks, o.cm_px, o.depression_deg, o.clear, o.shift_m) for key, o in rows]
    conn.executemany("insert or replace into seen values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def _forget(conn: sqlite3.Connection, count: int) -> None:
    conn.execute(
        "delete from seen where (zone, east, north, flight) in "
        "(select zone, east, north, flight from seen order by last_us limit ?)",
        (count,),
    )


def _row(row: Sequence[object]) -> tuple[Key, Look]:
    zone, east, north, flight, first, last, looks, cm_px, steep, clear, shift = row
    key = (int(str(zone)), int(str(east)), int(str(north)), str(flight))
    figures = [float(str(v)) for v in (cm_px, steep, clear, shift)]
    return key, Look(int(str(first)), int(str(last)), int(str(looks)), *figures)


def area_m2(rows: Sequence[tuple[Key, Look]]) -> float:
    """Ground in a list of looks, each cell once."""
    return len({key[:3] for key, _ in rows}) * CELL_M**2
