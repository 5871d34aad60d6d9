"""Which devices there are: invited with a one-time code, active with a certificate or password, revoked."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from edge.wire.access import is_device_name
from gateway.devices.ca import Issued
from gateway.identity_tables import certificates, identities
from gateway.times import from_text, to_text

CODE_BYTES = 15
IDENTITIES_MAX = 50_000
GOOD_CERTIFICATES_MAX = 16


class NotKnown(ValueError):
    """There is no such device, or it may not do that; `str()` is one line with the mend."""


@dataclass(frozen=True)
class Standing:
    """Everybody at one moment. `lapsed`: active, but the last certificate has run out and there is no password."""

    active: frozenset[str]
    revoked: frozenset[str]
    lapsed: frozenset[str]


def invite(tx: sa.Connection, device: str, note: str, now: datetime, life: timedelta) -> str:
    """A one-time code for a new, replaced or formerly revoked device; the one before is void. Raises NotKnown."""
    if not is_device_name(device):
        raise NotKnown(f"'{device[:64]}' is no device's name; take small letters, digits and '-', at most 63")
    code = base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode().lower()
    values = {"code_hash": _hash(code), "code_until": to_text(now + life), "changed_at": to_text(now)}
    old = _row(tx, device)
    if old is None:
        _add(tx, device, "invited", note, now, values)
    else:
        values |= {"note": note or old["note"]}
        tx.execute(sa.update(identities).where(identities.c.device == device).values(values))
    return code


def take_code(tx: sa.Connection, device: str, code: str, now: datetime) -> bool:
    """Use the code up; False when it is wrong, used or too old. Certificates of the device until now are revoked: who
    claims is the device from here on."""
    row = _row(tx, device)
    stored = row["code_hash"] if row else ""
    if not (stored and hmac.compare_digest(stored, _hash(code))) or row is None or row["code_until"] < to_text(now):
        return False
    _revoke_certificates(tx, device, now)
    values = {"state": "active", "code_hash": "", "code_until": "", "reason": "", "password": ""}
    values |= {"claimed_at": to_text(now), "changed_at": to_text(now)}
    tx.execute(sa.update(identities).where(identities.c.device == device).values(values))
    return True


def with_password(tx: sa.Connection, device: str, stored: str, note: str, now: datetime) -> None:
    """A device that signs in with a password (in mosquitto's form) over TLS. Raises NotKnown."""
    if not is_device_name(device):
        raise NotKnown(f"'{device[:64]}' is no device's name; take small letters, digits and '-', at most 63")
    values = {"state": "active", "password": stored, "claimed_at": to_text(now), "changed_at": to_text(now)}
    if _row(tx, device) is None:
        _add(tx, device, "active", note, now, {})
    values |= {"code_hash": "", "code_until": "", "reason": ""}
    tx.execute(sa.update(identities).where(identities.c.device == device).values(values))


def record(tx: sa.Connection, device: str, issued: Issued, now: datetime) -> None:
    """Keep what a certificate's revocation will need; those that ran out are forgotten."""
    tx.execute(sa.delete(certificates).where(certificates.c.device == device, certificates.c.not_after < to_text(now)))
    row = {"serial": issued.serial, "device": device, "issuer": issued.issuer, "revoked_at": ""}
    tx.execute(sa.insert(certificates), row | {"issued_at": to_text(now), "not_after": to_text(issued.not_after)})


def may_renew(tx: sa.Connection, device: str, serial: str, now: datetime) -> bool:
    """Whether this certificate is one that we gave to this active device, good until now. Raises NotKnown for a device
    that renews without end."""
    c = certificates.c
    row = _row(tx, device)
    if row is None or row["state"] != "active":
        return False
    query = sa.select(c.serial).where(c.device == device, c.revoked_at == "", c.not_after >= to_text(now))
    good = set(tx.scalars(query))
    if len(good) >= GOOD_CERTIFICATES_MAX:
        raise NotKnown(f"{device} has {len(good)} good certificates, which is the most; it may renew when one runs out")
    return serial in good


def revoke(tx: sa.Connection, device: str, reason: str, now: datetime) -> None:
    """Shut a device out: certificates, password and code are void. Raises NotKnown."""
    if _row(tx, device) is None:
        raise NotKnown(f"there is no device '{device[:64]}'; `zhuomu gateway device list` names them")
    _revoke_certificates(tx, device, now)
    values = {"state": "revoked", "reason": reason[:500], "changed_at": to_text(now)}
    values |= {"code_hash": "", "code_until": "", "password": ""}
    tx.execute(sa.update(identities).where(identities.c.device == device).values(values))


def revoked_serials(tx: sa.Connection) -> list[tuple[str, datetime]]:
    """For the revocation list, oldest first."""
    c = certificates.c
    rows = tx.execute(sa.select(c.serial, c.revoked_at).where(c.revoked_at != "").order_by(c.revoked_at, c.serial))
    return [(row.serial, from_text(row.revoked_at)) for row in rows]


def passwords(tx: sa.Connection) -> dict[str, str]:
    """device -> password in mosquitto's form, of those that may use one."""
    i = identities.c
    rows = tx.execute(sa.select(i.device, i.password).where(i.state == "active", i.password != "").order_by(i.device))
    return {row.device: row.password for row in rows}


def signs_in(tx: sa.Connection, device: str) -> tuple[str, str]:
    """(state, password in mosquitto's form) of one device; ("", "") for one that nobody knows."""
    row = _row(tx, device)
    return (row["state"], row["password"]) if row else ("", "")


def standing(tx: sa.Connection, now: datetime) -> Standing:
    """Who may speak now."""
    i, c = identities.c, certificates.c
    states: dict[str, set[str]] = {"active": set(), "revoked": set(), "invited": set()}
    with_one: set[str] = set()
    for row in tx.execute(sa.select(i.device, i.state, i.password != "")):
        states[row[1]].add(row[0])
        if row[2]:
            with_one.add(row[0])
    good = sa.select(c.device).where(c.revoked_at == "", c.not_after >= to_text(now)).distinct()
    with_one |= set(tx.scalars(good))
    lapsed = states["active"] - with_one
    return Standing(frozenset(states["active"] - lapsed), frozenset(states["revoked"]), frozenset(lapsed))


def standing_of(tx: sa.Connection, device: str, now: datetime) -> str:
    """One device's word: active, revoked, invited, lapsed (active once, its certificate ran out), unknown."""
    row = _row(tx, device)
    if row is None or row["state"] != "active" or row["password"]:
        return str(row["state"]) if row is not None else "unknown"
    c = certificates.c
    good = sa.select(c.serial).where(c.device == device, c.revoked_at == "", c.not_after >= to_text(now)).limit(1)
    return "active" if tx.scalar(good) is not None else "lapsed"


def listed(tx: sa.Connection, limit: int) -> list[dict[str, Any]]:
    """Devices by name, without what is secret; `not_after`: of the certificate that lasts longest."""
    i, c = identities.c, certificates.c
    until = sa.select(sa.func.max(c.not_after)).where(c.device == i.device, c.revoked_at == "").scalar_subquery()
    columns = (i.device, i.state, i.note, i.created_at, i.claimed_at, i.changed_at, i.reason, i.code_until)
    query = sa.select(*columns, sa.func.coalesce(until, "").label("not_after"), (i.password != "").label("password"))
    return [dict(row) for row in tx.execute(query.order_by(i.device).limit(limit)).mappings()]


def issuers(tx: sa.Connection, now: datetime) -> dict[str, int]:
    """Good certificates by their authority: how far a change-over has come."""
    c = certificates.c
    good = sa.and_(c.revoked_at == "", c.not_after >= to_text(now))
    rows: Sequence[Any] = tx.execute(sa.select(c.issuer, sa.func.count()).where(good).group_by(c.issuer)).all()
    return {row[0]: row[1] for row in rows}


def _add(tx: sa.Connection, device: str, state: str, note: str, now: datetime, values: dict[str, Any]) -> None:
    if (tx.scalar(sa.select(sa.func.count()).select_from(identities)) or 0) >= IDENTITIES_MAX:
        raise NotKnown(f"{IDENTITIES_MAX} devices are the most that one gateway knows")
    row = dict.fromkeys(("claimed_at", "reason", "code_hash", "code_until", "password"), "")
    row |= {"device": device, "state": state, "note": note[:500], "created_at": to_text(now)}
    tx.execute(sa.insert(identities), row | {"changed_at": to_text(now)} | values)


def _row(tx: sa.Connection, device: str) -> dict[str, Any] | None:
    found = tx.execute(sa.select(identities).where(identities.c.device == device)).mappings().first()
    return dict(found) if found is not None else None


def _revoke_certificates(tx: sa.Connection, device: str, now: datetime) -> None:
    c = certificates.c
    query = sa.update(certificates).where(c.device == device, c.revoked_at == "")
    tx.execute(query.values(revoked_at=to_text(now)))


def _hash(code: str) -> str:
    return hashlib.sha256(code.replace("-", "").strip().lower().encode()).hexdigest()
