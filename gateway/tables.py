"""The tables of the gateway's database (others: gateway/*_tables.py); a change is a new version with a migration."""

import sqlalchemy as sa

from gateway.database import schema_table

SCHEMA_VERSION = 4
metadata = sa.MetaData()
schema = schema_table(metadata)
_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _text(name: str, **options: bool) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=options.get("nullable", False), primary_key=options.get("key", False))


def _added(name: str) -> sa.Column[str]:
    """Text that came with a later version: rows of an older one have ""."""
    return sa.Column(name, sa.Text, nullable=False, default="", server_default="")


def _int(name: str, default: int | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=default is None, default=default)


def _float(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Float, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, _Id, primary_key=True, autoincrement=True)


# What was taken in: one row for each durable message ever receipted. `code` is set when it was refused. `subject`: the
# candidate_id of a message that brought a new candidate, or a picture's sha256. `incident_id`: what it belongs to.
messages = sa.Table(
    "messages",
    metadata,
    _text("device", key=True),
    _text("epoch", key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("channel"),
    _text("received_at"),
    _int("code"),
    _text("reason", nullable=True),
    _added("subject"),
    _added("incident_id"),
)
# What retention took out of `messages`, so that reconciliation still adds up: see gateway/books.py.
books = sa.Table("books", metadata, _text("name", key=True), _int("count", 0), _text("digest"))
candidates = sa.Table(
    "candidates",
    metadata,
    _number("n"),
    _text("device"),
    _text("candidate_id"),
    _text("case_class"),
    _text("incident_id"),
    _text("received_at"),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("device", "candidate_id"),
    sa.Index("candidates_incident", "incident_id"),
    sqlite_autoincrement=True,
)
# Telephone numbers that an incident's posters carry; one number is one campaign.
campaigns = sa.Table(
    "campaigns",
    metadata,
    _text("incident_id", key=True),
    _text("campaign", key=True),
    _text("first_at"),
    sa.Index("campaigns_campaign", "campaign"),
)
dead_letters = sa.Table(
    "dead_letters",
    metadata,
    _number("n"),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    _text("first_at"),
    _text("last_at"),
    _text("topic"),
    _text("device"),
    _int("code", 0),
    _text("reason"),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    _int("size_bytes", 0),
    _int("times", 1),
    sqlite_autoincrement=True,
)
evidence = sa.Table(
    "evidence",
    metadata,
    _text("sha256", key=True),
    _text("media_type"),
    _text("kind"),
    sa.Column("redacted", sa.Boolean, nullable=False),
    sa.Column("stored", sa.Boolean, nullable=False),
    _int("size_bytes", 0),
    _text("device"),
    _text("stored_at"),
    sa.Index("evidence_stored_at", "stored", "stored_at"),
)
evidence_refs = sa.Table(
    "evidence_refs",
    metadata,
    _text("sha256", key=True),
    _text("incident_id", key=True),
    _text("source", key=True),
    _text("kind"),
    sa.Column("redacted", sa.Boolean, nullable=False),
    sa.Index("evidence_refs_incident", "incident_id"),
)
incidents = sa.Table(
    "incidents",
    metadata,
    _number("n"),
    sa.Column("incident_id", sa.Text, nullable=False, unique=True),
    _text("case_class"),
    _text("class_code"),
    _text("label"),
    _text("state"),
    sa.Column("open", sa.Boolean, nullable=False),
    _float("lat"),
    _float("lon"),
    _float("error_major_m"),
    _text("first_seen"),
    _text("last_seen"),
    _text("case_id", nullable=True),
    _int("revision", 0),
    sa.Index("incidents_revision", "revision"),
    sa.Index("incidents_case", "case_id"),
    # What waits for a person, oldest first; what lies around a point.
    sa.Index("incidents_waiting", "open", "state", "n"),
    sa.Index("incidents_ground", "lat", "lon"),
    sqlite_autoincrement=True,
)
# `open` is a copy of the incident's, so that matching needs one index and no join.
witnesses = sa.Table(
    "witnesses",
    metadata,
    _text("device", key=True),
    _text("candidate_id", key=True),
    _text("incident_id"),
    _text("camera"),
    _text("place_id"),
    _text("case_class"),
    sa.Column("open", sa.Boolean, nullable=False),
    _float("lat"),
    _float("lon"),
    _float("error_major_m"),
    *(_float(name) for name in ("x1", "y1", "x2", "y2")),
    _text("first_seen"),
    _text("last_seen"),
    _text("reason"),
    sa.Index("witnesses_place", "open", "device", "camera", "place_id"),
    sa.Index("witnesses_box", "open", "device", "camera", "case_class", "x1"),
    sa.Index("witnesses_ground", "open", "case_class", "lat"),
    sa.Index("witnesses_incident", "incident_id"),
)
devices = sa.Table(
    "devices",
    metadata,
    _text("device", key=True),
    _text("kind"),
    sa.Column("online", sa.Boolean, nullable=True),
    _text("software"),
    _text("first_heard"),
    _text("last_heard"),
    _int("messages", 0),
    _int("repeats", 0),
    _int("refused", 0),
    _int("throttled", 0),
    sa.Column("health", sa.JSON, nullable=True),
)
# To a registry: rows leave in the order of `n` within one incident; `state` is pending, done or refused. `target` is ""
# until the forwarder has chosen one by the incident's class.
forwards = sa.Table(
    "forwards",
    metadata,
    _number("n"),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    _text("incident_id"),
    _text("path"),
    sa.Column("body", sa.JSON, nullable=False),
    _text("state"),
    _int("attempts", 0),
    _text("next_at"),
    _text("last_error"),
    _added("target"),
    sa.Index("forwards_pending", "state", "n"),
    sqlite_autoincrement=True,
)
# What another system (Open311, webhook) took over. `remote_id` is "" while it has only given a token; `next_at` is NULL
# when there is nothing more to ask.
deliveries = sa.Table(
    "deliveries",
    metadata,
    _text("incident_id", key=True),
    _text("target"),
    _text("remote_id"),
    _text("token"),
    _text("remote_state"),
    _text("delivered_at"),
    _text("changed_at"),
    _int("attempts", 0),
    _text("next_at", nullable=True),
    sa.Index("deliveries_next", "target", "next_at"),
    sa.Index("deliveries_remote", "target", "remote_id"),
)
cursors = sa.Table("cursors", metadata, _text("name", key=True), _int("after", 0))
registry_events = sa.Table(
    "registry_events",
    metadata,
    sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("case_id"),
    _text("incident_id"),
    _text("kind"),
    _text("at"),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Index("registry_events_kind", "kind", "case_id"),
)
work_orders = sa.Table(
    "work_orders",
    metadata,
    _text("order_id", key=True),
    _text("crew"),
    _text("case_id"),
    _text("incident_id"),
    _int("version", 0),
    _text("state"),
    _text("step"),
    _int("received_version", 0),
    _int("attempts", 0),
    _text("next_at"),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("waiting", sa.Boolean, nullable=False),
    sa.Index("work_orders_waiting", "waiting", "next_at"),
)
verifies = sa.Table(
    "verifies",
    metadata,
    _text("verify_id", key=True),
    _text("case_id"),
    _text("incident_id"),
    _text("device"),
    _text("camera"),
    _text("verdict"),
    _int("attempts", 0),
    _text("next_at"),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("waiting", sa.Boolean, nullable=False),
    sa.Index("verifies_waiting", "waiting", "next_at"),
)
feed = sa.Table(
    "feed",
    metadata,
    _number("n"),
    _text("at"),
    _text("kind"),
    _text("text"),
    sa.Column("data", sa.JSON, nullable=False),
    sqlite_autoincrement=True,
)
