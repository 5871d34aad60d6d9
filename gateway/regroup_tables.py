"""What operators decided about which sightings are one thing, schema version 4."""

import sqlalchemy as sa

from gateway.tables import metadata

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _text(name: str, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, primary_key=key)


# Rows are only ever added. `kind`: merge or split. `incident_id` kept its name, `other_id` was merged into it or split
# off from it. `measured`: how the two sides stood to each other when it was decided, what thresholds are learned from.
decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("n", _Id, primary_key=True, autoincrement=True),
    *map(_text, ("kind", "incident_id", "other_id", "case_class", "person", "reason", "at")),
    sa.Column("measured", sa.JSON, nullable=False),
    sa.Index("decisions_incident", "incident_id"),
    sa.Index("decisions_other", "other_id"),
    sqlite_autoincrement=True,
)
# What follows from them for later sightings: each pair of places twice, once from either side; the newest decision on
# a pair holds. A place is a kiosk's own name for a thing in one camera.
place_pairs = sa.Table(
    "place_pairs",
    metadata,
    *(
        _text(name, key=True)
        for name in ("device", "camera", "place_id", "other_device", "other_camera", "other_place")
    ),
    sa.Column("together", sa.Boolean, nullable=False),
    sa.Column("decision", sa.BigInteger, nullable=False),
)
# Rows are only ever added; the newest of a class is in force.
match_thresholds = sa.Table(
    "match_thresholds",
    metadata,
    sa.Column("n", _Id, primary_key=True, autoincrement=True),
    *map(_text, ("case_class", "person", "reason", "at")),
    sa.Column("ground_sigmas", sa.Float, nullable=False),
    sa.Column("iou_min", sa.Float, nullable=False),
    sa.Column("replay", sa.JSON, nullable=False),
    sa.Index("match_thresholds_class", "case_class", "n"),
    sqlite_autoincrement=True,
)
