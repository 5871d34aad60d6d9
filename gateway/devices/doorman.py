"""At the intake's door: is this device let in, is it within its rate, its share of the queue and its day's quota?

| over | what happens | why nothing is lost |
|---|---|---|
| not known, revoked, certificate run out | acknowledged to the broker, no receipt | its device keeps it |
| the channel's rate, or the device's share of the queue | the same: deferred | sent again after a while |
| the day's bytes | deferred till the next day (UTC) | the same |
| the day's bytes of evidence | refused with OVER_QUOTA: deferring would send megabytes again and again | the original
  stays on the device; the candidate went ahead |

What is turned away costs no decoding, no place in a batch and no disk, so a flood slows its own sender alone.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from edge.wire import Channel
from gateway.database import Database
from gateway.devices import known
from gateway.devices.known import Standing
from gateway.devices.settings import IdentitySettings
from gateway.identity_tables import device_usage
from gateway.limits import FloodLimit
from gateway.times import Clock, to_text, utc_now

LOOK_EVERY_S = 0.5
FLUSH_EVERY_S = 5.0
KEEP_DAYS = 31
DEVICES_MAX = 50_000


class Word(StrEnum):
    """What the doorman says; the text is the counter's name."""

    IN = "let_in"
    NOT_ALLOWED = "not_allowed"
    THROTTLED = "throttled"
    CROWDED = "queue_share"
    TOMORROW = "quota_deferred"
    OVER_QUOTA = "over_quota"


