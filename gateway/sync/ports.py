"""What the pure half needs of its books; the database stands behind it in the gateway, plain memory in a simulation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from edge.wire import Entry, Op, Order, Rejection
from gateway.sync.held import Held
from gateway.sync.rules import Judged


@dataclass(frozen=True)
class Parked:
    """An operation before its turn; `op` None: one that could not be read, with code and reason."""

    seq: int
    op: Op | None
    code: int = 0
    reason: str = ""


class Reader(Protocol):
    """Enough to give out pages."""

    def crew_of(self, device: str) -> str:
        """A handset's crew; one that nobody enrolled is a crew of its own."""
        ...

    def through(self, device: str, epoch: str) -> int:
        """The last seq of a handset's operations that was judged; 0 before the first."""
        ...

    def head(self, crew: str) -> int:
        """The newest `rev` of a crew's log."""
        ...

    def floor(self, crew: str) -> int:
        """Ended entries up to here were dropped: an older cursor has to begin again."""
        ...

    def entries(self, crew: str, after: int, limit: int) -> Sequence[Entry]:
        """Entries with a `rev` above `after`, oldest first."""
        ...

    def urgent(self, crew: str, limit: int) -> Sequence[Order]:
        """Open orders that the crew has still to do: urgent ones first, then by deadline, newest first."""
        ...


class Books(Reader, Protocol):
    """Everything, inside one transaction."""

    def enrol(self, device: str, crew: str) -> None:
        """Into a crew, from now on."""
        ...

    def rights(self, crew: str) -> frozenset[str] | None:
        """What a crew's handsets may do to orders (and `report`); None: everything, for nobody has said otherwise."""
        ...

    def rejections(self, crew: str, device: str) -> Sequence[tuple[str, Rejection]]:
        """(key, entry) of a handset's rejections in a crew's log."""
        ...

    def advance(self, device: str, epoch: str, seq: int) -> None:
        """`through` is now `seq`."""
        ...

    def park(self, device: str, epoch: str, parked: Parked) -> None: ...

    def parked(self, device: str, epoch: str, seq: int) -> Parked | None: ...

    def unpark(self, device: str, epoch: str, seq: int) -> None: ...

    def waiting(self, device: str) -> int:
        """How many of a handset's operations are parked, in all epochs."""
        ...

    def known(self, device: str, op_id: str) -> bool:
        """Whether an operation of this name was judged before."""
        ...

    def write_down(self, op: Op, crew: str, judged: Judged) -> None:
        """Every operation is kept with what became of it; one for people to look at too."""
        ...

    def order(self, order_id: str) -> Held | None: ...

    def keep(self, held: Held) -> None: ...

    def entry(self, crew: str, key: str) -> Entry | None:
        """A crew's entry by its key."""
        ...

    def append(self, crew: str, key: str, entry: Entry, ended: bool) -> None:
        """The newest word on `key`, with the log's next `rev`. `ended`: may be dropped one day."""
        ...

    def refer(self, op: Op, held: Held) -> None:
        """Its photos belong to the order's incident."""
        ...

    def call(self, op: Op, crew: str, path: str) -> None:
        """On its way to the registry, about no order: `path` is signatures, answers or reports."""
        ...

    def tell(self, op: Op, held: Held, path: str) -> None:
        """On its way to the registry: `path` is ops, extend or suspend."""
        ...
