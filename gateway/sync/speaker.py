"""The thread that gives out pages: answers to handsets that ask, small deltas to those that lack something, wipes."""

import queue
import threading
import time
from dataclasses import dataclass

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError

from edge.wire import Bulk, Delta, PhotoState, Pull, Wipe, encode, topic
from gateway.counters import Counters
from gateway.database import Database
from gateway.ingest import Line
from gateway.leases import May, always
from gateway.sync import handsets, pages
from gateway.sync.books import SqlReader
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
PAGES_PER_S = 400.0
PAGES_AT_ONCE = 800.0
log = structlog.get_logger()


@dataclass
class Told:
    """The last thing sent to a handset, until it says that it has it."""

    cursor: str
    head: int
    through: int
    more: bool
    again_at_s: float
    tries: int = 0


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
        self._pulls: queue.SimpleQueue[Pull] = queue.SimpleQueue()
        self._told: dict[str, Told] = {}
        self._stop = threading.Event()
        self.wake = threading.Event()

    def hear(self, pulls: list[Pull]) -> None:
        """These were written down; those that ask are answered. Over the queue's limit they ask again later."""
        for pull in pulls:
            if self._pulls.qsize() < PULLS_MAX:
                self._pulls.put(pull)
            else:
                self._counters.add("sync_pulls_dropped")
        self.wake.set()

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
            self.wake.wait(TICK_S)
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
        pulls: dict[str, Pull] = {}
        while not self._pulls.empty():
            pull = self._pulls.get()
            self._told.pop(pull.device, None)
            if pull.ask:
                pulls[pull.device] = pull
        if not pulls:
            return
        with self._database.read() as tx:
            gone = handsets.revoked(tx, pulls)
            for device, pull in pulls.items():
                if device in gone:
                    self._wipe(device)
                else:
                    self._page(tx, pull, now_s)

    def _page(self, tx: sa.Connection, pull: Pull, now_s: float) -> None:
        books = SqlReader(tx)
        wait_s = self._valve.wait_s(now_s)
        if wait_s:
            self._counters.add("sync_deferred")
            crew = books.crew_of(pull.device)
            self._say(pull.device, Delta(crew=crew, epoch=pull.epoch, more=True, defer_s=round(wait_s, 1)))
            return
        if pull.urgent:
            urgent = pages.urgent(books, pull.device, pull.epoch, pull.cursor)
            if urgent.entries:
                self._say(pull.device, urgent)
                return
        delta = pages.page(books, pull.device, pull.epoch, pull.cursor, self._clock())
        start = pages.place(books, delta.crew, pull.cursor) or 0
        if delta.more and books.head(delta.crew) - start > BULK_FROM:
            delta.bulk = self._bulk(pull.device)
        self._say(pull.device, delta)
        self._remember(pull.device, delta, books.head(delta.crew), now_s)

    def _tell(self, now_s: float) -> None:
        with self._database.read() as tx:
            for row in handsets.behind(tx):
                told = self._told.get(row["device"])
                if told is not None and now_s < told.again_at_s:
                    if told.more or (told.head >= row["head"] and told.through >= row["through"]):
                        continue
                    at = told.cursor
                else:
                    at = row["cursor"]
                self._push(tx, row, at, now_s)

    def _push(self, tx: sa.Connection, row: "sa.RowMapping", at: str, now_s: float) -> None:
        books = SqlReader(tx)
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