class Doorman:
    """`look` is called by the intake's own thread, the rest from any."""

    def __init__(
        self,
        settings: IdentitySettings,
        rate_factor: float = 1.0,
        database: Database | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._limit = FloodLimit(rate_factor)
        self._lock = threading.Lock()
        self._queued: Counter[str] = Counter()
        self._today: dict[str, Counter[str]] = defaultdict(Counter)
        self._unsaved: dict[str, Counter[str]] = defaultdict(Counter)
        self._day = ""
        self._standing: Standing | None = None
        self._looked_s = float("-inf")
        self._flushed_s = float("-inf")
        self.on_lapsed: Callable[[frozenset[str]], None] = lambda devices: None

    def ask(self, device: str, row: Channel | None, size_bytes: int, now_s: float) -> Word:
        """What becomes of a message; IN takes its place in the queue until `done`. `now_s`: a monotonic clock."""
        with self._lock:
            word = self._word(device, row, size_bytes, now_s)
            self._count(device, row, size_bytes, word)
            return word

    @property
    def requires(self) -> bool:
        """Whether only devices that were claimed are let in."""
        return self._settings.require

    def has_room(self, device: str, size_bytes: int) -> bool:
        """Whether the device's day has room for so many bytes of evidence more, which come by HTTP."""
        with self._lock:
            used = self._today[device]["evidence_bytes"] if device in self._today else 0
            fits = used + size_bytes <= self._settings.evidence_bytes_per_day_max
            if not fits:
                self._add(device, {"over_quota": 1})
            return fits

    def spend(self, device: str, size_bytes: int) -> None:
        """Bytes of evidence that came by HTTP count like those that come by MQTT."""
        with self._lock:
            self._add(device, {"evidence_bytes": size_bytes})

    def done(self, device: str) -> None:
        """A message that was let in has left the queue."""
        with self._lock:
            self._queued[device] -= 1
            if self._queued[device] <= 0:
                del self._queued[device]

    def look(self, now_s: float) -> None:
        """Read who may speak, at most every LOOK_EVERY_S; write the day's use every FLUSH_EVERY_S."""
        if self._database is None:
            return
        if now_s - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = now_s
            self._see(self._database, self._clock())
        if now_s - self._flushed_s >= FLUSH_EVERY_S and self._unsaved:
            self._flushed_s = now_s
            self._flush(self._database)

    def _word(self, device: str, row: Channel | None, size_bytes: int, now_s: float) -> Word:
        if not self._let_in(device):
            return Word.NOT_ALLOWED
        if not self._limit.allows(device, row, now_s):
            return Word.THROTTLED
        if self._queued[device] >= self._settings.queue_per_device_max:
            return Word.CROWDED
        used = self._today[device] if device in self._today else Counter()
        if row is not None and row.name == "evidence":
            over = used["evidence_bytes"] + size_bytes > self._settings.evidence_bytes_per_day_max
            return Word.OVER_QUOTA if over else Word.IN
        return Word.TOMORROW if used["size_bytes"] + size_bytes > self._settings.bytes_per_day_max else Word.IN

    def _let_in(self, device: str) -> bool:
        now = self._standing
        if now is None:
            return not self._settings.require
        if device in now.revoked or device in now.lapsed:
            return False
        return device in now.active or not self._settings.require

    def _count(self, device: str, row: Channel | None, size_bytes: int, word: Word) -> None:
        if word is Word.IN:
            self._queued[device] += 1
        if word is Word.NOT_ALLOWED:
            return
        over = word in (Word.TOMORROW, Word.OVER_QUOTA)
        names = ["messages", "size_bytes"] if word is Word.IN else ["over_quota" if over else "throttled"]
        if word is Word.IN and row is not None and row.name == "evidence":
            names[1] = "evidence_bytes"
        self._add(device, {name: size_bytes if name.endswith("bytes") else 1 for name in names})

    def _add(self, device: str, more: dict[str, int]) -> None:
        if device not in self._today and len(self._today) >= DEVICES_MAX:
            return
        for counts in (self._today[device], self._unsaved[device]):
            for name, count in more.items():
                counts[name] += count

    def _see(self, database: Database, now: datetime) -> None:
        day = to_text(now)[:10]
        try:
            with database.read() as tx:
                standing = known.standing(tx, now)
                used = _used(tx, day) if day != self._day else None
        except sa.exc.OperationalError:
            return  # the commit that follows tells of it; who was known before is known still
        before = self._standing
        with self._lock:
            self._standing = standing
            if used is not None:
                self._day = day
                self._today = used
                self._unsaved = defaultdict(Counter)
        if before is not None and standing.lapsed - before.lapsed:
            self.on_lapsed(standing.lapsed - before.lapsed)

    def _flush(self, database: Database) -> None:
        with self._lock:
            rows, self._unsaved = self._unsaved, defaultdict(Counter)
        try:
            with database.write() as tx:
                for device, counts in rows.items():
                    _add(tx, self._day, device, counts)
                tx.execute(sa.delete(device_usage).where(device_usage.c.day < _days_before(self._clock(), KEEP_DAYS)))
        except sa.exc.OperationalError:
            with self._lock:
                for device, counts in rows.items():
                    self._unsaved[device] += counts


def usage(tx: sa.Connection, day: str, limit: int) -> list[dict[str, object]]:
    """A day's use by device, the one with most turned away first."""
    u = device_usage.c
    order = (u.over_quota + u.throttled).desc(), (u.size_bytes + u.evidence_bytes).desc()
    return [
        dict(row)
        for row in tx.execute(sa.select(device_usage).where(u.day == day).order_by(*order).limit(limit)).mappings()
    ]


_NAMES = ("messages", "size_bytes", "evidence_bytes", "throttled", "over_quota")


def _used(tx: sa.Connection, day: str) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in tx.execute(sa.select(device_usage).where(device_usage.c.day == day)).mappings():
        found[row["device"]] = Counter({name: row[name] for name in _NAMES})
    return found


def _add(tx: sa.Connection, day: str, device: str, counts: Counter[str]) -> None:
    mine = sa.and_(device_usage.c.day == day, device_usage.c.device == device)
    more = {name: device_usage.c[name] + counts[name] for name in _NAMES}
    if tx.execute(sa.update(device_usage).where(mine).values(more)).rowcount == 0:
        tx.execute(sa.insert(device_usage), {"day": day, "device": device} | {name: counts[name] for name in _NAMES})


def _days_before(now: datetime, days: int) -> str:
    return datetime.fromtimestamp(now.timestamp() - days * 86_400, now.tzinfo).strftime("%Y-%m-%d")
