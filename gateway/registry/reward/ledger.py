"""The ledger: pairs of entries that sum to zero, chained by hash; nothing in it is ever changed or deleted."""

import hashlib
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from gateway.registry.tables import ledger

Row = dict[str, Any]
Kind = Literal["reward", "deduction", "reward_reversed", "deduction_reversed", "payment", "payout"]
Side = tuple[Kind, str, int]  # what it is, whose account, fen
FIELDS = ("n", "pair", "kind", "account", "amount", "case_id", "reason", "at", "prev")
START = "0" * 64
PAID = "paid"  # the account that payments go to


class NotPaired(ValueError):
    """An entry that would break the ledger; nothing was written."""


def digest(row: Row) -> str:
    """SHA-256 over a row's fields, the hash before it among them."""
    body = msgspec.json.encode({name: row[name] for name in FIELDS}, order="sorted")
    return hashlib.sha256(body).hexdigest()


def reward(tx: sa.Connection, case_id: str, person: str, debtor: str, amount: int, reason: str, at: str) -> str:
    """A reward to a person and the same amount off the contractor; the pair's name. Raises NotPaired when the
    incident has a live reward already."""
    if amount <= 0:
        raise NotPaired(f"case {case_id}: a reward of {amount} fen is none")
    if live(tx, case_id) is not None:
        raise NotPaired(f"case {case_id} has a live reward already")
    pair = f"{case_id}/{_many(tx, case_id) + 1}"
    _pair(tx, pair, ("reward", person, amount), ("deduction", debtor, -amount), case_id, reason, at)
    return pair


def reverse(tx: sa.Connection, case_id: str, reason: str, at: str) -> str:
    """Take a reward and its deduction back, by a second pair of entries. Raises NotPaired when none is live."""
    pair = live(tx, case_id)
    if pair is None:
        raise NotPaired(f"case {case_id} has no live reward to take back")
    rows = {row["kind"]: row for row in tx.execute(sa.select(ledger).where(ledger.c.pair == pair)).mappings()}
    given, taken = rows["reward"], rows["deduction"]
    back: Side = ("reward_reversed", given["account"], -given["amount"])
    _pair(tx, pair, back, ("deduction_reversed", taken["account"], -taken["amount"]), case_id, reason, at)
    return pair


def pay(tx: sa.Connection, month: str, person: str, amount: int, reason: str, at: str) -> None:
    """What a person was paid on a month's list. Raises NotPaired."""
    if amount <= 0:
        raise NotPaired(f"{month}: a payment of {amount} fen is none")
    _pair(tx, f"{month}/{person}", ("payment", person, -amount), ("payout", PAID, amount), "", reason, at)


def live(tx: sa.Connection, case_id: str) -> str | None:
    """The pair of a case's reward that stands, if there is one."""
    c = ledger.c
    mine = sa.select(c.pair).where(c.case_id == case_id, c.kind == "reward")
    back = sa.select(c.pair).where(c.case_id == case_id, c.kind == "reward_reversed")
    return tx.scalar(mine.where(c.pair.not_in(back)))


def head(tx: sa.Connection) -> tuple[int, str, str]:
    """(number, hash, time) of the last row; (0, START, "") of an empty ledger."""
    last = tx.execute(sa.select(ledger.c.n, ledger.c.hash, ledger.c.at).order_by(ledger.c.n.desc()).limit(1)).first()
    return (last.n, last.hash, last.at) if last else (0, START, "")


def _many(tx: sa.Connection, case_id: str) -> int:
    mine = sa.and_(ledger.c.case_id == case_id, ledger.c.kind == "reward")
    return tx.scalar(sa.select(sa.func.count()).select_from(ledger).where(mine)) or 0


def _pair(
    tx: sa.Connection,
    pair: str,
    credit: Side,
    debit: Side,
    case_id: str,
    reason: str,
    at: str,
) -> None:
    """Two rows at the chain's end. The one writing transaction is the lock; a clock that went back is not followed."""
    n, before, last_at = head(tx)
    for kind, account, amount in (credit, debit):
        n += 1
        row: Row = {"n": n, "pair": pair, "kind": kind, "account": account, "amount": amount, "case_id": case_id}
        row |= {"reason": reason, "at": max(at, last_at), "prev": before}
        row["hash"] = before = digest(row)
        tx.execute(sa.insert(ledger), row)
