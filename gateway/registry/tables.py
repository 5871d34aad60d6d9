"""Every table of the registry's database, schema version 3; a change here is a new version with a migration."""

import sqlalchemy as sa

from gateway.database import schema_table

SCHEMA_VERSION = 3
metadata = sa.MetaData()
schema = schema_table(metadata)

# Where a case counts in the evaluation, and the instants of `cases.Times`, each in a column of its name.
PLACES = ("class_code", "department", "district", "subdistrict", "patrol_area", "cell")
DUES = ("verify_due", "file_due", "dispatch_due", "dispose_due", "check_due", "close_due")
DONE = (
    "verified",
    "filed",
    "rejected",
    "dispatched",
    "returned",
    "disposed",
    "extended",
    "reworked",
    "checked",
    "closed",
    "cancelled",
    "exempted",
)

cases = sa.Table(
    "cases",
    metadata,
    sa.Column("case_id", sa.Text, primary_key=True),
    sa.Column("incident_id", sa.Text, nullable=False, unique=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("due_kind", sa.Text, nullable=False),
    sa.Column("due_at", sa.Text, nullable=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("report", sa.JSON, nullable=False),
    sa.Column("reported_at", sa.Text, nullable=False, server_default=""),
    sa.Column("reject_cause", sa.Text, nullable=False, server_default=""),
    *(sa.Column(name, sa.Text, nullable=False, server_default="") for name in PLACES),
    *(sa.Column(name, sa.Text, nullable=True) for name in (*DUES, *DONE)),
    # For the map: the case is not over; where it is; the tile (gateway/tiles.py) that it lies in.
    sa.Column("open", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("lat", sa.Float, nullable=False, server_default="0"),
    sa.Column("lon", sa.Float, nullable=False, server_default="0"),
    sa.Column("tile", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("cases_due", "due_at"),
    # These three hold all that their queries (gateway/registry/desk.py) look at, so that no row is read in vain.
    sa.Index("cases_queue", "state", "case_id", "district", "subdistrict", "patrol_area", "department", "class_code"),
    sa.Index("cases_map", "open", "tile", "reported_at", "lat", "lon", "class_code", "subdistrict"),
    sa.Index("cases_reported_at", "reported_at", "tile", "lat", "lon", "class_code", "subdistrict"),
    *(sa.Index(f"cases_{name}", name) for name in (*DUES, "filed")),
)
# Rows are only ever added.
events = sa.Table(
    "events",
    metadata,
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("case_id", sa.Text, nullable=False),
    sa.Column("incident_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("state_before", sa.Text, nullable=False),
    sa.Column("state_after", sa.Text, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Index("events_case", "case_id", "n"),
    sa.Index("events_kind", "kind"),
    sqlite_autoincrement=True,
)
idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("request_hash", sa.Text, nullable=False),
    sa.Column("answer", sa.JSON, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
)
counters = sa.Table(
    "counters",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
# Every version of the filing standard that was ever in force here, as it was.
standards = sa.Table(
    "standards",
    metadata,
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("city", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("first_used_at", sa.Text, nullable=False),
)
# Measured precision (gateway/registry/trust).
# One row for each case that a camera reported. `hour`: local hour of the report. `outcome`: "" while nobody knows.
outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("case_id", sa.Text, primary_key=True),
    sa.Column("camera", sa.Text, nullable=False),
    sa.Column("class_code", sa.Text, nullable=False),
    sa.Column("hour", sa.Integer, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("reported_at", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("decided_by", sa.Text, nullable=False),
    sa.Column("decided_at", sa.Text, nullable=False),
    sa.Index("outcomes_cell", "class_code", "camera", "hour", "decided_at"),
    sa.Index("outcomes_decided", "decided_at"),
)
# Rows are only ever added; the newest of a cell is in force.
grants = sa.Table(
    "grants",
    metadata,
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("camera", sa.Text, nullable=False),
    sa.Column("class_code", sa.Text, nullable=False),
    sa.Column("hour", sa.Integer, nullable=False),
    sa.Column("granted", sa.Boolean, nullable=False),
    sa.Column("good", sa.Integer, nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Index("grants_cell", "class_code", "camera", "hour", "n"),
    sqlite_autoincrement=True,
)
# `state`: proposed, applied or dismissed; a newer proposal for the same camera and class stands beside the older.
thresholds = sa.Table(
    "thresholds",
    metadata,
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("camera", sa.Text, nullable=False),
    sa.Column("class_code", sa.Text, nullable=False),
    sa.Column("threshold", sa.Float, nullable=False),
    sa.Column("holds", sa.Boolean, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("settled_at", sa.Text, nullable=False),
    sa.Index("thresholds_camera", "class_code", "camera", "state"),
    sqlite_autoincrement=True,
)
# First-reporter rewards (gateway/registry/reward).
# One row for each report that a person made. `outcome`: "" until it is decided; then rewarded, refused or reversed.
claims = sa.Table(
    "claims",
    metadata,
    sa.Column("case_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("received_at", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("lat", sa.Float, nullable=False),
    sa.Column("lon", sa.Float, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("first_case", sa.Text, nullable=False),
    sa.Column("confirmed_case", sa.Text, nullable=False),
    sa.Column("proven_at", sa.Text, nullable=False),
    sa.Column("amount", sa.Integer, nullable=False),
    sa.Column("decided_at", sa.Text, nullable=False),
    sa.Index("claims_outcome", "outcome", "received_at"),
    sa.Index("claims_person", "person", "proven_at"),
)
# Rows are only ever added, numbered without a gap; each hash covers the row and the hash before it. Fen.
ledger = sa.Table(
    "reward_ledger",
    metadata,
    sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("pair", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("case_id", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("prev", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.UniqueConstraint("pair", "kind"),
    sa.Index("reward_ledger_account", "account", "n"),
    sa.Index("reward_ledger_case", "case_id"),
)
# One approved month's list: the rows up to `last_n`, whose last hash is `head`. Settled once.
seals = sa.Table(
    "reward_seals",
    metadata,
    sa.Column("month", sa.Text, primary_key=True),
    sa.Column("last_n", sa.BigInteger, nullable=False),
    sa.Column("head", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("prev", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("approved_by", sa.Text, nullable=False),
    sa.Column("approved_at", sa.Text, nullable=False),
    sa.Column("settled_by", sa.Text, nullable=False),
    sa.Column("settled_at", sa.Text, nullable=False),
)
# Told by the gateway after the report; rows are only ever added. The newest row of an incident says who saw it first.
sightings = sa.Table(
    "reward_sightings",
    metadata,
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("incident_id", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("epoch", sa.Text, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("received_at", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Index("reward_sightings_incident", "incident_id", "n"),
    sqlite_autoincrement=True,
)
# Operators' merges and splits; the newest row of a pair holds. `settled_at`: when the rewards followed, "" before.
groupings = sa.Table(
    "reward_groupings",
    metadata,
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("decision", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("incident_id", sa.Text, nullable=False),
    sa.Column("other_id", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("settled_at", sa.Text, nullable=False),
    sa.Index("reward_groupings_open", "settled_at", "n"),
    sqlite_autoincrement=True,
)
# Figures of a period that is over, as they were first reckoned (gateway/registry/kept.py).
evaluations = sa.Table(
    "evaluations",
    metadata,
    sa.Column("start", sa.Text, primary_key=True),
    sa.Column("until", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("kept_at", sa.Text, nullable=False),
)
