"""What a link sends next: urgent lanes first, a share for what is new, no channel faster than the gateway takes it."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from edge.link.outbox import Outbox, Pending
from edge.wire import channel

MESSAGES = 64  # in flight, of one urgency
FOR_NEW = 8  # more of them, for what was made since the line came up: a window full of old ones holds up none of it
NEW_EVERY = 4  # of a lane's messages each fourth is its newest: a week's backlog drains, and what is new goes out too
BYTES = 1024 * 1024  # in flight together, beyond which nothing of urgency HEAVY follows; one message always may
HEAVY = 2
PACE = 0.95  # of the channel table's rate, at which the gateway's flood limit refills: what is over it is thrown away
START_S = 10.0  # worth of messages that may go at once after a start; past a full minute's worth nothing is saved up


@dataclass(frozen=True)
class _Flying:
    resend_at_s: float
    size: int
    urgency: int


class Pace:
    """A bucket of tokens for each channel, as the gateway has one for each device and channel. `factor`: the gateway's
    `rate_factor`."""

    def __init__(self, factor: float = 1.0) -> None:
        self._factor = factor
        self._buckets: dict[str, tuple[float, float]] = {}

    def allowed(self, name: str, now_s: float) -> int:
        """How many messages of a channel may go now."""
        per_s = PACE * self._factor * channel("up", name).rate_per_min_max / 60.0
        tokens, at_s = self._buckets.get(name, (START_S * per_s, now_s))
        tokens = min(60.0 * per_s, tokens + (now_s - at_s) * per_s)
        self._buckets[name] = (tokens, now_s)
        return int(tokens)

    def take(self, name: str) -> None:
        """One of them goes."""
        tokens, at_s = self._buckets[name]
        self._buckets[name] = (tokens - 1.0, at_s)


class Window:
    """Messages under way, and the choice of the next. One thread at a time; time comes in (monotonic seconds).

    Each urgency is a lane of its own: candidates that wait for receipts hold up no verdict. Inside a lane the oldest go
    first, but each NEW_EVERY-th is the newest; the lane of urgency 0, whose messages follow from each other, keeps its
    order. What has no receipt after `resend_s`, and up to half as much more, is due again.
    """

    def __init__(self, resend_s: float, rng: random.Random, pace: Pace | None = None) -> None:
        self._resend_s = resend_s
        self._rng = rng
        self._pace = pace or Pace()
        self._flying: dict[int, _Flying] = {}
        self._turns: Counter[int] = Counter()
        self._new_from = 1

    def __len__(self) -> int:
        return len(self._flying)

    def clear(self, new_from: int) -> None:
        """A new connection: nothing is under way. `new_from`: the number from which on messages are new."""
        self._flying.clear()
        self._new_from = new_from

    def landed(self, seqs: Iterable[int]) -> None:
        """These have their receipts."""
        for seq in seqs:
            self._flying.pop(seq, None)

    def next(self, outbox: Outbox, now_s: float) -> list[Pending]:
        """What may go now, most urgent first; it counts as under way from here on."""
        for seq in [seq for seq, one in self._flying.items() if one.resend_at_s <= now_s]:
            del self._flying[seq]
        batch: list[Pending] = []
        for urgency in outbox.urgencies():
            batch += self._of_lane(outbox, urgency, now_s)
        return batch

    def _of_lane(self, outbox: Outbox, urgency: int, now_s: float) -> list[Pending]:
        flying = {seq for seq, one in self._flying.items() if one.urgency == urgency}
        room = max(0, MESSAGES - len(flying))
        old = outbox.oldest(urgency, room, flying)
        most = min(MESSAGES + FOR_NEW - len(flying), room // NEW_EVERY + FOR_NEW)
        new = [] if urgency == 0 else outbox.newest(urgency, most, flying)
        chosen: list[Pending] = []
        for one in self._merged(urgency, old, new):
            full = len(flying) + len(chosen) >= MESSAGES
            if (not full or one.seq >= self._new_from) and self._goes(one, urgency, now_s):
                chosen.append(one)
        return chosen

    def _merged(self, urgency: int, old: list[Pending], new: list[Pending]) -> list[Pending]:
        """In the order of sending, each once."""
        order: dict[int, Pending] = {}
        turn = self._turns[urgency]
        while old or new:
            from_new = new and (turn % NEW_EVERY == 0 or not old)
            one = new.pop(0) if from_new else old.pop(0)
            order.setdefault(one.seq, one)
            turn += 1
        return list(order.values())

    def _goes(self, one: Pending, urgency: int, now_s: float) -> bool:
        size = len(one.payload)
        if urgency >= HEAVY and self._flying and sum(f.size for f in self._flying.values()) + size > BYTES:
            return False
        if self._pace.allowed(one.channel, now_s) < 1:
            return False
        self._pace.take(one.channel)
        self._turns[urgency] += 1
        jitter_s = self._rng.uniform(0.0, self._resend_s / 2)
        self._flying[one.seq] = _Flying(now_s + self._resend_s + jitter_s, size, urgency)
        return True
