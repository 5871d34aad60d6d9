"""The tables of the registry's database, schema version 3; a change is a new version with a migration. Duty's are in
`duty/tables`."""

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
    sa.Index("cases_due", "due_at"),
    sa.Index("cases_state", "state", "case_id"),
    sa.Index("cases_reported_at", "reported_at"),
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
