"""What is known of each device: online or not, when it was last heard, how much it sent."""

from collections import Counter, defaultdict
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from edge.wire import Health, Presence
from gateway import feed
from gateway.bulk import Bulk
from gateway.quick import Quick
from gateway.tables import devices
from gateway.take import DEVICE
from gateway.times import to_text

DEVICES_MAX = 50_000
Count = Literal["messages", "repeats", "refused", "throttled"]

COUNTS: tuple[Count, ...] = ("messages", "repeats", "refused", "throttled")
_KNOWN = Quick(sa.select(devices.c.device).where(devices.c.device == sa.bindparam("name")))
# Of a device that has only sent messages, which is nearly every one in nearly every batch.
_ADD = Quick(
    sa.update(devices)
    .where(devices.c.device == sa.bindparam("name"))
    .values({name: devices.c[name] + sa.bindparam(f"more_{name}") for name in COUNTS})
    .values(last_heard=sa.bindparam("heard"))
)


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
        for device in sorted({*self._counts, *self._values}):
            if not DEVICE.fullmatch(device):
                continue
            if device in self._values or device in self._stale or not _KNOWN.rows(tx, {"name": device}):
                self._write_one(tx, bulk, device, now)
            else:
                counts = {f"more_{name}": self._counts[device][name] for name in COUNTS}
                _ADD.run(tx, {**counts, "name": device, "heard": now})

    def _write_one(self, tx: sa.Connection, bulk: Bulk, device: str, now: str) -> None:
        known = tx.execute(sa.select(devices).where(devices.c.device == device)).mappings().first()
        old = _new_row(device, now) if known is None else dict(known)
        if known is None:
            if (tx.scalar(sa.select(sa.func.count()).select_from(devices)) or 0) >= DEVICES_MAX:
                return
            tx.execute(sa.insert(devices), old)
        values: dict[str, Any] = {**self._values[device], "last_heard": self._heard(device, old["last_heard"], now)}
        values |= {name: devices.c[name] + count for name, count in self._counts[device].items()}
        tx.execute(sa.update(devices).where(devices.c.device == device).values(values))
        if values.get("online", old["online"]) != old["online"]:
            _tell(bulk, device, values["kind"], values["online"], now)

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


def _tell(bulk: Bulk, device: str, kind: str, is_online: bool, now: str) -> None:
    word = "online" if is_online else "offline"
    feed.append(bulk, now, "device", f"{kind} {device} is {word}", {"device": device, "online": is_online})
