"""The log of stored sightings: what each place saw, thinned and bounded, so that rules can be replayed over it."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from edge.kiosk.sightrows import (
    InForce,
    Kind,
    Seen,
    create,
    filed_row,
    insert,
    microseconds,
    seen_row,
    trim,
)
from edge.kiosk.store import Within
from edge.link import Outbox
from edge.watch.camera import Shot
from edge.watch.confirm import Confirmations
from edge.watch.places import Change, Spot
from edge.watch.rules import Decision, RuleBook, Zone, decide
from edge.wire import Candidate

GAP_S_MIN, GAP_S_MAX = 1.0, 60.0
GAP_SHARE = 0.05  # of the dwell: the longer a thing stands, the less often it is worth a row
FLUSH_EVERY_S = 10.0
ROWS_WAITING_MAX = 5000
PLACES_MAX = 5000
RESTING_FLUSHES = 360
PLACE_KEPT_US = 3600 * 1_000_000

log = structlog.get_logger()


@dataclass(frozen=True)
class SightingLimits:
    """The oldest rows go first, counted. `rows_max` 0: nothing is stored, and rules cannot be replayed."""

    rows_max: int = 500_000
    days_max: float = 30.0


class SightingLog:
    """One for all cameras of a kiosk; called by its detection thread alone.

    A place gets a row when it is first seen, whenever the rules ask for it, and else after GAP_SHARE of its dwell, at
    least GAP_S_MIN and at most GAP_S_MAX seconds after the last. Rows wait in memory and are stored FLUSH_EVERY_S apart
    in one transaction, or with a candidate in its own: a kill costs seconds of sightings, never those of a candidate.
    `counters`: rows that could not be stored, and rows that were deleted for the limits.
    """

    def __init__(self, outbox: Outbox, limits: SightingLimits | None = None) -> None:
        self._outbox = outbox
        self.limits = limits or SightingLimits()
        self.counters = {"sightings_lost": 0, "sightings_trimmed": 0}
        self._waiting: list[Seen] = []
        self._settings: list[InForce] = []
        self._in_force: dict[tuple[Kind, str], object] = {}
        self._logged: dict[str, int] = {}
        self._asked: dict[str, bool] = {}
        self._due_us: dict[str, int] = {}
        self._confirmations = Confirmations(self._history)
        self._flushed_s: float | None = None
        self._resting = 0
        outbox.transact(create)
        self._rows = int(str(outbox.query("select count(*) from sighting")[0][0]))

    def judge(self, rules: RuleBook, spot: Spot, zones: list[Zone], at: datetime) -> Decision:
        """What the rules say of a place that was just seen, with its confirmations; noted for `seen`."""
        now_us = microseconds(at)
        confirmed = self._confirmations.of(spot.spot_id, microseconds(spot.first_seen), now_us)
        decision = decide(rules, spot, zones, at, confirmed)
        self._asked[spot.spot_id] = decision.file
        if decision.file:
            self._due_us[spot.spot_id] = now_us
        return decision

    def seen(self, camera: str, zones: list[Zone], change: Change, shot: Shot, rules: RuleBook) -> None:
        """One frame's places, after the rules were asked about those that may be filed."""
        now_us = microseconds(shot.at)
        self._note_in_force("zones", camera, zones, now_us)
        self._note_in_force("rules", "", rules, now_us)
        may = {spot.spot_id for spot in change.due}
        for spot in change.seen:
            # One that may be filed and was not asked about is on its way: its pictures are being made.
            asked = self._asked.get(spot.spot_id)
            due = spot.spot_id in may and asked is not False
            if asked or self._is_time(spot, now_us):
                self._log(seen_row(spot, shot.at, spot.spot_id in may or spot.state == "filed", due))
        self._asked.clear()
        self._forget([spot.spot_id for spot in change.gone + change.forgotten])
        if self._flushed_s is None:
            self._flushed_s = shot.mono_s
        if shot.mono_s - self._flushed_s >= FLUSH_EVERY_S:
            self._flushed_s = shot.mono_s
            if self._waiting:
                self.flush()

    def shift(self, spots: Iterable[Spot], by: timedelta) -> None:
        """The wall clock was set (`PlaceMemory.shift`): confirmations of these places go on, and for an hour no row
        goes for its age, by a clock that may be set again."""
        self._resting = RESTING_FLUSHES
        self._confirmations.shift([spot.spot_id for spot in spots], by // timedelta(microseconds=1))

    def filing(self, candidate: Candidate, spot: Within) -> Within:
        """For Outbox.put(within=...): the spot, the candidate's own row and the sightings that led to it."""
        at_us = self._due_us.get(candidate.place_id, microseconds(candidate.last_seen))
        filed = [filed_row(candidate, at_us)]

        def work(conn: sqlite3.Connection) -> None:
            spot(conn)
            if self.limits.rows_max:
                # They wait on all the same, should this transaction fail, and are then no news.
                self._rows += insert(conn, self._waiting, self._settings, filed)

        return work

    def flush(self) -> None:
        """Store what waits and keep to the limits. A disk that fails costs the rows, counted, and nothing else."""
        try:
            self._outbox.transact(self._store)
        except sqlite3.Error as error:
            self.counters["sightings_lost"] += len(self._waiting)
            log.error("sightings.lost", rows=len(self._waiting), reason=str(error))
            self._in_force.clear()
        self._waiting, self._settings = [], []
        if len(self._logged) > PLACES_MAX:
            newest = max(self._logged.values())
            self._forget([name for name, at in self._logged.items() if at < newest - PLACE_KEPT_US])

    def _store(self, conn: sqlite3.Connection) -> None:
        rows = self._rows
        if self.limits.rows_max:
            rows += insert(conn, self._waiting, self._settings, [])
        oldest = datetime.now(UTC) - timedelta(days=self.limits.days_max)
        gone = trim(conn, rows - self.limits.rows_max, 0 if self._resting else microseconds(oldest))
        self._resting = max(0, self._resting - 1)
        self.counters["sightings_trimmed"] += gone
        self._rows = rows - gone

    def _log(self, row: Seen) -> None:
        self._logged[row.spot_id] = row.at_us
        self._confirmations.add(row.spot_id, row.first_us, row.at_us)
        if len(self._waiting) >= ROWS_WAITING_MAX:
            self.flush()
        self._waiting.append(row)

    def _is_time(self, spot: Spot, now_us: int) -> bool:
        last_us = self._logged.get(spot.spot_id)
        gap_s = min(GAP_S_MAX, max(GAP_S_MIN, GAP_SHARE * spot.dwell_s))
        return last_us is None or not 0 <= now_us - last_us < gap_s * 1e6

    def _note_in_force(self, kind: Kind, name: str, value: RuleBook | list[Zone], now_us: int) -> None:
        if self._in_force.get((kind, name)) is value:
            return
        self._in_force[kind, name] = value
        self._settings.append(InForce(kind, name, now_us, msgspec.json.encode(value).decode()))

    def _history(self, spot_id: str) -> list[tuple[int, int]]:
        rows = self._outbox.query("select first_us, at_us from sighting where spot_id = ?", (spot_id,))
        stored = {(int(str(first)), int(str(at))) for first, at in rows}
        waiting = {(row.first_us, row.at_us) for row in self._waiting if row.spot_id == spot_id}
        return sorted(stored | waiting, key=lambda row: row[1])

    def _forget(self, spot_ids: list[str]) -> None:
        self._confirmations.forget(spot_ids)
        for spot_id in spot_ids:
            self._logged.pop(spot_id, None)
            self._due_us.pop(spot_id, None)
