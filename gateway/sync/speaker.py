"""The thread that gives out pages: answers to handsets that ask, small deltas to those that lack something, wipes."""

import threading
import time
from dataclasses import dataclass
from itertools import islice

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError

from edge.wire import Bulk, Delta, PhotoState, Pull, Wipe, encode, topic
from gateway.counters import Counters
from gateway.database import Database
from gateway.ingest import Line
from gateway.leases import May, always
from gateway.sync import handsets, pages
from gateway.sync.ahead import AheadReader
from gateway.sync.cutter import Cutter
from gateway.sync.tokens import Tokens
from gateway.sync.valve import Valve
from gateway.times import Clock, to_text

TICK_S = 0.5
PULLS_MAX = 20_000
DELTA_ENTRIES_MAX = 10
BULK_FROM = 100
RESEND_S = 5.0
RESEND_S_MAX = 300.0
# Until the first pages have shown what they cost. Four seconds' worth at once: a handset that has waited so long for
# its turn has not asked again.
PAGES_PER_S = 400.0
PAGES_AT_ONCE = 1600.0
ANSWERS_AT_ONCE = 256
TELL_REST = 9.0
UNHEARD_S = 1.0
log = structlog.get_logger()


@dataclass
class Told:
    """The last thing sent to a handset, until it says that it has it."""

    cursor: str
    head: int
    through: int
    more: bool
    again_at_s: float
    tries: int = -1


