"""What the desk sees of the fleet: each device with its versions, its health in a few figures, its wished version."""

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.fleet_tables import fleet_desired, fleet_devices, fleet_rollouts
from gateway.tables import devices

Row = dict[str, Any]
SILENT_S = 60.0  # health comes every ten seconds
DISK_FREE_LOW = 512 * 1024**2
CLOCK_OFF_S = 5.0
HOT_C = 85.0


def device_list(tx: sa.Connection, now: datetime, limit: int, group: str = "") -> list[Row]:
    """Devices by name. `wanted`: the version that it should run, `outcome` what became of it; `troubles`: words."""
    d, f, w = devices.c, fleet_devices.c, fleet_desired.c
    columns = [d.device, d.kind, d.online, d.last_heard, d.health, d.software, f.grp, f.config, f.config_state]
    columns += [f.refused, f.reason, f.model, f.release, f.rules, w.version, w.outcome]
    query = (
        sa.select(*columns)
        .outerjoin(fleet_devices, f.device == d.device)
        .outerjoin(fleet_desired, w.device == d.device)
        .order_by(d.device)
        .limit(limit)
    )
    query = query.where(f.grp == group) if group else query
    return [_device(dict(row), now) for row in tx.execute(query).mappings()]


def rollout_list(tx: sa.Connection, limit: int) -> list[Row]:
    """Rollouts, newest first, with how many devices stand where."""
    newest = sa.select(fleet_rollouts).order_by(fleet_rollouts.c.n.desc()).limit(limit)
    rows = [dict(row) for row in tx.execute(newest).mappings()]
    return [_rollout(row, _outcomes(tx, row["n"])) for row in rows]


def rollout(tx: sa.Connection, row: Row) -> Row:
    """One rollout with its document and each device's outcome."""
    w = fleet_desired.c
    query = sa.select(w.device, w.outcome, w.reason, w.changed_at, w.attempts).where(w.version == row["n"])
    on = [dict(one) for one in tx.execute(query.order_by(w.device)).mappings()]
    document = msgspec.json.decode(row["body"])
    return _rollout(row, _outcomes(tx, row["n"])) | {"document": document, "devices": on}


def _device(row: Row, now: datetime) -> Row:
    health = row.pop("health") or {}
    told = health.get("vitals") or {}
    cameras = {name: figures for name, figures in (health.get("cameras") or {}).items() if isinstance(figures, dict)}
    seen: Row = {"wanted": row.pop("version"), "group": row.pop("grp") or "", "outbox_rows": health.get("outbox_rows")}
    names = ("uptime_s", "rss_bytes", "temperature_c", "clock_offset_s", "disk_free_bytes", "times_ms", "queues")
    seen |= {name: told.get(name) for name in names}
    seen["cameras"] = {
        name: {key: figures[key] for key in ("fps", "age_s", "view", "decode_ms") if key in figures}
        for name, figures in cameras.items()
    }
    return row | seen | {"troubles": _troubles(row, told, cameras, now)}


def _troubles(row: Row, told: Row, cameras: dict[str, Row], now: datetime) -> list[str]:
    """In words, the worst first."""
    said: list[str] = []
    if row["online"] is False:
        said.append("offline")
    elif not row["last_heard"] or (now - datetime.fromisoformat(row["last_heard"])).total_seconds() > SILENT_S:
        said.append(f"not heard since {row['last_heard'] or 'ever'}")
    if row["outcome"] == "refused":
        said.append(f"refused config {row['refused']}: {row['reason']}")
    said += [f"camera {name}: {view}" for name, view in _views(cameras) if view not in ("ok", "unknown")]
    said += [f"camera {name}: no picture" for name, figures in cameras.items() if _blind(figures)]
    free, offset, heat = told.get("disk_free_bytes"), told.get("clock_offset_s"), told.get("temperature_c")
    if free is not None and free < DISK_FREE_LOW:
        said.append(f"{free // 1024**2} MiB of disk left")
    if offset is not None and abs(offset) > CLOCK_OFF_S:
        said.append(f"clock is {offset:+.0f} s off")
    if heat is not None and heat > HOT_C:
        said.append(f"{heat:.0f} degrees C")
    return said


def _views(cameras: dict[str, Row]) -> list[tuple[str, str]]:
    return [(name, str(figures["view"])) for name, figures in cameras.items() if "view" in figures]


def _blind(figures: Row) -> bool:
    age = figures.get("age_s")
    return isinstance(age, (int, float)) and (age < 0 or age > SILENT_S)


def _outcomes(tx: sa.Connection, n: int) -> dict[str, int]:
    w = fleet_desired.c
    counted = tx.execute(sa.select(w.outcome, sa.func.count()).where(w.version == n).group_by(w.outcome))
    return {row[0]: row[1] for row in counted}


def _rollout(row: Row, outcomes: dict[str, int]) -> Row:
    named = ("scope", "share", "state", "reason", "why", "at", "changed_at", "refusals_max", "sha256")
    return {"version": row["n"], "by": row["by_whom"], **{name: row[name] for name in named}, "outcomes": outcomes}
