"""Tables of the fleet: what devices say they run, what they should run, in which order it is brought to them."""

import sqlalchemy as sa

from gateway.tables import _float, _int, _text, metadata

# One row for each device that told its versions or was put into a group. `config`: the version from afar in force.
fleet_devices = sa.Table(
    "fleet_devices",
    metadata,
    _text("device", key=True),
    _text("grp"),
    _int("config", 0),
    _text("config_state"),
    _int("refused", 0),
    _text("reason"),
    _text("software"),
    _text("model"),
    _text("model_sha256"),
    _text("release"),
    _text("rules"),
    sa.Index("fleet_devices_grp", "grp"),
)
# `n` is the version that devices see. `scope`: all, group:NAME or device:NAME; `state`: running, paused or ended.
fleet_rollouts = sa.Table(
    "fleet_rollouts",
    metadata,
    sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("scope"),
    _text("body"),
    _text("sha256"),
    _float("share"),
    _int("refusals_max", 0),
    _text("state"),
    _text("reason"),
    _text("by_whom"),
    _text("why"),
    _text("at"),
    _text("changed_at"),
)
# What each device should run: the newest rollout that has reached it. `outcome`: pending, trial, applied or refused.
fleet_desired = sa.Table(
    "fleet_desired",
    metadata,
    _text("device", key=True),
    _int("version", 0),
    _text("outcome"),
    _text("reason"),
    _text("changed_at"),
    _int("attempts", 0),
    _text("next_at"),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("waiting", sa.Boolean, nullable=False),
    sa.Index("fleet_desired_waiting", "waiting", "next_at"),
    sa.Index("fleet_desired_version", "version"),
)
