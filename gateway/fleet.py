"""The fleet's settings: a wish goes to a share of the devices first, then to the rest; a refusal stops it by itself."""

import hashlib
from collections.abc import Iterable
from math import ceil
from typing import Any

import sqlalchemy as sa

from edge.wire import Config, Health, Versions, encode
from gateway import feed
from gateway.bulk import Bulk
from gateway.devices import DEVICES_MAX
from gateway.fleet_tables import fleet_desired, fleet_devices, fleet_rollouts
from gateway.tables import devices

Row = dict[str, Any]
_DEVICE, _GROUP, _ALL = "device:", "group:", "all"


class FleetError(ValueError):
    """What was asked for cannot be done; `str()` is one line."""


def create(
    tx: sa.Connection, body: str, scope: str, share: float, refusals_max: int, by: str, why: str, now: str
) -> int:
    """Begin a rollout; returns its version. Raises FleetError, and a WireError for a document too large to be sent."""
    _check_scope(scope)
    row: Row = {"scope": scope, "body": body, "sha256": hashlib.sha256(body.encode()).hexdigest(), "share": share}
    row |= {"refusals_max": refusals_max, "state": "running", "reason": "", "by_whom": by, "why": why}
    row |= {"n": _next(tx), "at": now, "changed_at": now}
    encode(_wish("a" * 63, row))
    tx.execute(sa.insert(fleet_rollouts), row)
    _assign(tx, row, _devices_of(tx, scope), now)
    _tell(tx, now, f"{by} wishes config {row['n']} for {scope}, {share:.0%} first", row["n"])
    return int(row["n"])


def change(tx: sa.Connection, n: int, now: str, by: str, *, state: str = "", share: float | None = None) -> Row:
    """Pause, go on, end, or widen a rollout. Nothing that a device runs already is taken from it. Raises FleetError."""
    row = found(tx, n)
    values: Row = {"changed_at": now}
    values |= {"state": state, "reason": "" if state == "running" else f"by {by}"} if state else {}
    if share is not None:
        if share < row["share"]:
            raise FleetError(
                f"rollout {n} has reached {row['share']:.0%} already; give a share above that, or pause it"
            )
        values["share"] = share
    tx.execute(sa.update(fleet_rollouts).where(fleet_rollouts.c.n == n).values(values))
    row |= values
    if row["state"] == "running":
        _assign(tx, row, _devices_of(tx, row["scope"]), now)
        _send(tx, n, True, now)
    else:
        _send(tx, n, False, now)
    _tell(tx, now, f"config {n} is {row['state']} at {row['share']:.0%}, by {by}", n)
    return row


def put_into_group(tx: sa.Connection, device: str, group: str, now: str) -> None:
    """A device's group, "" for none; rollouts of the group that run reach it now. Raises FleetError."""
    _check_scope(f"{_GROUP}{group or 'x'}")
    if not _known(tx, device):
        _insert_device(tx, device, {"grp": group})
    tx.execute(sa.update(fleet_devices).where(fleet_devices.c.device == device).values(grp=group))
    _reach(tx, device, now)


def heard(tx: sa.Connection, message: Health, now: str) -> None:
    """A device told what it runs."""
    told = message.versions
    if told is None:
        return
    before = tx.execute(sa.select(fleet_devices).where(fleet_devices.c.device == message.device)).mappings().first()
    values = _told(told)
    if before is None:
        _insert_device(tx, message.device, values)
        _reach(tx, message.device, now)
    elif any(before[name] != value for name, value in values.items()):
        tx.execute(sa.update(fleet_devices).where(fleet_devices.c.device == message.device).values(values))
    _judge(tx, message.device, told, now)


def members(tx: sa.Connection, scope: str) -> list[str]:
    """A scope's devices. Raises FleetError."""
    _check_scope(scope)
    return _devices_of(tx, scope)


def found(tx: sa.Connection, n: int) -> Row:
    """A rollout. Raises FleetError."""
    row = tx.execute(sa.select(fleet_rollouts).where(fleet_rollouts.c.n == n)).mappings().first()
    if row is None:
        raise FleetError(f"there is no rollout {n}; see /api/fleet/rollouts")
    return dict(row)


def _judge(tx: sa.Connection, device: str, told: Versions, now: str) -> None:
    mine = fleet_desired.c.device == device
    wanted = tx.execute(sa.select(fleet_desired).where(mine)).mappings().first()
    if wanted is None:
        return
    version, outcome, reason = wanted["version"], "pending", ""
    if told.config == version:
        outcome = "trial" if told.config_state == "trial" else "applied"
    elif told.config_refused == version:
        outcome, reason = "refused", told.config_reason
    if outcome == wanted["outcome"]:
        return
    values: Row = {"outcome": outcome, "reason": reason, "changed_at": now}
    if outcome != "pending":
        values["waiting"] = False
    elif found(tx, version)["state"] == "running":
        values |= {"waiting": True, "next_at": now}  # a device that lost what it had applied gets it again
    tx.execute(sa.update(fleet_desired).where(mine).values(values))
    if outcome == "refused":
        _stop_after(tx, version, device, reason, now)


