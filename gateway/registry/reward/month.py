"""A month's list for payment: drawn up from the ledger, approved by a named person, settled once by another."""

import hashlib
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.registry import evaluation
from gateway.registry.reward import ledger as books
from gateway.registry.reward.ledger import START
from gateway.registry.tables import ledger, seals
from gateway.times import to_text

Row = dict[str, Any]
_SEALED = ("month", "last_n", "head", "prev", "approved_by", "approved_at")


class NotNow(ValueError):
    """A month that cannot be approved or settled; `str()` says why."""


def draw_up(tx: sa.Connection, month: str) -> Row:
    """The list as it would be approved now: people with what they are owed (never below zero; what is over-paid is
    kept against them), contractors with what is deducted, in fen; no name or telephone is in it."""
    last_n, head = _last(tx, evaluation.month(int(month[:4]), int(month[5:])).end)
    since = _newest(tx)
    c = ledger.c
    payments = c.kind == "payment"
    owed = sa.func.sum(c.amount).label("amount")
    of_people = sa.select(c.account, owed).where(sa.or_(c.n <= last_n, payments)).where(c.account.like("p-%"))
    rows = tx.execute(of_people.group_by(c.account).order_by(c.account)).all()
    people = [{"person": row.account, "amount": int(row.amount)} for row in rows if row.amount > 0]
    taken = sa.select(c.account, owed).where(c.kind.like("deduction%"), c.n > _from(since))
    rows = tx.execute(taken.where(c.n <= last_n).group_by(c.account).order_by(c.account)).all()
    contractors = [{"contractor": row.account, "amount": -int(row.amount)} for row in rows]
    body: Row = {"month": month, "last_n": last_n, "head": head, "people": people, "contractors": contractors}
    rewards = sa.select(sa.func.sum(c.amount)).where(c.kind.like("reward%"), c.n > _from(since), c.n <= last_n)
    body |= {"rewarded": int(tx.scalar(rewards) or 0), "deducted": sum(c["amount"] for c in contractors)}
    return body | {"paid": sum(p["amount"] for p in people)}


def approve(tx: sa.Connection, month: str, person: str, now: datetime) -> Row:
    """Seal a month that is over. Raises NotNow."""
    text, end = to_text(now), evaluation.month(int(month[:4]), int(month[5:])).end
    if text < end:
        raise NotNow(f"{month} is not over; approve it afterwards")
    newest = _newest(tx)
    if newest is not None and newest["month"] >= month:
        raise NotNow(f"{newest['month']} is approved already, by {newest['approved_by']}; a month is approved once")
    if newest is not None and not newest["settled_at"]:
        raise NotNow(f"{newest['month']} is approved and not settled yet; settle it first")
    body = draw_up(tx, month)
    row: Row = {"month": month, "last_n": body["last_n"], "head": body["head"], "approved_by": person}
    row |= {"approved_at": text, "body": msgspec.json.encode(body, order="sorted")}
    row |= {"prev": newest["hash"] if newest else START, "settled_by": "", "settled_at": ""}
    row["hash"] = seal_hash(row)
    tx.execute(sa.insert(seals), row)
    return row


def settle(tx: sa.Connection, month: str, person: str, now: datetime) -> Row:
    """Write down that an approved list was paid; somebody else than who approved it says so. Raises NotNow."""
    seal = sealed(tx, month)
    if seal is None:
        raise NotNow(f"{month} is not approved; `zhuomu registry reward month {month} --approve NAME` first")
    if seal["settled_at"]:
        raise NotNow(f"{month} was settled on {seal['settled_at'][:10]} by {seal['settled_by']}; it is paid once")
    if seal["approved_by"] == person:
        raise NotNow(f"{person} approved {month}; somebody else must settle it")
    text = to_text(now)
    for row in listed(seal)["people"]:
        books.pay(tx, month, row["person"], row["amount"], f"list of {month}", text)
    values = {"settled_by": person, "settled_at": text}
    tx.execute(sa.update(seals).where(seals.c.month == month).values(values))
    return {**seal, **values}


def sealed(tx: sa.Connection, month: str) -> Row | None:
    """A month's seal, if it was approved."""
    row = tx.execute(sa.select(seals).where(seals.c.month == month)).mappings().first()
    return None if row is None else dict(row)


def listed(seal: Row) -> Row:
    """An approved list as it was drawn up."""
    return dict(msgspec.json.decode(seal["body"]))


def owing(tx: sa.Connection) -> dict[str, int]:
    """Everybody's balance that is not zero, in fen."""
    c = ledger.c
    rows = tx.execute(sa.select(c.account, sa.func.sum(c.amount)).where(c.account.like("p-%")).group_by(c.account))
    return {account: int(amount) for account, amount in rows if amount}


def seal_hash(seal: Row) -> str:
    """SHA-256 over what a seal says, its list and the seal before it."""
    body = {name: seal[name] for name in _SEALED} | {"list": hashlib.sha256(seal["body"]).hexdigest()}
    return hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest()


def _last(tx: sa.Connection, end: str) -> tuple[int, str]:
    row = tx.execute(
        sa.select(ledger.c.n, ledger.c.hash).where(ledger.c.at < end).order_by(ledger.c.n.desc()).limit(1)
    ).first()
    return (row.n, row.hash) if row else (0, START)


def _from(seal: Row | None) -> int:
    return int(seal["last_n"]) if seal else 0


def _newest(tx: sa.Connection) -> Row | None:
    row = tx.execute(sa.select(seals).order_by(seals.c.month.desc()).limit(1)).mappings().first()
    return None if row is None else dict(row)
