"""A handset's row: written by whoever first learns of it."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from gateway.sync_tables import handsets

_FRESH = {"epoch": "", "cursor": "", "acked": 0, "acked_through": 0, "shift": "", "revoked_reason": ""}


def put(tx: sa.Connection, device: str, values: dict[str, Any]) -> None:
    """Change it, or make it; one that nobody enrolled is a crew of its own."""
    put_all(tx, {device: values}, set())


def put_all(tx: sa.Connection, changes: Mapping[str, dict[str, Any]], known: set[str]) -> None:
    """Many at once, each with values of the same names. `known`: those that surely have a row."""
    unknown = changes.keys() - known
    if unknown:
        h = handsets.c.device
        known = known | set(tx.scalars(sa.select(h).where(h.in_(sorted(unknown)))))
    old = [{"_device": device, **values} for device, values in changes.items() if device in known]
    new = [{"device": device, "crew": device, **_FRESH, **v} for device, v in changes.items() if device not in known]
    if old:
        names = [name for name in old[0] if name != "_device"]
        mine = handsets.c.device == sa.bindparam("_device")
        tx.execute(sa.update(handsets).where(mine).values({name: sa.bindparam(name) for name in names}), old)
    if new:
        tx.execute(sa.insert(handsets), new)
