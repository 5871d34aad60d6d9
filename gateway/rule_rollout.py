"""Rules to kiosks through the fleet: each device's other settings from afar stay as they are."""

from typing import Any

import msgspec
import sqlalchemy as sa

from gateway import fleet
from gateway.fleet_tables import fleet_devices, fleet_rollouts

Document = dict[str, Any]
CHOSEN_MAX = 50


def begin(
    tx: sa.Connection, text: str, scope: str, chosen: list[str], share: float, refusals_max: int, by: str, why: str,
    now: str,
) -> list[int]:  # fmt: skip
    """Start it; returns the versions: one for a scope (all, group:NAME), one for each of the `chosen` when the scope
    is "". Raises FleetError, a WireError."""
    if scope:
        members = fleet.members(tx, scope)
        if not members:
            raise fleet.FleetError(f"{scope}: 没有岗亭 no kiosk is in it")
        found = list(running(tx, members).values())
        if any(document != found[0] for document in found):
            words = "各岗亭的远程设置不同，请选定岗亭 these kiosks run different settings; choose them by name"
            raise fleet.FleetError(words)
        return [_create(tx, found[0], text, scope, share, refusals_max, by, why, now)]
    if not 0 < len(chosen) <= CHOSEN_MAX:
        raise fleet.FleetError(f"选 1 到 {CHOSEN_MAX} 个岗亭 choose 1 to {CHOSEN_MAX} kiosks, or all")
    documents = running(tx, chosen)
    return [
        _create(tx, documents[device], text, f"device:{device}", 1.0, refusals_max, by, why, now) for device in chosen
    ]


def running(tx: sa.Connection, devices: list[str]) -> dict[str, Document]:
    """The document from afar that each device says it runs; {} for its own file alone. Raises FleetError for one that
    runs a version which this gateway does not have."""
    d, r = fleet_devices.c, fleet_rollouts.c
    query = sa.select(d.device, d.config, r.body).outerjoin(fleet_rollouts, r.n == d.config)
    found: dict[str, Document] = {device: {} for device in devices}
    for row in tx.execute(query.where(d.device.in_(devices))):
        if row.config and row.body is None:
            raise fleet.FleetError(f"{row.device} 的设置 {row.config} 不在此处 runs config {row.config}, unknown here")
        found[row.device] = msgspec.json.decode(row.body, type=Document) if row.body is not None else {}
    return found


def _create(
    tx: sa.Connection, document: Document, text: str, scope: str, share: float, refusals_max: int, by: str, why: str,
    now: str,
) -> int:  # fmt: skip
    body = msgspec.json.encode({**document, "rules": text}).decode()
    return fleet.create(tx, body, scope, share, refusals_max, by, why, now)
