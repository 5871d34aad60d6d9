"""Tables of the handset protocol (docs/sync.md), part of the gateway's schema since version 4."""

import sqlalchemy as sa

from gateway.tables import metadata


def _text(name: str, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, primary_key=key, default=None if key else "")


def _int(name: str, key: bool = False) -> sa.Column[int]:
    return sa.Column(
        name, sa.BigInteger, nullable=False, primary_key=key, autoincrement=False, default=None if key else 0
    )


def _at(name: str) -> sa.Column[str | None]:
    return sa.Column(name, sa.Text, nullable=True)


# `cursor`, `acked_through`: where the handset said that it stands. `unsent`: what a wiped one had not brought out.
handsets = sa.Table(
    "handsets",
    metadata,
    _text("device", key=True),
    _text("crew"),
    _text("epoch"),
    _text("cursor"),
    _int("acked"),
    _int("acked_through"),
    _text("shift"),
    _at("last_pull"),
    _at("revoked_at"),
    _text("revoked_reason"),
    _at("cut_at"),
    _at("wiped_at"),
    sa.Column("unsent", sa.JSON, nullable=True),
    sa.Index("handsets_crew", "crew"),
)
crew_logs = sa.Table("crew_logs", metadata, _text("crew", key=True), _int("head"), _int("floor"))
# One row for each thing of a crew: its newest word. `ended`: may be dropped one day.
crew_log = sa.Table(
    "crew_log",
    metadata,
    _text("crew", key=True),
    _text("key", key=True),
    _int("rev"),
    _text("kind"),
    sa.Column("ended", sa.Boolean, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("crew_log_rev", "crew", "rev"),
)
op_streams = sa.Table("op_streams", metadata, _text("device", key=True), _text("epoch", key=True), _int("through"))
parked_ops = sa.Table(
    "parked_ops",
    metadata,
    _text("device", key=True),
    _text("epoch", key=True),
    _int("seq", key=True),
    _int("code"),
    _text("reason"),
    sa.Column("payload", sa.LargeBinary, nullable=False),
)
# Every operation and what became of it. `review`: work was done that could not be taken; people look at it.
handset_ops = sa.Table(
    "handset_ops",
    metadata,
    _text("device", key=True),
    _text("op_id", key=True),
    _text("crew"),
    _text("order_id"),
    _text("kind"),
    _text("at"),
    _text("judged_at"),
    _text("outcome"),
    _int("code"),
    _text("reason"),
    sa.Column("review", sa.Boolean, nullable=False),
    _text("reviewed_by"),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Index("handset_ops_order", "order_id"),
    sa.Index("handset_ops_review", "review", "reviewed_by"),
)
sync_secrets = sa.Table("sync_secrets", metadata, _text("name", key=True), _text("value"))
TABLES = (handsets, crew_logs, crew_log, op_streams, parked_ops, handset_ops, sync_secrets)
