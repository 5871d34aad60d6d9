"""The centre of a history: the shipped desk, pages and uploads over books in memory; it can crash at any commit."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from bench.histories.memory import MemoryBooks
from edge.wire import Delta, Message, Op, PhotoState, Piece, Pull, Receipt
from gateway.counters import Counters
from gateway.evidence import EvidenceStore
from gateway.sync import pages
from gateway.sync.desk import Desk, Taken
from gateway.sync.uploads import Uploads

DELTA_ENTRIES = 3
PAGE_ENTRIES = 4


class Crash(RuntimeError):
    """The power went."""


class Centre:
    """`send` (device, message). `now`: the centre's own clock. `early`: the mutant that answers before it commits."""

    def __init__(
        self,
        books: MemoryBooks,
        folder: Path,
        rng: random.Random,
        now: Callable[[], datetime],
        send: Callable[[str, Message], None],
        desk: type[Desk] = Desk,
        early: bool = False,
    ) -> None:
        self.books = books
        self.desk = desk(books, now)
        self.crash_share = 0.0
        self.crashes = 0
        self.pictures = EvidenceStore(folder / "evidence", 2**40)
        self._folder = folder
        self._rng = rng
        self._now = now
        self._send = send
        self._early = early
        self._where: dict[str, Pull] = {}
        self._uploads = self._open_uploads()

    def receive(self, device: str, message: Message) -> None:
        """One message: commit, then answer. Raises Crash, with everything uncommitted gone."""
        if isinstance(message, Op):
            taken: list[Taken] = []
            self._commit(lambda: taken.append(self.desk.take(message)), lambda: self._receipt(message, taken[0]))
            self.tell()
        elif isinstance(message, Pull):
            self._where[device] = message
            self._crash()
            self._page(message)
        elif isinstance(message, Piece):
            self._piece(message)

    def change(self, what: Callable[[Desk], object]) -> None:
        """The registry or a person at the centre does something."""
        self._commit(lambda: what(self.desk), lambda: None)
        self.tell()

    def tell(self) -> None:
        """Small deltas for everybody whose place is known."""
        for device, pull in self._where.items():
            delta = pages.page(self.books, device, pull.epoch, pull.cursor, self._now(), DELTA_ENTRIES)
            if delta.entries or delta.reset or delta.through > pull.through:
                self._send(device, delta)

    def restart(self) -> None:
        """What was only in memory is gone; a part file may have lost its unwritten end."""
        self.crashes += 1
        self._where.clear()
        for part in sorted((self._folder / "uploads").glob("*.part")):
            with part.open("r+b") as file:
                file.truncate(self._rng.randint(0, part.stat().st_size))
        self._uploads = self._open_uploads()

    def _commit(self, work: Callable[[], object], answer: Callable[[], None]) -> None:
        with self.books.transaction():
            work()
            if self._early:
                answer()
            self._crash()
        if not self._early:
            self._crash()
            answer()

    def _receipt(self, op: Op, taken: Taken) -> None:
        if taken.status != "full":
            self._send(op.device, Receipt(device=op.device, epoch=op.epoch, seqs=[op.seq]))

    def _page(self, pull: Pull) -> None:
        if not pull.ask:
            return
        self._send(pull.device, self._log_page(pull))

    def _log_page(self, pull: Pull) -> Delta:
        return pages.answer(self.books, pull, self._now(), PAGE_ENTRIES)

    def _piece(self, piece: Piece) -> None:
        state = self._uploads.take(piece)
        self._commit(lambda: self._record(piece, state), lambda: self._send(piece.device, state))

    def _record(self, piece: Piece, state: PhotoState) -> None:
        if state.done:
            self.books.t.photos.add(piece.sha256)

    def _crash(self) -> None:
        if self._rng.random() < self.crash_share:
            raise Crash

    def _open_uploads(self) -> Uploads:
        return Uploads(self._folder / "uploads", self.pictures, Counters(), lambda: 0.0)


START = datetime.fromisoformat("2026-11-24T00:00:00+00:00")


def at(now_s: float) -> datetime:
    """Virtual seconds as an instant."""
    return START + timedelta(seconds=now_s)
