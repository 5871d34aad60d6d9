"""Counts and hashes of sets that do not depend on order and can be added to: what reconciliation compares.

The hash of a set is the sum of its members' SHA-256 modulo 2**256 (AdHash, Bellare and Micciancio 1997): what
retention deletes is added up in the table `books`, and the sums stay comparable. It finds faults, not forgers.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from gateway.tables import books

MODULUS = 2**256
RETIRED = "messages"


@dataclass(frozen=True)
class Sum:
    """A set by its count and its hash."""

    count: int = 0
    total: int = 0

    def __add__(self, other: "Sum") -> "Sum":
        return Sum(self.count + other.count, (self.total + other.total) % MODULUS)

    @property
    def digest(self) -> str:
        """64 hex digits."""
        return f"{self.total:064x}"


def summed(members: Iterable[tuple[str, ...]]) -> Sum:
    """The sum over members, each a tuple of texts without NUL."""
    count, total = 0, 0
    for member in members:
        count += 1
        total += int.from_bytes(hashlib.sha256("\0".join(member).encode()).digest())
    return Sum(count, total % MODULUS)


def read(tx: sa.Connection, name: str = RETIRED) -> Sum:
    """What was added up under a name so far."""
    row = tx.execute(sa.select(books.c.count.label("amount"), books.c.digest).where(books.c.name == name)).first()
    return Sum() if row is None else Sum(row.amount, int(row.digest, 16))


def add(tx: sa.Connection, more: Sum, name: str = RETIRED) -> None:
    """Add to a name's sum."""
    whole = read(tx, name) + more
    values = {"count": whole.count, "digest": whole.digest}
    if not tx.execute(sa.update(books).where(books.c.name == name).values(values)).rowcount:
        tx.execute(sa.insert(books), {"name": name, **values})
