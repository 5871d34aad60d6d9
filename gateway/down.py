"""What must reach a device is sent again until the device says that it has it: verify requests, settings."""

import random
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError

from edge.wire import topic
from gateway.asks_tables import asks
from gateway.counters import Counters
from gateway.database import Database
from gateway.fleet_tables import fleet_desired
from gateway.ingest import Line
from gateway.leases import May, always
from gateway.tables import devices, verifies
from gateway.times import Clock, to_text

ROWS = 500
GROWTH = 1.5
TICK_S = 0.5
log = structlog.get_logger()


@dataclass(frozen=True)
class Kind:
    """One table of things to send: its key, whom they are for, on which channel."""

    table: sa.Table
    key: sa.Column[str]
    device: sa.Column[str]
    channel: str


KINDS = (
    Kind(verifies, verifies.c.verify_id, verifies.c.device, "verify"),
    Kind(fleet_desired, fleet_desired.c.device, fleet_desired.c.device, "config"),
    Kind(asks, asks.c.ask_id, asks.c.device, "ask"),
)


class Sender:
    """One thread. Again after `resend_s`, then ever more rarely up to `resend_s_max`; at once when a device comes up.

    A device that said goodbye is left in peace until its birth message.
    """

    def __init__(
        self,
        database: Database,
        line: Line,
        counters: Counters,
        clock: Clock,
        resend_s: float,
        resend_s_max: float,
        may: May = always,
    ) -> None:
        self._database = database
        self._line = line
        self._counters = counters
        self._clock = clock
        self._resend_s = resend_s
        self._may = may
        self._resend_s_max = resend_s_max
        self._births: set[str] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.wake = threading.Event()

    def born(self, device_ids: set[str]) -> None:
        """These came up just now."""
        with self._lock:
            self._births |= device_ids
        self.wake.set()

    def stop(self) -> None:
        """End after the round under way."""
        self._stop.set()
        self.wake.set()

    def run(self) -> None:
        """Until stopped."""
        while not self._stop.is_set():
            self.wake.wait(TICK_S)
            self.wake.clear()
            try:
                if self._may():  # those that came up meanwhile are remembered for the day when we may
                    self.round()
            except OperationalError as error:
                log.error("down.database", reason=str(error.orig))

    def round(self) -> None:
        """Send everything that is due once."""
        with self._lock:
            births, self._births = self._births, set()
        for kind in KINDS:
            with self._database.read() as tx:
                due = self._due(tx, kind, births)
            sent = [row for row in due if self._publish(kind, row)]
            if sent:
                with self._database.write() as tx:
                    for row in sent:
                        self._note(tx, kind, row)

    def _due(self, tx: sa.Connection, kind: Kind, births: set[str]) -> list[Any]:
        columns = kind.table.c
        listening = sa.or_(devices.c.online.is_(None), devices.c.online)
        is_due = sa.or_(columns.next_at <= to_text(self._clock()), kind.device.in_(births))
        query = (
            sa.select(kind.key.label("key"), kind.device.label("device"), columns.payload, columns.attempts)
            .outerjoin(devices, devices.c.device == kind.device)
            .where(columns.waiting, listening, is_due)
            .order_by(columns.next_at)
        )
        return list(tx.execute(query.limit(ROWS)).mappings())

    def _publish(self, kind: Kind, row: Any) -> bool:
        sent = self._line.publish(topic("down", row["device"], kind.channel), row["payload"], 1)
        self._counters.add(f"{kind.channel}_sent" if sent else f"{kind.channel}_unsent")
        return sent

    def _note(self, tx: sa.Connection, kind: Kind, row: Any) -> None:
        wait_s = min(self._resend_s_max, self._resend_s * GROWTH ** min(row["attempts"], 30)) * random.uniform(0.9, 1.1)
        next_at = to_text(self._clock() + timedelta(seconds=wait_s))
        values = {"attempts": row["attempts"] + 1, "next_at": next_at}
        # Same payload still: a newer version that came in between keeps its own "at once".
        mine = sa.and_(kind.key == row["key"], kind.table.c.payload == row["payload"])
        tx.execute(sa.update(kind.table).where(mine).values(values))
