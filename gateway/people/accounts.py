"""Operators' accounts: made, changed, shut; the first password and the second factor's secret are told once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.identity_tables import operator_sessions, operators
from gateway.people import ledger, passwords, second
from gateway.people.settings import PeopleSettings
from gateway.people.vault import Vault
from gateway.times import to_text

NAME = re.compile(r"[\w.@-]{2,64}")
OPERATORS_MAX = 10_000


class NotDone(ValueError):
    """The account cannot be made or changed so; `str()` is one line with the mend."""


@dataclass(frozen=True)
class Enrolment:
    """What is handed to the person, once. `uri`: for an authenticator app."""

    name: str
    password: str
    uri: str


def add(
    tx: sa.Connection,
    vault: Vault,
    settings: PeopleSettings,
    name: str,
    roles: Sequence[str],
    actor: str,
    now: datetime,
) -> Enrolment:
    """A new account. Raises NotDone."""
    _check(settings, name, roles)
    if row_of(tx, name) is not None:
        raise NotDone(f"operator '{name}' is there already; `operator reset` gives a new password and second factor")
    if (tx.scalar(sa.select(sa.func.count()).select_from(operators)) or 0) >= OPERATORS_MAX:
        raise NotDone(f"{OPERATORS_MAX} operators are the most")
    made, values = _fresh(vault, name)
    row = {"name": name, "roles": list(roles), "disabled": False, "created_at": to_text(now)}
    tx.execute(sa.insert(operators), row | values | {"changed_at": to_text(now)})
    ledger.append(tx, now, actor, "operator.added", name, "", {"roles": list(roles)})
    return made


def reset(tx: sa.Connection, vault: Vault, name: str, actor: str, now: datetime) -> Enrolment:
    """A new password and second factor; locks are undone, sessions end. Raises NotDone."""
    known(tx, name)
    made, values = _fresh(vault, name)
    _change(tx, name, values | {"disabled": False}, actor, "operator.reset", now)
    return made


def disable(tx: sa.Connection, name: str, actor: str, reason: str, now: datetime) -> None:
    """No more signing in, and sessions end. Raises NotDone."""
    known(tx, name)
    _change(tx, name, {"disabled": True}, actor, "operator.disabled", now, reason)


def set_roles(
    tx: sa.Connection, settings: PeopleSettings, name: str, roles: Sequence[str], actor: str, now: datetime
) -> None:
    """Other roles, from the next request on; sessions end. Raises NotDone."""
    _check(settings, name, roles)
    known(tx, name)
    _change(tx, name, {"roles": list(roles)}, actor, "operator.roles", now, ", ".join(roles))


def set_password(tx: sa.Connection, name: str, stored: str, now: datetime) -> None:
    """The person's own new password (hashed before the transaction); all sessions end."""
    _change(tx, name, {"password": stored, "confirmed": True}, name, "operator.password", now)


def listed(tx: sa.Connection) -> list[dict[str, Any]]:
    """By name, without what is secret."""
    o = operators.c
    columns = (o.name, o.roles, o.confirmed, o.disabled, o.tries, o.locked_until, o.created_at, o.changed_at)
    return [dict(row) for row in tx.execute(sa.select(*columns).order_by(o.name)).mappings()]


def seal_anew(tx: sa.Connection, vault: Vault) -> int:
    """Every second factor with the vault's newest key; returns how many. Raises VaultUnusable."""
    rows = tx.execute(sa.select(operators.c.name, operators.c.secret)).all()
    for name, sealed in rows:
        values = {"secret": vault.seal(vault.open(sealed))}
        tx.execute(sa.update(operators).where(operators.c.name == name).values(values))
    return len(rows)


def known(tx: sa.Connection, name: str) -> dict[str, Any]:
    """An account's row. Raises NotDone."""
    row = row_of(tx, name)
    if row is None:
        raise NotDone(f"there is no operator '{name[:64]}'; `zhuomu gateway operator list` names them")
    return row


def row_of(tx: sa.Connection, name: str) -> dict[str, Any] | None:
    """An account's row, None when there is none."""
    found = tx.execute(sa.select(operators).where(operators.c.name == name)).mappings().first()
    return dict(found) if found is not None else None


def _fresh(vault: Vault, name: str) -> tuple[Enrolment, dict[str, Any]]:
    password, secret = passwords.made(), second.new_secret()
    values = {"password": passwords.hashed(password), "secret": vault.seal(secret), "confirmed": False}
    values |= {"last_step": 0, "tries": 0, "locked_until": ""}
    return Enrolment(name, password, second.uri(name, secret)), values


def _change(
    tx: sa.Connection, name: str, values: dict[str, Any], actor: str, action: str, now: datetime, reason: str = ""
) -> None:
    row = values | {"changed_at": to_text(now)}
    tx.execute(sa.update(operators).where(operators.c.name == name).values(row))
    tx.execute(sa.delete(operator_sessions).where(operator_sessions.c.name == name))
    ledger.append(tx, now, actor, action, name, reason, {})


def _check(settings: PeopleSettings, name: str, roles: Sequence[str]) -> None:
    if not NAME.fullmatch(name):
        raise NotDone(f"'{name[:64]}' is no operator's name; 2 to 64 letters, digits, '.', '-', '_' or '@'")
    for role in roles:
        if fault := settings.misplaced(role):
            raise NotDone(fault)
    if not roles:
        raise NotDone(f"{name}: give at least one role of {', '.join(sorted(settings.roles))}")
