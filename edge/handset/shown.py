"""What a handset shows its crew: the centre's state with the crew's own work over it, notices, shelf, what waits."""

from collections import defaultdict
from datetime import datetime
from typing import Any

import msgspec

from edge.handset.book import Book
from edge.handset.play import played, todo
from edge.wire import Entry, Notice, Op, Order, UnknownReference

ENTRY: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)
_OP = msgspec.json.Decoder(Op)


class Shown:
    """Reads the book alone. The list of orders is kept until the book changes: it is looked at often."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._orders: list[Order] = []
        self._orders_of = -1

    @property
    def wiped(self) -> bool:
        """Whether this handset was revoked and emptied."""
        return bool(self.book.get("wiped"))

    def orders(self) -> list[Order]:
        """What is still to do, own steps included: urgent ones first, then by deadline, newest first."""
        if self._orders_of != self.book.version:
            self._orders, self._orders_of = self._todo(), self.book.version
        return list(self._orders)

    def _todo(self) -> list[Order]:
        mine = self._own()
        rows = self.book.rows("select body from things where kind = 'order'")
        shown = [played(order, mine[order.order_id]) for order in (_order(body) for (body,) in rows)]
        return sorted((o for o in shown if todo(o)), key=lambda o: (not o.urgent, o.deadline, -o.rev))

    def _own(self) -> dict[str, list[tuple[Op, int]]]:
        """By order: operations behind the checkpoint that were not rejected, in their order."""
        found: dict[str, list[tuple[Op, int]]] = defaultdict(list)
        for row in self.book.rows("select body, attempt from ops where receipted < 2 and order_id > '' order by seq"):
            op, attempt = _own(row)
            found[op.order_id].append((op, attempt))
        return found

    def order(self, order_id: str) -> Order:
        """One order, own steps included. Raises UnknownReference."""
        rows = self.book.rows("select body from things where key = ?", f"order/{order_id}")
        if not rows:
            raise UnknownReference(f"there is no work order '{order_id}' on this handset; sync, or look at the list")
        own = "select body, attempt from ops where order_id = ? and receipted < 2 order by seq"
        return played(_order(rows[0][0]), map(_own, self.book.rows(own, order_id)))

    def notices(self, now: datetime) -> list[Notice]:
        """What has not expired, newest first."""
        found = [ENTRY.decode(as_bytes(b)) for (b,) in self.book.rows("select body from things where kind = 'notice'")]
        return sorted((n for n in found if isinstance(n, Notice) and n.expires > now), key=lambda n: n.at, reverse=True)

    def shelf(self) -> list[tuple[str, int, str, dict[str, Any]]]:
        """(key, code, words, the operation) of everything that was rejected and not yet cleared, oldest first."""
        rows = self.book.rows("select key, code, reason, op from shelf order by rowid")
        return [(str(k), int(str(c)), str(r), msgspec.json.decode(as_bytes(o) or b"{}")) for k, c, r, o in rows]

    def pending(self) -> list[tuple[Op, int, bool]]:
        """(operation, the order's attempt then, whether the centre has it) of everything behind the checkpoint."""
        rows = self.book.rows("select body, attempt, receipted from ops order by seq")
        return [(_OP.decode(as_bytes(b)), int(str(a)), bool(r)) for b, a, r in rows]

    def photos_waiting(self) -> list[tuple[str, int, str, str, int]]:
        """(sha256, size, media type, kind, bytes that the centre has) of photos that are not proven there."""
        rows = self.book.rows(
            "select sha256, size_bytes, media_type, kind, have_bytes from photos where done = 0 order by rowid"
        )
        return [(str(s), int(str(n)), str(m), str(k), int(str(h))) for s, n, m, k, h in rows]


def as_bytes(value: object) -> bytes:
    """A blob of the book's."""
    assert isinstance(value, bytes)
    return value


def _order(body: object) -> Order:
    entry = ENTRY.decode(as_bytes(body))
    assert isinstance(entry, Order)
    return entry


def _own(row: tuple[object, ...]) -> tuple[Op, int]:
    body, attempt = row
    return _OP.decode(as_bytes(body)), int(str(attempt))
