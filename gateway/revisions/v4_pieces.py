"""Schema version 4 of the gateway: one function per piece, run in the order of `PIECES`.

A new piece of this version is a function `_<piece>(tx)` here and its name in `PIECES`. What it makes must be what its
tables in `gateway.tables.metadata` say, on SQLite and on PostgreSQL: tests/test_gateway_migrations.py compares.
"""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from gateway import asks_tables, duty_tables

revision = "4"
down_revision = "3"


def _cluster(tx: sa.Connection) -> None:
    """Which of several gateways does a piece of work that one alone may do."""
    tx.execute(
        sa.text("CREATE TABLE leases (name TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, until_ms BIGINT NOT NULL)")
    )


def _identity(tx: sa.Connection) -> None:
    """Devices' identities and certificates, their use by day, operators with sessions, the audit log."""
    for table, key, columns in (
        (
            "identities",
            "device TEXT",
            "state note created_at claimed_at changed_at reason code_hash code_until password",
        ),
        ("certificates", "serial TEXT", "device issuer issued_at not_after revoked_at"),
        ("operator_sessions", "token_hash TEXT", "name started_at seen_at ends_at"),
        ("audit_log", "n BIGINT", "at actor action subject reason before hash"),
    ):
        texts = ", ".join(f"{name} TEXT NOT NULL" for name in columns.split())
        tx.execute(sa.text(f"CREATE TABLE {table} ({key} NOT NULL PRIMARY KEY, {texts})"))
    numbers = ", ".join(
        f"{name} BIGINT NOT NULL" for name in ["messages", "size_bytes", "evidence_bytes", "throttled", "over_quota"]
    )
    tx.execute(
        sa.text(
            f"CREATE TABLE device_usage (day TEXT NOT NULL, device TEXT NOT NULL, {numbers}, PRIMARY KEY (day, device))"
        )
    )
    tx.execute(
        sa.text(
            "CREATE TABLE operators (name TEXT NOT NULL PRIMARY KEY, roles JSON NOT NULL, password TEXT NOT NULL, "
            "secret TEXT NOT NULL, confirmed BOOLEAN NOT NULL, disabled BOOLEAN NOT NULL, last_step BIGINT NOT NULL, "
            "tries BIGINT NOT NULL, locked_until TEXT NOT NULL, created_at TEXT NOT NULL, changed_at TEXT NOT NULL)"
        )
    )
    for table, column in (("certificates", "device"), ("operator_sessions", "name")):
        tx.execute(sa.text(f"CREATE INDEX {table}_{column} ON {table} ({column})"))


def _duty(tx: sa.Connection) -> None:
    """What the duty plan lets each crew do; tracks of handsets. The crews' logs ask for these tables."""
    for table in duty_tables.TABLES:
        table.create(tx)


def _sync(tx: sa.Connection) -> None:
    """The handset protocol: its tables, and the orders that stood open into their crews' logs."""
    from gateway.sync import migrate

    migrate.up(tx)


def _fleet(tx: sa.Connection) -> None:
    """What devices run and should run."""
    texts = ("reason", "software", "model", "model_sha256", "release", "rules")
    said = ", ".join(f"{name} TEXT NOT NULL" for name in texts)
    tx.execute(
        sa.text(
            "CREATE TABLE fleet_devices (device TEXT NOT NULL PRIMARY KEY, grp TEXT NOT NULL, config BIGINT NOT NULL, "
            f"config_state TEXT NOT NULL, refused BIGINT NOT NULL, {said})"
        )
    )
    tx.execute(sa.text("CREATE INDEX fleet_devices_grp ON fleet_devices (grp)"))
    words = ("state", "reason", "by_whom", "why", "at", "changed_at")
    said = ", ".join(f"{name} TEXT NOT NULL" for name in words)
    tx.execute(
        sa.text(
            "CREATE TABLE fleet_rollouts (n BIGINT NOT NULL PRIMARY KEY, scope TEXT NOT NULL, body TEXT NOT NULL, "
            f"sha256 TEXT NOT NULL, share FLOAT NOT NULL, refusals_max BIGINT NOT NULL, {said})"
        )
    )
    blob = "BLOB" if tx.dialect.name == "sqlite" else "BYTEA"
    tx.execute(
        sa.text(
            "CREATE TABLE fleet_desired (device TEXT NOT NULL PRIMARY KEY, version BIGINT NOT NULL, "
            "outcome TEXT NOT NULL, reason TEXT NOT NULL, changed_at TEXT NOT NULL, attempts BIGINT NOT NULL, "
            f"next_at TEXT NOT NULL, payload {blob} NOT NULL, waiting BOOLEAN NOT NULL)"
        )
    )
    tx.execute(sa.text("CREATE INDEX fleet_desired_waiting ON fleet_desired (waiting, next_at)"))
    tx.execute(sa.text("CREATE INDEX fleet_desired_version ON fleet_desired (version)"))


def _desk(tx: sa.Connection) -> None:
    """What waits for a person and what lies around a point, without reading every incident that there ever was."""
    tx.execute(sa.text("CREATE INDEX incidents_waiting ON incidents (open, state, n)"))
    tx.execute(sa.text("CREATE INDEX incidents_ground ON incidents (lat, lon)"))


def _regroup(tx: sa.Connection) -> None:
    """Splits and merges by operators, and the thresholds that they teach."""
    number = "BIGSERIAL NOT NULL PRIMARY KEY"
    if tx.dialect.name == "sqlite":
        number = "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT"
    texts = ", ".join(f"{name} TEXT NOT NULL" for name in ("case_class", "person", "reason", "at"))
    places = ("device", "camera", "place_id", "other_device", "other_camera", "other_place")
    for text in (
        f"CREATE TABLE decisions (n {number}, kind TEXT NOT NULL, incident_id TEXT NOT NULL, other_id TEXT NOT NULL, "
        f"{texts}, measured JSON NOT NULL)",
        "CREATE INDEX decisions_incident ON decisions (incident_id)",
        "CREATE INDEX decisions_other ON decisions (other_id)",
        f"CREATE TABLE place_pairs ({', '.join(f'{name} TEXT NOT NULL' for name in places)}, "
        f"together BOOLEAN NOT NULL, decision BIGINT NOT NULL, PRIMARY KEY ({', '.join(places)}))",
        f"CREATE TABLE match_thresholds (n {number}, {texts}, ground_sigmas FLOAT NOT NULL, iou_min FLOAT NOT NULL, "
        "replay JSON NOT NULL)",
        "CREATE INDEX match_thresholds_class ON match_thresholds (case_class, n)",
    ):
        tx.execute(sa.text(text))


def _firsts(tx: sa.Connection) -> None:
    """The order of sightings; of those from before this version nothing is proven, so it starts empty."""
    texts = ", ".join(f"{name} TEXT NOT NULL" for name in ("device", "candidate_id", "source", "epoch"))
    rest = "seq BIGINT NOT NULL, proven_at TEXT NOT NULL, PRIMARY KEY (device, candidate_id)"
    tx.execute(sa.text(f"CREATE TABLE sighting_order ({texts}, {rest})"))


def _asks(tx: sa.Connection) -> None:
    """What devices were asked and answered."""
    for table in asks_tables.TABLES:
        table.create(tx)


PIECES: tuple[Callable[[sa.Connection], None], ...] = (
    _cluster,
    _identity,
    _duty,
    _sync,
    _fleet,
    _desk,
    _regroup,
    _firsts,
    _asks,
)


def upgrade() -> None:
    """Every piece once."""
    for piece in PIECES:
        piece(op.get_bind())
