"""Signing in: password and second factor, a lock that doubles after wrong tries, sessions that end.

A try is counted before its password is looked at, so that many at once get no further than one after the other; a good
one sets the count back. Which of name, password and code was wrong is not told.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gateway.database import Database
from gateway.identity_tables import operator_sessions, operators
from gateway.people import accounts, ledger, passwords, second
from gateway.people.settings import PeopleSettings
from gateway.people.vault import Vault
from gateway.times import Clock, from_text, to_text

SESSIONS_MAX = 10  # of one operator; the oldest ends
SEEN_EVERY_S = 30.0
TOKEN_BYTES = 32
WRONG = "name, password or code is wrong"


class Refused(ValueError):
    """Not signed in; `str()` may be shown to whoever tried."""


@dataclass(frozen=True)
class Session:
    """A person who is signed in. `first_password`: it is still the one that was handed out, and must be changed."""

    name: str
    roles: tuple[str, ...]
    permissions: frozenset[str]
    first_password: bool
    ends_at: str
    reach: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def places(self, permission: str) -> tuple[str, ...]:
        """Where it holds (gateway/people/places.py): "" among them is the whole city, none at all is nowhere."""
        return self.reach.get(permission, ()) if self.may(permission) else ()

    def may(self, permission: str) -> bool:
        """Nothing but a new password with the one that was handed out."""
        return not self.first_password and permission in self.permissions


class People:
    """What a web login needs. Clock passed in; safe from several threads."""

    def __init__(self, database: Database, vault: Vault, settings: PeopleSettings, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._settings = settings
        self._clock = clock
        self._nobody = passwords.hashed(secrets.token_urlsafe(12))

    def sign_in(self, name: str, password: str, code: str) -> str:
        """A session's token. Raises Refused."""
        now = self._clock()
        with self._database.write() as tx:
            row = self._begin(tx, name, now)
        stored = row["password"] if row else self._nobody  # an unknown name takes as long as a known one
        good = passwords.matches(password, stored)
        step = second.step_of(code, self._vault.open(row["secret"]), now, row["last_step"]) if row else None
        if not good or step is None:
            raise Refused(WRONG)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with self._database.write() as tx:
            if not _use_step(tx, name, step):
                raise Refused(WRONG)
            self._open(tx, name, token, now)
        return token

    def session(self, token: str, by_hand: bool = True) -> Session | None:
        """Who this is, None for a token that is unknown, over, idle too long, or of an account that was shut.
        person did something; what a page asks by itself keeps no session alive."""
        now, s = self._clock(), operator_sessions.c
        idle = to_text(now - timedelta(seconds=self._settings.idle_s))
        query = sa.select(s.ends_at, s.seen_at, operators.c.name, operators.c.roles, operators.c.confirmed)
        query = query.join(operators, operators.c.name == s.name).where(s.token_hash == _hash(token))
        with self._database.read() as tx:
            row = tx.execute(query.where(s.ends_at > to_text(now), s.seen_at > idle, ~operators.c.disabled)).first()
        if row is None:
            return None
        if by_hand and now - from_text(row.seen_at) > timedelta(seconds=SEEN_EVERY_S):
            with self._database.write() as tx:
                tx.execute(
                    sa.update(operator_sessions).where(s.token_hash == _hash(token)).values(seen_at=to_text(now))
                )
        reach = self._settings.reach(row.roles)
        return Session(row.name, tuple(row.roles), frozenset(reach), not row.confirmed, row.ends_at, reach)

    def sign_out(self, token: str) -> None:
        """End one session; an unknown one is no error."""
        with self._database.write() as tx:
            mine = operator_sessions.c.token_hash == _hash(token)
            name = tx.scalar(sa.select(operator_sessions.c.name).where(mine))
            if name is not None:
                tx.execute(sa.delete(operator_sessions).where(mine))
                ledger.append(tx, self._clock(), name, "session.ended", name, "", {})

    def change_password(self, session: Session, old: str, new: str) -> None:
        """The person's own; every session ends. Raises Refused, passwords.TooWeak."""
        passwords.check(new, session.name)
        now = self._clock()
        with self._database.write() as tx:
            row = self._begin(tx, session.name, now)
        if row is None or not passwords.matches(old, row["password"]):
            raise Refused("the present password is wrong")
        stored = passwords.hashed(new)
        with self._database.write() as tx:
            accounts.set_password(tx, session.name, stored, now)
            tx.execute(sa.update(operators).where(operators.c.name == session.name).values(tries=0, locked_until=""))

    def tell(self, session: Session, action: str, subject: str, reason: str) -> int:
        """Into the audit log; returns the row's number."""
        with self._database.write() as tx:
            return ledger.append(tx, self._clock(), session.name, action, subject, reason, {})

    def _begin(self, tx: sa.Connection, name: str, now: datetime) -> dict[str, Any] | None:
        """Count a try; the account's row, None when there is none or it is shut. Raises Refused while it is locked."""
        row = accounts.row_of(tx, name)
        if row is None or row["disabled"]:
            return None
        if row["locked_until"] > to_text(now):
            raise Refused(f"locked after wrong tries until {row['locked_until'][:19]} UTC")
        tries = row["tries"] + 1
        values: dict[str, Any] = {"tries": tries}
        if tries >= self._settings.wrong_max:
            wait_s = min(
                self._settings.lock_s_max, self._settings.lock_s * 2 ** min(tries - self._settings.wrong_max, 30)
            )
            values["locked_until"] = to_text(now + timedelta(seconds=wait_s))
            ledger.append(tx, now, "", "session.locked", name, f"{tries} tries", {})
        tx.execute(sa.update(operators).where(operators.c.name == name).values(values))
        return row

    def _open(self, tx: sa.Connection, name: str, token: str, now: datetime) -> None:
        s = operator_sessions.c
        tx.execute(sa.update(operators).where(operators.c.name == name).values(tries=0, locked_until=""))
        tx.execute(sa.delete(operator_sessions).where(s.ends_at <= to_text(now)))
        mine = sa.select(s.token_hash).where(s.name == name).order_by(s.started_at.desc(), s.token_hash)
        for old in tx.scalars(mine.offset(SESSIONS_MAX - 1)).all():
            tx.execute(sa.delete(operator_sessions).where(s.token_hash == old))
        ends = to_text(now + timedelta(seconds=self._settings.session_s))
        row = {"token_hash": _hash(token), "name": name, "started_at": to_text(now), "seen_at": to_text(now)}
        tx.execute(sa.insert(operator_sessions), row | {"ends_at": ends})
        ledger.append(tx, now, name, "session.started", name, "", {})


def _use_step(tx: sa.Connection, name: str, step: int) -> bool:
    """False when the code was used meanwhile."""
    mine = sa.and_(operators.c.name == name, operators.c.last_step < step, ~operators.c.disabled)
    return tx.execute(sa.update(operators).where(mine).values(last_step=step)).rowcount == 1


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
