"""What the duty plan says of crews, and where their handsets were; part of the gateway's schema since version 4."""

import sqlalchemy as sa

from gateway.tables import metadata

# `may`: the operations on orders, and reports, that this crew's handsets may send. A crew without a row: all of them.
crew_rights = sa.Table(
    "crew_rights",
    metadata,
    sa.Column("crew", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("may", sa.JSON, nullable=False),
)
# Points of tracks, apart from the operations that brought them, so that they can be deleted with age.
tracks = sa.Table(
    "tracks",
    metadata,
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("crew", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("lat", sa.Float, nullable=False),
    sa.Column("lon", sa.Float, nullable=False),
    sa.Column("accuracy_m", sa.Float, nullable=True),
    sa.Index("tracks_device", "device", "at"),
    sa.Index("tracks_at", "at"),
)
# Who looked at a track, and why; rows are only ever added.
track_views = sa.Table(
    "track_views",
    metadata,
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("since", sa.Text, nullable=False),
    sa.Column("until", sa.Text, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
)
TABLES = (crew_rights, tracks, track_views)
