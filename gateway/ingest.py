"""The intake thread: collect a batch, commit it, then acknowledge to the broker, then receipt to the devices."""

import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from edge.link.mqtt import Incoming
from edge.wire import NotParsed, Receipt, encode, topic
from gateway.counters import Counters
from gateway.devices.doorman import Doorman, Word
from gateway.settings import GatewaySettings
from gateway.store import BatchStore, Outcome
from gateway.take import Taken, channel_hint, take
from gateway.times import utc_now

IDLE_WAIT_S = 0.002
BACKOFF_S = 0.05
BACKOFF_S_MAX = 5.0
RECEIPT_ROWS_MAX = 64
BATCH_WITH_TURNED_AWAY_MAX = TURNED_AWAY_MAX = 4096
TAKEN = (Word.IN, Word.OVER_QUOTA)

log = structlog.get_logger()


class Line(Protocol):
    """The part of edge.link.mqtt.Connection that the gateway speaks through."""

    def ack(self, incoming: Incoming) -> None: ...

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> bool: ...


@dataclass(frozen=True)
class Waiting:
    """A message in the queue. What is turned away waits without its payload, to be acknowledged in its turn."""

    at_s: float
    incoming: Incoming
    device: str
    word: Word


class Intake:
    """`put` is called by the connection's thread, everything else happens on this object's own."""

    def __init__(
        self,
        settings: GatewaySettings,
        store: BatchStore,
        counters: Counters,
        line: Line,
        on_commit: Callable[[Outcome], None],
        door: Doorman | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._counters = counters
        self._line = line
        self._on_commit = on_commit
        self._door = door or Doorman(settings.identity, settings.rate_factor)
        self._turned_away: Counter[str] = Counter()
        self._told_s = 0.0
        self.on_receipt: Callable[[float], None] = lambda latency_s: None  # from arrival to receipt, one per message
        self._queue: queue.SimpleQueue[Waiting] = queue.SimpleQueue()
        self._bytes = 0
        self._held = 0  # of what is queued, how much is turned away
        self._bytes_lock = threading.Lock()
        self._stop = threading.Event()
        self._drain_until = float("inf")

    def put(self, incoming: Incoming) -> None:
        """Queue a message. Over the queue's limits it is acknowledged without a receipt: its device sends it again."""
        now_s = time.monotonic()
        device, row = channel_hint(incoming.topic)
        word = self._door.ask(device, row, len(incoming.payload), now_s)
        if word not in (Word.IN, Word.OVER_QUOTA):
            incoming = replace(incoming, payload=b"")
        with self._bytes_lock:
            full = self._bytes + len(incoming.payload) > self._settings.queue_bytes_max
            full = full or self._full(word)
            if not full:
                self._bytes += len(incoming.payload)
                self._held += word not in TAKEN
        if full:
            self._counters.add("queue_overflow" if word in TAKEN else word)
            if word is Word.IN:
                self._door.done(device)
            self._line.ack(incoming)
        else:
            self._queue.put(Waiting(now_s, incoming, device, word))

    def stop(self, drain_s: float) -> None:
        """Take in what is queued for at most `drain_s`, then end."""
        self._drain_until = time.monotonic() + drain_s
        self._stop.set()

    def run(self) -> None:
        """Until stopped and drained. Raises what is no database's fault: the process then ends and starts again."""
        while not self._stop.is_set() or (self._queue.qsize() and time.monotonic() < self._drain_until):
            self._door.look(time.monotonic())
            batch = self._collect()
            if batch:
                self._take_in(batch)

    def waiting(self) -> int:
        """Messages in the queue."""
        return self._queue.qsize()

    def _full(self, word: Word) -> bool:
        """What is turned away never takes a place from what is let in: past its own limit it is acknowledged out of its
        turn, which no broker minds."""
        if word in TAKEN:
            return self._queue.qsize() - self._held >= self._settings.queue_messages_max
        return self._held >= TURNED_AWAY_MAX

    def _collect(self) -> list[Waiting]:
        """What is turned away takes no place in a batch."""
        batch: list[Waiting] = []
        deadline, room = 0.0, self._settings.batch_messages_max
        while room > 0 and len(batch) < BATCH_WITH_TURNED_AWAY_MAX:
            wait_s = 0.2 if not batch else min(IDLE_WAIT_S, deadline - time.monotonic())
            try:
                batch.append(self._queue.get(timeout=max(0.0, wait_s)))
            except queue.Empty:
                break
            room -= batch[-1].word is Word.IN
            if len(batch) == 1:
                deadline = time.monotonic() + self._settings.batch_wait_ms / 1000.0
        with self._bytes_lock:
            self._bytes -= sum(len(waiting.incoming.payload) for waiting in batch)
            self._held -= sum(waiting.word not in TAKEN for waiting in batch)
        for waiting in batch:
            if waiting.word is Word.IN:
                self._door.done(waiting.device)
        return batch

    def _take_in(self, batch: list[Waiting]) -> None:
        items = [take(w.incoming, over_quota=w.word is Word.OVER_QUOTA) for w in batch if w.word in TAKEN]
        came = [w.at_s for w in batch if w.word in TAKEN]
        for waiting in batch:
            if waiting.word is not Word.IN:
                self._counters.add(waiting.word)
                self._turned_away[waiting.device] += waiting.word is not Word.NOT_ALLOWED
        outcomes = self._commit(items, self._due(bool(items)))
        if outcomes is None:
            return
        for waiting in batch:
            self._line.ack(waiting.incoming)
        for outcome in outcomes:
            self._receipt(outcome)
            self._on_commit(outcome)
        done_s = time.monotonic()
        for at_s in came:
            self.on_receipt(done_s - at_s)

    def _due(self, with_others: bool) -> list[str]:
        """Devices whose turned away messages are written down now: with others, or once a second. A flood on its own
        costs no more transactions than that."""
        now_s = time.monotonic()
        if not with_others and now_s - self._told_s < 1.0:
            return []
        self._told_s = now_s
        told, self._turned_away = list(self._turned_away.elements()), Counter()
        return told

    def _commit(self, items: Sequence[Taken], throttled: Sequence[str]) -> list[Outcome] | None:
        """Committed, however long it takes; None when the process stops first (then nothing is acknowledged)."""
        if not items and not throttled:
            return []
        delay_s = BACKOFF_S
        while True:
            try:
                return [self._store.commit(items, throttled)]
            except (OperationalError, InterfaceError) as error:
                self._counters.add("commit_retries")
                log.error("intake.not_committed", reason=str(error.orig), retry_s=round(delay_s, 2))
            except (SQLAlchemyError, OverflowError) as error:
                log.error("intake.one_by_one", reason=str(error))
                return [self._commit_single(item) for item in items]
            if self._stop.wait(delay_s * random.uniform(0.5, 1.0)):
                return None
            delay_s = min(BACKOFF_S_MAX, delay_s * 2)

    def _commit_single(self, item: Taken) -> Outcome:
        """A message that the database itself refuses goes among the dead letters; the others go on."""
        try:
            return self._store.commit([item])
        except (OperationalError, InterfaceError):
            return Outcome()  # no receipt: it comes again
        except (SQLAlchemyError, OverflowError) as error:
            self._counters.add("poisonous")
            reason = NotParsed(f"could not be stored: {error}")
            return self._store.commit([Taken(item.incoming, item.device, item.row, None, reason, item.identity)])

    def _receipt(self, outcome: Outcome) -> None:
        for receipt in receipts(outcome):
            if self._line.publish(topic("down", receipt.device, "receipt"), encode(receipt), 1):
                self._counters.add("receipts_sent")
            else:
                self._counters.add("receipts_unsent")


def receipts(outcome: Outcome) -> Iterator[Receipt]:
    """Receipts of a batch, grouped by (device, epoch), each small enough for its channel."""
    for device, epoch in {**outcome.receipts, **outcome.refused}:
        seqs = sorted(set(outcome.receipts.get((device, epoch), [])))
        refused = outcome.refused.get((device, epoch), [])
        for start in range(0, max(len(seqs), len(refused)), RECEIPT_ROWS_MAX):
            part = slice(start, start + RECEIPT_ROWS_MAX)
            yield Receipt(device=device, epoch=epoch, seqs=seqs[part], refused=refused[part], at=utc_now())
