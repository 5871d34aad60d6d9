"""What became of all cases of a database, in plain counts."""

from typing import Any

import sqlalchemy as sa

from gateway.registry.tables import DONE, cases, events


def outcome(tx: sa.Connection, bulletin: dict[str, Any]) -> dict[str, Any]:
    """Counts of cases by what was ever done to them, of events, and a period's figures (`evaluation.bulletin`).

    `closed_in_time` and `due_to_close` are the period's, as the indicator of that name counts them; the other counts
    are of all cases in the database.
    """
    c = cases.c
    marks = [sa.func.count(c[name]).label(name) for name in DONE]
    row = tx.execute(sa.select(sa.func.count().label("reports"), *marks)).mappings().one()
    by_state: dict[str, int] = {}
    for state, many in tx.execute(sa.select(c.state, sa.func.count()).group_by(c.state).order_by(c.state)):
        by_state[state] = many
    city: dict[str, Any] = next((line["indicators"] for line in bulletin["rows"] if line["level"] == "city"), {})
    closing = city.get("closing_in_time", {"numerator": 0, "denominator": 0})
    return {
        **row,
        "closed_in_time": closing["numerator"],
        "due_to_close": closing["denominator"],
        "suspended": by_state.get("suspended", 0),
        "force_closed": by_state.get("force_closed", 0),
        "events": tx.scalar(sa.select(sa.func.count()).select_from(events)),
        "by_state": by_state,
        "indicators": city,
        "rows": bulletin["rows"],
        "sha256": bulletin["sha256"],
    }