def _stop_after(tx: sa.Connection, n: int, device: str, reason: str, now: str) -> None:
    """One refusal too many and the rest of the fleet is spared."""
    row = found(tx, n)
    refused = sa.and_(fleet_desired.c.version == n, fleet_desired.c.outcome == "refused")
    count = tx.scalar(sa.select(sa.func.count()).select_from(fleet_desired).where(refused)) or 0
    _tell(tx, now, f"{device} refused config {n}: {reason}", n)
    if row["state"] != "running" or count <= row["refusals_max"]:
        return
    words = f"{count} refused, {device} last: {reason}"[:500]
    values = {"state": "paused", "reason": words, "changed_at": now}
    tx.execute(sa.update(fleet_rollouts).where(fleet_rollouts.c.n == n).values(values))
    _send(tx, n, False, now)
    _tell(tx, now, f"config {n} is paused: {words}", n)


def _assign(tx: sa.Connection, row: Row, members: Iterable[str], now: str) -> None:
    """Bring a rollout to the first of its devices, by an order that is its own and does not change."""
    n = row["n"]
    order = sorted(members, key=lambda device: hashlib.sha256(f"{n}:{device}".encode()).digest())
    for device in order[: ceil(row["share"] * len(order))]:
        have = tx.scalar(sa.select(fleet_desired.c.version).where(fleet_desired.c.device == device))
        if have is not None and have >= n:
            continue
        values: Row = {"version": n, "outcome": "pending", "reason": "", "changed_at": now, "attempts": 0}
        values |= {"next_at": now, "waiting": True, "payload": encode(_wish(device, row))}
        if have is None:
            tx.execute(sa.insert(fleet_desired), {"device": device, **values})
        else:
            tx.execute(sa.update(fleet_desired).where(fleet_desired.c.device == device).values(values))


def _reach(tx: sa.Connection, device: str, now: str) -> None:
    """The rollouts that run, for a device that is new to them; the newest one that takes it wins."""
    running = sa.select(fleet_rollouts).where(fleet_rollouts.c.state == "running").order_by(fleet_rollouts.c.n)
    for row in tx.execute(running).mappings().all():
        members = _devices_of(tx, row["scope"])
        if device in members:
            _assign(tx, dict(row), members, now)


def _send(tx: sa.Connection, n: int, waiting: bool, now: str) -> None:
    """Whether those that have not answered yet are still asked."""
    open_rows = sa.and_(fleet_desired.c.version == n, fleet_desired.c.outcome == "pending")
    tx.execute(sa.update(fleet_desired).where(open_rows).values(waiting=waiting, next_at=now))


def _devices_of(tx: sa.Connection, scope: str) -> list[str]:
    """A scope's devices: the one that is named, a group's, or every kiosk that was ever heard."""
    if scope.startswith(_DEVICE):
        return [scope.removeprefix(_DEVICE)]
    if scope.startswith(_GROUP):
        member = fleet_devices.c.grp == scope.removeprefix(_GROUP)
        return list(tx.scalars(sa.select(fleet_devices.c.device).where(member)))
    return list(tx.scalars(sa.select(devices.c.device).where(devices.c.kind == "kiosk")))


def _next(tx: sa.Connection) -> int:
    """Above every version that was given out, or that a device knows (of a gateway before this one)."""
    d = fleet_devices.c
    known = [tx.scalar(sa.select(sa.func.max(column))) or 0 for column in (fleet_rollouts.c.n, d.config, d.refused)]
    return max(known) + 1


def _known(tx: sa.Connection, device: str) -> bool:
    return tx.scalar(sa.select(fleet_devices.c.device).where(fleet_devices.c.device == device)) is not None


def _insert_device(tx: sa.Connection, device: str, values: Row) -> None:
    if (tx.scalar(sa.select(sa.func.count()).select_from(fleet_devices)) or 0) >= DEVICES_MAX:
        return
    tx.execute(sa.insert(fleet_devices), {"device": device, "grp": "", **_told(Versions()), **values})


def _told(told: Versions) -> Row:
    values: Row = {"config": told.config, "config_state": told.config_state, "refused": told.config_refused}
    values |= {"reason": told.config_reason, "software": told.software, "model": told.model}
    return values | {"model_sha256": told.model_sha256, "release": told.release, "rules": told.rules}


def _wish(device: str, row: Row) -> Config:
    return Config(device=device, version=row["n"], body=row["body"], sha256=row["sha256"])


def _check_scope(scope: str) -> None:
    name = scope.removeprefix(_DEVICE).removeprefix(_GROUP)
    if scope != _ALL and (name == scope or not name or len(name) > 63 or not name.isprintable()):
        raise FleetError(f"scope {scope[:100]!r} is none; give all, group:NAME or device:NAME")


def _tell(tx: sa.Connection, now: str, text: str, n: int) -> None:
    bulk = Bulk(tx)
    feed.append(bulk, now, "device", text, {"config": n})
    bulk.flush()
