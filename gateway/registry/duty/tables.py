"""Tables of duty, part of the registry's schema since version 3."""

import sqlalchemy as sa

from gateway.registry.tables import metadata


def _text(name: str, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, primary_key=key, default=None if key else "")


def _int(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, default=0)


def _at(name: str) -> sa.Column[str | None]:
    return sa.Column(name, sa.Text, nullable=True)


# What crews have open, and how far each case was urged. `told`: 0 nobody, 1 crew, 2 leader, 3 centre; it never falls.
duty_orders = sa.Table(
    "duty_orders",
    metadata,
    _text("case_id", key=True),
    _text("crew"),
    sa.Column("open", sa.Boolean, nullable=False),
    _at("deadline"),
    _int("attempt"),
    _int("told"),
    _at("urge_at"),
    _at("uncovered_at"),
    sa.Index("duty_orders_crew", "open", "crew"),
    sa.Index("duty_orders_urge", "urge_at"),
)
# `last`: the number of a crew's last order, so that equals take turns.
duty_crews = sa.Table("duty_crews", metadata, _text("crew", key=True), _int("last"))
duty_handovers = sa.Table(
    "duty_handovers",
    metadata,
    _text("handover_id", key=True),
    _text("giver"),
    _text("taker"),
    _text("at"),
    _text("due_at"),
    _text("by"),
    sa.Column("cases", sa.JSON, nullable=False),
    _text("given_by"),
    _at("given_at"),
    _text("taken_by"),
    _at("taken_at"),
    _at("told_at"),
    sa.Index("duty_handovers_open", "taken_at", "due_at"),
)
duty_callouts = sa.Table(
    "duty_callouts",
    metadata,
    _text("callout_id", key=True),
    _text("person"),
    _text("place"),
    _text("words"),
    _int("wanted"),
    sa.Column("crews", sa.JSON, nullable=False),
    _text("at"),
    _text("expires"),
)
duty_answers = sa.Table(
    "duty_answers",
    metadata,
    _text("callout_id", key=True),
    _text("crew", key=True),
    _text("device"),
    _text("at"),
    _int("place"),
)
# A second party's own order on a case: police or volunteers.
duty_parties = sa.Table(
    "duty_parties",
    metadata,
    _text("order_id", key=True),
    _text("case_id"),
    _text("crew"),
    _text("kind"),
    _text("task"),
    _int("version"),
    _text("state"),
    _text("step"),
    _text("by"),
    _text("at"),
    sa.Index("duty_parties_case", "case_id"),
)
duty_leads = sa.Table(
    "duty_leads",
    metadata,
    _text("lead_id", key=True),
    _text("case_id"),
    _text("crew"),
    _text("offence"),
    _text("facts"),
    _text("person"),
    _text("at"),
    _text("number"),
    _text("officer"),
    _at("received_at"),
    _text("entered_by"),
)
duty_asks = sa.Table(
    "duty_asks",
    metadata,
    _text("ask_id", key=True),
    _text("case_id"),
    _text("order_id"),
    _text("kind"),
    sa.Column("hours", sa.Float, nullable=True),
    _text("reason"),
    _text("crew"),
    _text("device"),
    _text("at"),
    _text("state"),
    _text("person"),
    _at("answered_at"),
    _text("words"),
    sa.Index("duty_asks_state", "state", "at"),
    sa.Index("duty_asks_case", "case_id"),
)
duty_books = sa.Table("duty_books", metadata, _text("name", key=True), _text("value"))
TABLES = (
    duty_orders,
    duty_crews,
    duty_handovers,
    duty_callouts,
    duty_answers,
    duty_parties,
    duty_leads,
    duty_asks,
    duty_books,
)


def up(tx: sa.Connection) -> None:
    """To schema version 3. What crews have open already is taken over when a registry with a plan starts."""
    for table in TABLES:
        table.create(tx)
