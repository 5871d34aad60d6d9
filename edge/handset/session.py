"""When a handset says what: a pure machine over the replica. Time comes in with every call, messages come out."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from edge.handset.leave import Leaves
from edge.handset.replica import Replica
from edge.wire import (
    PIECE_BYTES_MAX,
    Bulk,
    Delta,
    Op,
    PhotoState,
    Piece,
    Pull,
    Receipt,
    UploadAsk,
    UploadGrant,
    Wipe,
    Wiped,
)

RESEND_S = 10.0
RESEND_S_MAX = 60.0
POLL_S = 300.0
GAP_WAIT_S = 2.0
OPS_UNDER_WAY = 32
PIECES_UNDER_WAY = 4
SHIFT_JITTER_S = 60.0
# With nothing new and nothing due, how often it is looked all the same.
REST_S = 5.0
START_JITTER_S = 2.0
UPLOAD_AGAIN_S = 1.0
Up = Op | Pull | Piece | UploadAsk | Wiped
Down = Delta | Receipt | PhotoState | Wipe
_OP = msgspec.json.Decoder(Op)


@dataclass
class Counters:
    """Since the start of this process."""

    sent: int = 0
    resent: int = 0
    pages: int = 0
    gaps: int = 0
    deferred: int = 0


class Session:
    """The part of a handset that a restart forgets: what is under way and when to try again.

    `piece_bytes`: size of a photo's pieces, at most 256 KiB. `bulk`: somebody fetches pages over HTTP when it is set.
    `tus`: somebody uploads large photos over HTTP (`leaves`).
    """

    def __init__(
        self,
        replica: Replica,
        rng: random.Random,
        piece_bytes: int = PIECE_BYTES_MAX,
        bulk: bool = False,
        tus: bool = False,
    ) -> None:
        self.replica = replica
        self.counters = Counters()
        self.bulk: Bulk | None = None
        self.leaves = Leaves(tus)
        self._rng = rng
        self._piece_bytes = piece_bytes
        self._uses_bulk = bulk
        self._rest_until_s = 0.0
        self._up = False
        self._ask_at: float | None = None
        self._asks = 0
        self._urgent = True
        self._reason = "start"
        self._ack = False
        self._current_at: float | None = None
        self._ops: dict[int, tuple[float, int]] = {}
        self._pieces: dict[str, tuple[float, int]] = {}
        self._offered: set[str] = set()
        self._behind = False
        self._told_wiped = False
        self._looked_at = -1
        self._work = False
        self.on_poke: Callable[[], None] = lambda: None

    @property
    def wake_s(self) -> float:
        """When `due` should be asked next; `on_poke` is called when it is sooner."""
        return self._rest_until_s

    @property
    def current(self) -> bool:
        """Whether the replica has been at the log's end since the line came up."""
        return self._up and self._current_at is not None

    def up(self, now_s: float, jitter_s: float = START_JITTER_S) -> None:
        """The line is there. `jitter_s`: ask after a random part of it, so that a whole shift does not ask at once."""
        self._up = True
        self._rest_until_s = 0.0
        self._current_at = None
        self._behind = False
        self.bulk = None
        self._ops.clear()
        self._pieces.clear()
        self._offered.clear()
        self.leaves.up()
        self._told_wiped = False
        self._ask(now_s + self._rng.uniform(0.0, jitter_s), "shift" if jitter_s >= SHIFT_JITTER_S else "start", True)

    def down(self) -> None:
        """The line is gone."""
        self._up = False
        self._current_at = None

    def poke(self) -> None:
        """The crew did something: look at once."""
        self._rest_until_s = 0.0
        self.on_poke()

    def bulk_failed(self, now_s: float) -> None:
        """A page could not be fetched over HTTP; MQTT brings it."""
        self.bulk = None
        self._ask(now_s, "gap", False)

    def granted(self, grant: UploadGrant) -> None:
        """The centre's answer: this photo may be uploaded by HTTP, or goes in pieces."""
        self.leaves.answered(grant)
        self._pieces.pop(grant.sha256, None)
        self.poke()

    def upload_failed(self, sha256: str, now_s: float) -> None:
        """It broke off: asked for again in a moment, and in pieces after some times. What has arrived stays there."""
        failures = self.leaves.ended(sha256, False)
        self._pieces[sha256] = (now_s + UPLOAD_AGAIN_S * failures, 1)
        self.poke()

    def sync_now(self, now_s: float) -> None:
        """A person wants the newest."""
        self._ask(now_s, "timer", False)

    def handle(self, message: Down, now_s: float) -> None:
        """What came down; committed when this returns, so that it may be acknowledged."""
        before = self.replica.book.cursor
        self.replica.handle(message)
        self.poke()
        if isinstance(message, Receipt):
            for seq in (*message.seqs, *(refusal.seq for refusal in message.refused)):
                self._ops.pop(seq, None)
        elif isinstance(message, PhotoState):
            self._pieces.pop(message.sha256, None)
        elif isinstance(message, Delta):
            self._delta(message, before, now_s)

    def due(self, now_s: float) -> list[Up]:
        """What is to be sent now; most urgent first. Called often, and after every change."""
        if not self._up or now_s < self._rest_until_s:
            return []
        if self.replica.wiped:
            self._rest_until_s = now_s + REST_S
            return self._wiped()
        out = self._due_pull(now_s)
        if self._has_work:
            out = [*self._due_ops(now_s), *out]
            if not self._ops:
                out += self._due_pieces(now_s)
        self.counters.sent += len(out)
        self._rest_until_s = self._next_s(now_s)
        return out

    @property
    def _has_work(self) -> bool:
        """Whether the book may hold anything that is to go up; asked of the database only when it has changed."""
        book = self.replica.book
        if book.version != self._looked_at:
            self._looked_at = book.version
            mine = (
                "select exists (select 1 from ops where receipted = 0) or exists (select 1 from photos where done = 0)"
            )
            self._work = bool(book.number(mine))
            if not self._work:
                self._ops.clear()
        return self._work

    def _next_s(self, now_s: float) -> float:
        """The next of all timers."""
        times = [now_s + REST_S, *(at_s for at_s, _ in (*self._ops.values(), *self._pieces.values()))]
        if self._ask_at is not None:
            times.append(self._ask_at)
        return max(now_s, min(times))

    def _delta(self, delta: Delta, before: str, now_s: float) -> None:
        if delta.defer_s:
            self.counters.deferred += 1
            self._ask(now_s + delta.defer_s * self._rng.uniform(1.0, 1.5), self._reason, self._urgent)
        elif delta.after != before:
            self._gap(delta, now_s)
        elif delta.urgent:
            self._ask(now_s, "gap", False)
        else:
            self._page(delta, now_s)

    def _gap(self, delta: Delta, now_s: float) -> None:
        """Not for our cursor: an old page, or one behind something that was lost. A new one is worth a question, after
        the one under way; where that one is not answered soon, it was lost while the centre was away."""
        if delta.next == self.replica.book.cursor:
            if not delta.more:
                self._page(delta, now_s)
            return
        self.counters.gaps += 1
        if self._ask_at is None:
            self._ask(now_s, "gap", False)
        else:
            self._behind = True
            self._ask_at = min(self._ask_at, now_s + GAP_WAIT_S)

    def _page(self, delta: Delta, now_s: float) -> None:
        self.counters.pages += 1
        self._asks = 0
        self._urgent = False
        if not delta.more:
            self._current_at, self._ask_at, self._ack, self.bulk = now_s, None, True, None
            if self._behind:
                self._behind = False
                self._ask(now_s, "gap", False)
        elif self._uses_bulk and (delta.bulk or self.bulk):
            self.bulk = delta.bulk or self.bulk
            self._ask(now_s + RESEND_S, "gap", False)
        else:
            self._ask(now_s, "gap", False)

    def _ask(self, at_s: float, reason: str, urgent: bool) -> None:
        self._ask_at, self._reason, self._urgent = at_s, reason, urgent
        self.poke()

    def _due_pull(self, now_s: float) -> list[Up]:
        if self._ask_at is None and self._current_at is not None and now_s - self._current_at > POLL_S:
            self._ask(now_s, "timer", False)
        if self._ask_at is not None and now_s >= self._ask_at:
            pull = self._pull(True)
            wait_s = min(RESEND_S_MAX, RESEND_S * 1.5**self._asks) * self._rng.uniform(0.75, 1.25)
            self._asks, self._ack = self._asks + 1, False
            self._ask_at = now_s + wait_s
            return [pull]
        if self._ack:
            self._ack = False
            return [self._pull(False)]
        return []

    def _pull(self, ask: bool) -> Pull:
        book = self.replica.book
        return Pull(
            device=book.device,
            epoch=book.epoch,
            cursor=book.cursor,
            through=book.through,
            ask=ask,
            urgent=ask and self._urgent,
            reason=self._reason if ask else "",  # type: ignore[arg-type]
        )

    def _due_ops(self, now_s: float) -> list[Up]:
        rows = self.replica.book.rows(
            "select seq, body from ops where receipted = 0 order by seq limit ?", OPS_UNDER_WAY
        )
        waiting = {int(str(number)) for number, _ in rows}
        # A checkpoint may have come without the receipt: what no longer waits must not hold the photos back.
        self._ops = {seq: times for seq, times in self._ops.items() if seq in waiting}
        out: list[Up] = []
        for number, body in rows:
            seq = int(str(number))
            at_s, tries = self._ops.get(seq, (0.0, 0))
            if tries and now_s < at_s:
                continue
            wait_s = min(RESEND_S_MAX, RESEND_S * 1.5**tries) * self._rng.uniform(0.75, 1.25)
            self._ops[seq] = (now_s + wait_s, tries + 1)
            self.counters.resent += tries > 0
            out.append(_OP.decode(body))  # type: ignore[arg-type]
        return out

    def _due_pieces(self, now_s: float) -> list[Up]:
        """Photos trail: an offer first, then piece after piece from where the centre says."""
        out: list[Up] = []
        for waiting in self.replica.photos_waiting()[:PIECES_UNDER_WAY]:
            sha256, size_bytes, media = waiting[:3]
            if self.leaves.holds(sha256):
                continue
            at_s, tries = self._pieces.get(sha256, (0.0, 0))
            if tries and now_s < at_s:
                continue
            self._pieces[sha256] = (now_s + min(RESEND_S_MAX, RESEND_S * 1.5**tries), tries + 1)
            ask = self.leaves.ask(self.replica.book.device, sha256, size_bytes, media)
            piece = ask or self._piece(*waiting)
            if piece is not None:
                out.append(piece)
        return out

    def _piece(self, sha256: str, size_bytes: int, media: str, kind: str, have: int) -> Piece | None:
        data = self.replica.box.read(sha256, have, self._piece_bytes) if sha256 in self._offered else b""
        if sha256 in self._offered and not data and have < size_bytes:
            self.replica.photo_lost(sha256)
            return None
        self._offered.add(sha256)
        return Piece(
            device=self.replica.book.device,
            sha256=sha256,
            size_bytes=size_bytes,
            media_type=media,  # type: ignore[arg-type]
            kind=kind,  # type: ignore[arg-type]
            offset=have if data else 0,
            data=data,
        )

    def _wiped(self) -> list[Up]:
        if self._told_wiped:
            return []
        self._told_wiped = True
        return [msgspec.json.decode(self.replica.book.get("wiped"), type=Wiped)]
