"""A handset's row: written by whoever first learns of it."""

from typing import Any

import sqlalchemy as sa

from gateway.sync_tables import handsets


def put(tx: sa.Connection, device: str, values: dict[str, Any]) -> None:
    """Change it, or make it; one that nobody enrolled is a crew of its own."""
    if tx.execute(sa.update(handsets).where(handsets.c.device == device).values(values)).rowcount:
        return
    row = {"crew": device, "epoch": "", "cursor": "", "acked": 0, "acked_through": 0, "shift": "", "revoked_reason": ""}
    tx.execute(sa.insert(handsets), {"device": device, **row, **values})
