"""What is deleted with age: ledger rows of receipts, pictures, dead letters, tracks; nothing of an open incident.

Each step takes a limited number of rows, so that the intake never waits long for the database's one writer.
"""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError

from gateway import books, tracks
from gateway.counters import Counters
from gateway.database import Database
from gateway.evidence import EvidenceStore
from gateway.leases import May, always
from gateway.settings import GatewaySettings
from gateway.tables import dead_letters, evidence, evidence_refs, incidents, messages
from gateway.times import Clock, to_text

NOT_MINE_S = 1.0
log = structlog.get_logger()


@dataclass(frozen=True)
class Swept:
    """How many went."""

    messages: int = 0
    pictures: int = 0
    dead_letters: int = 0
    tracks: int = 0
    tracks_over: int = 0

    def full(self, rows_max: int) -> bool:
        """Whether a step came to its limit, so that there may be more."""
        return rows_max in (self.messages, self.pictures, self.dead_letters, self.tracks, self.tracks_over)


class Retention:
    """One thread; sweeps at the start and then every `retention_every_s`."""

    def __init__(
        self,
        settings: GatewaySettings,
        database: Database,
        pictures: EvidenceStore,
        counters: Counters,
        clock: Clock,
        may: May = always,
    ) -> None:
        self._settings = settings
        self._database = database
        self._pictures = pictures
        self._counters = counters
        self._clock = clock
        self._may = may
        self._stop = threading.Event()
        self._tracks_after = ""  # the last handset whose points were counted

    def stop(self) -> None:
        """End after the step under way."""
        self._stop.set()

    def run(self) -> None:
        """Until stopped."""
        while not self._stop.is_set():
            if not self._may():
                self._stop.wait(NOT_MINE_S)
                continue
            more = False
            try:
                more = self.sweep().full(self._settings.retention_rows_max)
            except (OperationalError, OSError) as error:
                self._counters.add("retention_failures")
                log.error("retention.failed", reason=str(error).splitlines()[0])
            self._stop.wait(0.1 if more else self._settings.retention_every_s)

    def sweep(self) -> Swept:
        """One step of each kind. Raises OperationalError, OSError."""
        s, now, limit = self._settings, self._clock(), self._settings.retention_rows_max
        keep = (s.keep_messages_days, s.keep_evidence_days, s.keep_dead_letters_days)
        edges = [_before(now, days) for days in keep]
        with self._database.read() as tx:  # looking through everything must not hold the one writer up
            track_edge = _before(now, s.keep_tracks_days)
            over, self._tracks_after = tracks.crowded(tx, self._tracks_after, s.track_points_max, limit)
            if not any(_old(tx, edges, 1)) and not tracks.waits(tx, track_edge) and not over:
                return Swept()
        with self._database.write() as tx:
            old = _old(tx, edges, limit)
            taken, gone, letters = _messages(tx, old[0]), _pictures(tx, old[1]), _letters(tx, old[2])
            points = tracks.sweep(tx, track_edge, limit)
            too_many = tracks.drop(tx, over)
        self._pictures.remove(gone)
        if gone:
            self._pictures.recount()
        swept = Swept(taken, len(gone), letters, points, too_many)
        self._counters.add("retention_messages", swept.messages)
        self._counters.add("retention_pictures", swept.pictures)
        self._counters.add("retention_dead_letters", swept.dead_letters)
        self._counters.add("retention_tracks", swept.tracks)
        self._counters.add("retention_tracks_over", swept.tracks_over)
        return swept


def _before(now: datetime, days: float) -> str:
    """The edge: what is older goes. "" (before everything) for 0 days."""
    return to_text(now - timedelta(days=days)) if days > 0 else ""


def _old(tx: sa.Connection, edges: list[str], limit: int) -> tuple[list[Any], list[str], list[int]]:
    """(ledger rows, pictures, dead letters) that may go."""
    return _old_messages(tx, edges[0], limit), _old_pictures(tx, edges[1], limit), _old_letters(tx, edges[2], limit)


def _old_messages(tx: sa.Connection, before: str, limit: int) -> list[Any]:
    m = messages.c
    of_open = sa.select(incidents.c.incident_id).where(incidents.c.open, incidents.c.incident_id == m.incident_id)
    named = evidence_refs.c.incident_id == incidents.c.incident_id
    shows_open = sa.select(evidence_refs.c.sha256).join(incidents, named)
    shows_open = shows_open.where(incidents.c.open, evidence_refs.c.sha256 == m.subject)
    query = sa.select(m.device, m.epoch, m.seq, m.channel, m.code, m.subject)
    query = query.where(m.received_at < before, ~of_open.exists(), ~shows_open.exists()).limit(limit)
    return list(tx.execute(query).all())


def _messages(tx: sa.Connection, rows: list[Any]) -> int:
    """Ledger rows of what was accepted or refused. New candidates among them are added up in the books."""
    m = messages.c
    brought = ((r.device, r.subject) for r in rows if r.channel == "candidate" and r.code is None and r.subject)
    if (retired := books.summed(brought)).count:
        books.add(tx, retired)
    for row in rows:
        tx.execute(sa.delete(messages).where(m.device == row.device, m.epoch == row.epoch, m.seq == row.seq))
    return len(rows)


def _old_pictures(tx: sa.Connection, before: str, limit: int) -> list[str]:
    e = evidence.c
    named = evidence_refs.c.incident_id == incidents.c.incident_id
    in_use = sa.select(evidence_refs.c.sha256).join(incidents, named)
    in_use = in_use.where(incidents.c.open, evidence_refs.c.sha256 == e.sha256)
    query = sa.select(e.sha256).where(e.stored, e.stored_at < before, ~in_use.exists()).order_by(e.stored_at)
    return list(tx.scalars(query.limit(limit)))


def _pictures(tx: sa.Connection, gone: list[str]) -> list[str]:
    """Marked as gone; the caller deletes the files after its commit."""
    if gone:
        tx.execute(sa.update(evidence).where(evidence.c.sha256.in_(gone)).values(stored=False))
    return gone


def _old_letters(tx: sa.Connection, before: str, limit: int) -> list[int]:
    d = dead_letters.c
    return list(tx.scalars(sa.select(d.n).where(d.last_at < before).order_by(d.n).limit(limit)))


def _letters(tx: sa.Connection, numbers: list[int]) -> int:
    if numbers:
        tx.execute(sa.delete(dead_letters).where(dead_letters.c.n.in_(numbers)))
    return len(numbers)
