"""The centre's books in plain memory, with transactions that can be taken back, and a count of every effect."""

import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from edge.wire import Entry, Op, Order, Rejection
from gateway.sync.books import most_urgent
from gateway.sync.held import Held
from gateway.sync.ports import Parked
from gateway.sync.rules import Judged


@dataclass
class Tables:
    """Everything that a transaction may change. `judged`, `told`: how often each operation had its effect."""

    crews: dict[str, str] = field(default_factory=dict)
    streams: dict[tuple[str, str], int] = field(default_factory=dict)
    waiting: dict[tuple[str, str, int], Parked] = field(default_factory=dict)
    orders: dict[str, Held] = field(default_factory=dict)
    heads: dict[str, int] = field(default_factory=dict)
    log: dict[tuple[str, str], Entry] = field(default_factory=dict)
    judged: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, Judged] = field(default_factory=dict)
    known: set[tuple[str, str]] = field(default_factory=set)
    told: Counter[str] = field(default_factory=Counter)
    photos: set[str] = field(default_factory=set)


class MemoryBooks:
    """See gateway.sync.ports.Books. `changes`: (before, after) of every order kept, for the rules' own check."""

    def __init__(self) -> None:
        self.t = Tables()
        self.changes: list[tuple[Held | None, Held]] = []

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it, or nothing when the block raises."""
        before = Tables(**{name: copy.copy(value) for name, value in vars(self.t).items()})
        count = len(self.changes)
        try:
            yield
        except BaseException:
            self.t = before
            del self.changes[count:]
            raise

    def crew_of(self, device: str) -> str:
        return self.t.crews.get(device, device)

    def through(self, device: str, epoch: str) -> int:
        return self.t.streams.get((device, epoch), 0)

    def head(self, crew: str) -> int:
        return self.t.heads.get(crew, 0)

    def floor(self, crew: str) -> int:
        return 0

    def entries(self, crew: str, after: int, limit: int) -> Sequence[Entry]:
        found = [e for (mine, _), e in self.t.log.items() if mine == crew and e.rev > after]
        return sorted(found, key=lambda e: e.rev)[:limit]

    def urgent(self, crew: str, limit: int) -> Sequence[Order]:
        found = [e for (mine, _), e in self.t.log.items() if mine == crew and isinstance(e, Order)]
        return most_urgent(found, limit)

    def entry(self, crew: str, key: str) -> Entry | None:
        return self.t.log.get((crew, key))

    def enrol(self, device: str, crew: str) -> None:
        self.t.crews[device] = crew

    def rights(self, crew: str) -> frozenset[str] | None:
        return None

    def rejections(self, crew: str, device: str) -> Sequence[tuple[str, Rejection]]:
        found = [(key, e) for (mine, key), e in self.t.log.items() if mine == crew]
        mine = [(key, e) for key, e in found if isinstance(e, Rejection) and e.device == device]
        return sorted(mine, key=lambda row: row[1].rev)

    def advance(self, device: str, epoch: str, seq: int) -> None:
        self.t.streams[device, epoch] = seq

    def park(self, device: str, epoch: str, parked: Parked) -> None:
        self.t.waiting[device, epoch, parked.seq] = parked

    def parked(self, device: str, epoch: str, seq: int) -> Parked | None:
        return self.t.waiting.get((device, epoch, seq))

    def unpark(self, device: str, epoch: str, seq: int) -> None:
        del self.t.waiting[device, epoch, seq]

    def waiting(self, device: str) -> int:
        return sum(name == device for name, _, _ in self.t.waiting)

    def known(self, device: str, op_id: str) -> bool:
        return (device, op_id) in self.t.known

    def write_down(self, op: Op, crew: str, judged: Judged) -> None:
        self.t.judged[op.op_id] += 1
        self.t.outcomes[op.op_id] = judged
        self.t.known.add((op.device, op.op_id))

    def order(self, order_id: str) -> Held | None:
        return self.t.orders.get(order_id)

    def keep(self, held: Held) -> None:
        self.changes.append((self.t.orders.get(held.order.order_id), held))
        self.t.orders[held.order.order_id] = held

    def append(self, crew: str, key: str, entry: Entry, ended: bool) -> None:
        self.t.heads[crew] = self.head(crew) + 1
        changed: Any = msgspec.structs.replace(entry, rev=self.t.heads[crew])
        self.t.log[crew, key] = changed

    def refer(self, op: Op, held: Held) -> None:
        return None

    def call(self, op: Op, crew: str, path: str) -> None:
        self.t.told[op.op_id] += 1

    def tell(self, op: Op, held: Held, path: str) -> None:
        self.t.told[op.op_id] += 1
