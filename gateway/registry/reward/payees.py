"""Who is behind a pseudonym of the ledger. All of it stays in the citizens' own database."""

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gateway.registry.citizen_tables import insiders, payees, requests
from gateway.registry.reward.policy import Channel

Row = dict[str, Any]
KINDS = ("phone", "account", "email")
_NEEDS: dict[Channel, tuple[str, ...]] = {
    "phone_credit": ("phone",),
    "red_packet": ("account_id",),
    "transfer": ("phone", "email"),
    "cash": ("phone", "email", "account_id"),
}
CHUNK = 500


class BadIdentity(ValueError):
    """A line of an insiders' file that names nobody; `str()` says why."""


@dataclass(frozen=True)
class Sender:
    """Who sent a request. `person` is "" for somebody without telephone, account and email."""

    seq: int
    received_at: str
    person: str
    insider: str


def identity(contact: Mapping[str, str], key_name: str) -> str:
    """The one thing that somebody is known by: telephone, else the application's account, else email; "" for none."""
    if digits := _digits(contact.get("phone", "")):
        return f"phone:{digits}"
    if account := contact.get("account_id", "").strip():
        return f"account:{key_name}:{account}"
    email = contact.get("email", "").strip().lower()
    return f"email:{email}" if "@" in email else ""


def senders(tx: sa.Connection, case_ids: Sequence[str]) -> dict[str, Sender]:
    """Case id -> who sent its request; whoever is new gets a pseudonym, drawn at random."""
    found: dict[str, Sender] = {}
    for start in range(0, len(case_ids), CHUNK):
        some = case_ids[start : start + CHUNK]
        rows = tx.execute(sa.select(requests).where(requests.c.case_id.in_(some)).order_by(requests.c.n)).mappings()
        for row in list(rows):
            found.setdefault(row["case_id"], _sender(tx, row))
    return found


def contacts(tx: sa.Connection, people: Sequence[str]) -> dict[str, dict[str, str]]:
    """Pseudonym -> what somebody left, for a list that is paid."""
    found: dict[str, dict[str, str]] = {}
    for start in range(0, len(people), CHUNK):
        wanted = payees.c.person.in_(people[start : start + CHUNK])
        found |= {row.person: row.contact for row in tx.execute(sa.select(payees).where(wanted))}
    return found


def channel(contact: Mapping[str, str], wanted: Sequence[Channel]) -> Channel | None:
    """How somebody can be paid, the first of `wanted` that the contact allows; None: ask them."""
    return next((one for one in wanted if any(contact.get(name) for name in _NEEDS[one])), None)


def name_insiders(tx: sa.Connection, rows: Iterable[tuple[str, str]]) -> int:
    """Replace the list of contractors' own people: (`phone:...`, contractor) each. Raises BadIdentity."""
    known: dict[str, str] = {}
    for given, contractor in rows:
        kind, _, rest = given.strip().partition(":")
        mine = f"phone:{_digits(rest)}" if kind == "phone" else f"{kind}:{rest.strip()}"
        if kind not in KINDS or mine in {f"{k}:" for k in KINDS} or not contractor.strip():
            raise BadIdentity(
                f"'{given}': write phone:NUMBER, account:KEY:ID or email:ADDRESS, and the contractor's code"
            )
        known[mine.lower() if kind == "email" else mine] = contractor.strip()
    tx.execute(sa.delete(insiders))
    for mine, contractor in known.items():
        tx.execute(sa.insert(insiders), {"identity": mine, "contractor": contractor})
    return len(known)


def forget(tx: sa.Connection, before: str, owed: Iterable[str]) -> int:
    """Forget people who reported nothing since `before` and are owed nothing; their pseudonym then names nobody."""
    gone = sa.and_(payees.c.last_at < before, payees.c.person.not_in(list(owed)))
    return tx.execute(sa.delete(payees).where(gone)).rowcount


def _sender(tx: sa.Connection, row: Any) -> Sender:
    mine = identity(row["contact"], row["key_name"])
    if not mine:
        return Sender(row["n"], row["requested_at"], "", "")
    contractor = tx.scalar(sa.select(insiders.c.contractor).where(insiders.c.identity == mine)) or ""
    person = tx.scalar(sa.select(payees.c.person).where(payees.c.identity == mine))
    values = {"contact": row["contact"], "last_at": row["requested_at"]}
    if person is None:
        person = f"p-{secrets.token_hex(12)}"
        tx.execute(sa.insert(payees), {"person": person, "identity": mine, **values})
    else:
        tx.execute(sa.update(payees).where(payees.c.person == person).values(values))
    return Sender(row["n"], row["requested_at"], person, contractor)


def _digits(phone: str) -> str:
    """A number as its digits, without China's country code: +86 138... and 138... are one."""
    digits = re.sub(r"\D", "", phone)
    return re.sub(r"^(?:0086|86)(?=1\d{10}$)", "", digits)
