"""Schema version 4 of the gateway: one function per piece, run in the order of `PIECES`.

A new piece of this version is a function `_<piece>(tx)` here and its name in `PIECES`. What it makes must be what its
tables in `gateway.tables.metadata` say, on SQLite and on PostgreSQL: tests/test_gateway_migrations.py compares.
"""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"


def _cluster(tx: sa.Connection) -> None:
    """Which of several gateways does a piece of work that one alone may do."""
    tx.execute(
        sa.text("CREATE TABLE leases (name TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, until_ms BIGINT NOT NULL)")
    )


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


PIECES: tuple[Callable[[sa.Connection], None], ...] = (_cluster, _regroup)


def upgrade() -> None:
    """Every piece once."""
    for piece in PIECES:
        piece(op.get_bind())