class Speaker:
    """`hear` may be called from any thread; everything else is this thread's own."""

    def __init__(
        self,
        database: Database,
        line: Line,
        counters: Counters,
        clock: Clock,
        tokens: Tokens,
        cutter: Cutter,
        may: May = always,
    ) -> None:
        self._database = database
        self._line = line
        self._counters = counters
        self._clock = clock
        self._tokens = tokens
        self._cutter = cutter
        self._may = may
        self._valve = Valve(PAGES_PER_S, PAGES_AT_ONCE)
        self._heard: dict[str, Pull] = {}
        self._lock = threading.Lock()
        self._found: dict[str, float] = {}
        self._tell_at_s = 0.0
        self._told: dict[str, Told] = {}
        self._stop = threading.Event()
        self.wake = threading.Event()

    def hear(self, pulls: list[Pull]) -> None:
        """These were written down; those that ask are answered. Over the queue's limit they ask again later."""
        with self._lock:
            for pull in pulls:
                if pull.device in self._heard or len(self._heard) < PULLS_MAX:
                    self._heard[pull.device] = pull
                else:
                    self._counters.add("sync_pulls_dropped")
        self.wake.set()

    def found(self, devices: set[str]) -> None:
        """These came up while the gateway was away: what they asked then was lost with the broker."""
        at_s = time.monotonic() + UNHEARD_S
        with self._lock:
            self._found |= dict.fromkeys(devices, at_s)

    def photos(self, states: list[tuple[str, PhotoState]]) -> None:
        """(device, state), after the commit of what they say."""
        for device, state in states:
            self._line.publish(topic("down", device, "photostate"), encode(state), 1)

    def stop(self) -> None:
        """End after the round under way."""
        self._stop.set()
        self.wake.set()

    def run(self) -> None:
        """Until stopped."""
        while not self._stop.is_set():
            self.wake.wait(0.0 if self._heard else TICK_S)
            self.wake.clear()
            try:
                self.round(time.monotonic())
            except OperationalError as error:
                log.error("sync.database", reason=str(error.orig))

    def round(self, now_s: float) -> None:
        """Answer, tell, cut."""
        self._answer(now_s)
        if self._may():  # one of several gateways tells; each answers what it was asked
            self._tell(now_s)
            self._cut()

    def _answer(self, now_s: float) -> None:
        """Some of those who ask; the others' turn is next, so that nobody's answer waits for everybody's page."""
        heard = self._take(ANSWERS_AT_ONCE)
        for device, pull in heard.items():
            self._told[device] = Told(pull.cursor, 0, 0, more=pull.ask, again_at_s=now_s)
        asking = {device: pull for device, pull in heard.items() if pull.ask}
        if not asking:
            return
        began_s, given = time.monotonic(), 0
        with self._database.read() as tx:
            books = AheadReader(tx, {device: pull.cursor for device, pull in asking.items()})
            for device, pull in asking.items():
                if device in books.revoked:
                    self._wipe(device)
                else:
                    given += self._page(books, pull, now_s)
        if given:
            self._valve.learn(given, time.monotonic() - began_s)

    def _take(self, limit: int) -> dict[str, Pull]:
        """The first of what was heard and not yet looked at."""
        with self._lock:
            names = list(islice(self._heard, limit))
            for name in names:
                self._found.pop(name, None)
            return {name: self._heard.pop(name) for name in names}

    def _unheard(self, now_s: float) -> list[str]:
        """Those that were found and have not asked again since."""
        with self._lock:
            names = [name for name, at_s in self._found.items() if now_s >= at_s and name not in self._heard]
            for name in names:
                del self._found[name]
            return names

    def _page(self, books: AheadReader, pull: Pull, now_s: float) -> bool:
        """False when it was only told to come back."""
        wait_s = self._valve.wait_s(now_s)
        crew = books.crew_of(pull.device)
        if wait_s:
            self._counters.add("sync_deferred")
            delta = Delta(crew=crew, epoch=pull.epoch, after=pull.cursor, more=True, defer_s=round(wait_s, 1))
            self._say(pull.device, delta)
            return False
        delta = pages.answer(books, pull, self._clock())
        start = pages.place(books, crew, pull.cursor) or 0
        if delta.more and not delta.urgent and books.head(crew) - start > BULK_FROM:
            delta.bulk = self._bulk(pull.device)
        self._say(pull.device, delta)
        self._remember(pull.device, delta, books.head(crew), now_s)
        return True

    def _tell(self, now_s: float) -> None:
        """Small deltas. Looking for whom is not cheap where there are many: it takes at most a tenth of the time."""
        if now_s < self._tell_at_s:
            return
        began_s = time.monotonic()
        with self._database.read() as tx:
            due = [(row, row["cursor"]) for row in handsets.standing(tx, self._unheard(now_s))]
            found = ((row, self._from(row, now_s)) for row in handsets.behind(tx))
            due += [(row, at) for row, at in found if at is not None]
            for i in range(0, len(due), ANSWERS_AT_ONCE):
                part = due[i : i + ANSWERS_AT_ONCE]
                books = AheadReader(tx, {row["device"]: at for row, at in part})
                for row, at in part:
                    self._push(books, row, at, now_s)
        self._tell_at_s = now_s + TELL_REST * (time.monotonic() - began_s)

    def _from(self, row: "sa.RowMapping", now_s: float) -> str | None:
        """The cursor from which a handset is to be told; None: not now, it asks itself or has something under way."""
        if row["device"] in self._heard:
            return None
        told = self._told.get(row["device"])
        if told is None:  # written down, and not yet heard here: perhaps it asks
            self._told[row["device"]] = Told(row["cursor"], 0, 0, more=True, again_at_s=now_s + UNHEARD_S)
            return None
        if now_s >= told.again_at_s:
            return str(row["cursor"])
        if told.more or (told.head >= row["head"] and told.through >= row["through"]):
            return None
        return told.cursor

    def _push(self, books: AheadReader, row: "sa.RowMapping", at: str, now_s: float) -> None:
        delta = pages.page(books, row["device"], row["epoch"], at, self._clock(), DELTA_ENTRIES_MAX)
        self._say(row["device"], delta)
        self._remember(row["device"], delta, row["head"], now_s)

    def _remember(self, device: str, delta: Delta, head: int, now_s: float) -> None:
        tries = self._told[device].tries + 1 if device in self._told else 0
        wait_s = min(RESEND_S_MAX, RESEND_S * 1.5 ** min(tries, 20))
        self._told[device] = Told(delta.next, head, delta.through, delta.more, now_s + wait_s, tries)

    def _say(self, device: str, delta: Delta) -> None:
        sent = self._line.publish(topic("down", device, "delta"), encode(delta), 1)
        self._counters.add("sync_pages" if sent else "sync_pages_unsent")

    def _bulk(self, device: str) -> Bulk:
        token, expires = self._tokens.give(device, self._clock())
        return Bulk(path="/api/sync/page", token=token, expires=expires)

    def _wipe(self, device: str) -> None:
        with self._database.read() as tx:
            row = handsets.revocation(tx, device)
        wipe = Wipe(wipe_id=f"wipe-{row['revoked_at']}", reason=row["revoked_reason"])
        self._line.publish(topic("down", device, "wipe"), encode(wipe), 1)
        self._counters.add("wipes_sent")

    def _cut(self) -> None:
        """A revoked handset is told to wipe at once, then its session is ended and what is queued for it dropped."""
        with self._database.read() as tx:
            names = handsets.to_cut(tx)
        for device in names:
            self._wipe(device)
            if self._cutter.cut(device):
                with self._database.write() as tx:
                    handsets.cut(tx, device, to_text(self._clock()))
                self._told.pop(device, None)
