"""Tables of who may speak: devices with their certificates and daily use, operators, sessions, the audit log."""

import sqlalchemy as sa

from gateway.tables import metadata


def _text(name: str, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, primary_key=key)


def _int(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


# `state`: invited (a code is out), active, revoked. `code_hash`: of the one-time code, "" when there is none.
# `password`: in mosquitto's own form, "" for a device with a certificate.
identities = sa.Table(
    "identities",
    metadata,
    _text("device", key=True),
    _text("state"),
    _text("note"),
    _text("created_at"),
    _text("claimed_at"),
    _text("changed_at"),
    _text("reason"),
    _text("code_hash"),
    _text("code_until"),
    _text("password"),
)
# `revoked_at` is "" while the certificate is good; a row stays until the certificate has run out.
certificates = sa.Table(
    "certificates",
    metadata,
    _text("serial", key=True),
    _text("device"),
    _text("issuer"),
    _text("issued_at"),
    _text("not_after"),
    _text("revoked_at"),
    sa.Index("certificates_device", "device"),
)
# One row a device and day (UTC), kept for a month.
device_usage = sa.Table(
    "device_usage",
    metadata,
    _text("day", key=True),
    _text("device", key=True),
    _int("messages"),
    _int("size_bytes"),
    _int("evidence_bytes"),
    _int("throttled"),
    _int("over_quota"),
)
# `secret`: of the second factor, sealed by the vault's key. `tries`: wrong ones in a row, for the lock-out.
operators = sa.Table(
    "operators",
    metadata,
    _text("name", key=True),
    sa.Column("roles", sa.JSON, nullable=False),
    _text("password"),
    _text("secret"),
    sa.Column("confirmed", sa.Boolean, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    _int("last_step"),
    _int("tries"),
    _text("locked_until"),
    _text("created_at"),
    _text("changed_at"),
)
operator_sessions = sa.Table(
    "operator_sessions",
    metadata,
    _text("token_hash", key=True),
    _text("name"),
    _text("started_at"),
    _text("seen_at"),
    _text("ends_at"),
    sa.Index("operator_sessions_name", "name"),
)
# Append-only; `hash` covers the row and the hash before it (gateway/people/ledger.py).
audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("at"),
    _text("actor"),
    _text("action"),
    _text("subject"),
    _text("reason"),
    _text("before"),
    _text("hash"),
)
TABLES = (identities, certificates, device_usage, operators, operator_sessions, audit_log)
