"""What is known of each device: online or not, when it was last heard, how much it sent."""

from collections import Counter, defaultdict
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from edge.wire import Health, Presence
from gateway import feed
from gateway.bulk import Bulk
from gateway.tables import devices
from gateway.take import DEVICE
from gateway.times import to_text

DEVICES_MAX = 50_000
Count = Literal["messages", "repeats", "refused", "throttled"]


class Tally:
    """One batch's news about devices, written as one row change per device."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._values: dict[str, dict[str, Any]] = defaultdict(dict)
        self._stale: dict[str, str] = {}

    def add(self, device: str, count: Count, by: int = 1) -> None:
        """Count messages of a device."""
        self._counts[device][count] += by

    def presence(self, message: Presence, retained: bool) -> None:
        """Birth or last will. A retained one, or a will, is old news: it does not count as hearing the device."""
        values = {"kind": message.kind, "online": message.online, "software": message.software[:200]}
        self._values[message.device] |= values
        if retained or not message.online:
            self._stale[message.device] = to_text(message.at) if message.at else ""

    def health(self, message: Health, payload: bytes) -> None:
        """The device's own counters, kept as they came."""
        self._values[message.device]["health"] = msgspec.json.decode(payload)

    def write(self, tx: sa.Connection, bulk: Bulk, now: str) -> None:
        """Into the devices table; tells the feed who came and who went."""
        names = sorted(name for name in {*self._counts, *self._values} if DEVICE.fullmatch(name))
        if not names:
            return
        found = tx.execute(sa.select(devices).where(devices.c.device.in_(names))).mappings()
        old = {row["device"]: dict(row) for row in found}
        new = [name for name in names if name not in old]
        if new:
            room = DEVICES_MAX - (tx.scalar(sa.select(sa.func.count()).select_from(devices)) or 0)
            new = new[: max(0, room)]
        changed = {name: self._changed(old.get(name) or _new_row(name, now), now) for name in (*old, *new)}
        _write_all(tx, [changed[name] for name in old], [changed[name] for name in new])
        for name, row in changed.items():
            if row["online"] != (old[name]["online"] if name in old else None):
                _tell(bulk, name, row["kind"], row["online"], now)

    def _changed(self, old: dict[str, Any], now: str) -> dict[str, Any]:
        """The whole row as it is now. Counted here, since nobody else writes while this transaction does."""
        name = old["device"]
        counts = {count: old[count] + by for count, by in self._counts[name].items()}
        return {**old, **self._values[name], **counts, "last_heard": self._heard(name, old["last_heard"], now)}

    def _heard(self, device: str, before: str, now: str) -> str:
        only_stale = device in self._stale and not self._counts[device]
        return max(before, self._stale[device]) if only_stale else now


def online(tx: sa.Connection, device: str) -> bool:
    """Whether it is worth sending to a device now; one that never said a word may be there."""
    return tx.scalar(sa.select(devices.c.online).where(devices.c.device == device)) is not False


def listed(tx: sa.Connection, limit: int) -> list[dict[str, Any]]:
    """Devices, last heard first."""
    rows = tx.execute(sa.select(devices).order_by(devices.c.last_heard.desc()).limit(limit))
    return [dict(row) for row in rows.mappings()]


def _new_row(device: str, now: str) -> dict[str, Any]:
    counts = dict.fromkeys(("messages", "repeats", "refused", "throttled"), 0)
    return {
        "device": device,
        "kind": "",
        "online": None,
        "software": "",
        "first_heard": now,
        "last_heard": "",
        **counts,
    }


def _write_all(tx: sa.Connection, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
    """Rows that are there and rows that are not, one statement each."""
    rows = [{name: value for name, value in row.items() if name != "health"} for row in (*old, *new)]
    if old:
        _update(tx, rows[: len(old)])
    if new:
        tx.execute(sa.insert(devices), rows[len(old) :])
    said = [{"device": row["device"], "health": row["health"]} for row in (*old, *new) if row.get("health") is not None]
    if said:
        _update(tx, said)


def _update(tx: sa.Connection, rows: list[dict[str, Any]]) -> None:
    values: dict[str, Any] = {name: sa.bindparam(name) for name in rows[0] if name != "device"}
    change = sa.update(devices).where(devices.c.device == sa.bindparam("_device")).values(values)
    tx.execute(change, [{"_device": row["device"], **row} for row in rows])


def _tell(bulk: Bulk, device: str, kind: str, is_online: bool, now: str) -> None:
    word = "online" if is_online else "offline"
    feed.append(bulk, now, "device", f"{kind} {device} is {word}", {"device": device, "online": is_online})
