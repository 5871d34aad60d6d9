"""The protocol broken on purpose, one thing at a time: each must be caught by the invariants."""

from collections.abc import Sequence

from bench.histories.history import Mutant
from bench.histories.memory import MemoryBooks
from edge.wire import Entry, Op
from gateway.sync.desk import Desk


class Forgetful(Desk):
    """Does not ask whether it knows an operation already."""

    def _is_repeat(self, device: str, epoch: str, seq: int, through: int) -> bool:
        return False

    def _is_known(self, op: Op) -> bool:
        return False


class OffByOne(MemoryBooks):
    """Gives out pages from one entry too far on."""

    def entries(self, crew: str, after: int, limit: int) -> Sequence[Entry]:
        return super().entries(crew, after + 1, limit)


MUTANTS = {
    m.name: m
    for m in (
        Mutant("no idempotency check", desk=Forgetful),
        Mutant("answer before commit", early=True),
        Mutant("cursor off by one", books=OffByOne),
    )
}
