"""Reading for many handsets at once: what every page needs is fetched with one statement for all of them."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from edge.wire import Entry
from gateway.sync.books import SqlReader
from gateway.sync_tables import crew_logs, handsets, op_streams


class AheadReader(SqlReader):
    """As SqlReader, for the named handsets alone, within one transaction. `revoked`: which of them are."""

    def __init__(self, tx: sa.Connection, devices: Iterable[str]) -> None:
        super().__init__(tx)
        names = list(devices)
        h, log, s = handsets.c, crew_logs.c, op_streams.c
        found = sa.select(h.device, h.crew, h.revoked_at).where(h.device.in_(names))
        rows = list(tx.execute(found))
        self._crews = {name: name for name in names} | {row.device: row.crew for row in rows}
        self.revoked = {row.device for row in rows if row.revoked_at is not None}
        logs = sa.select(log.crew, log.head, log.floor).where(log.crew.in_(sorted(set(self._crews.values()))))
        self._logs = {row.crew: (row.head, row.floor) for row in tx.execute(logs)}
        streams = sa.select(s.device, s.epoch, s.through).where(s.device.in_(names))
        self._through = {(row.device, row.epoch): row.through for row in tx.execute(streams)}

    def crew_of(self, device: str) -> str:
        return self._crews[device]

    def through(self, device: str, epoch: str) -> int:
        return self._through.get((device, epoch), 0)

    def head(self, crew: str) -> int:
        return self._logs.get(crew, (0, 0))[0]

    def floor(self, crew: str) -> int:
        return self._logs.get(crew, (0, 0))[1]

    def entries(self, crew: str, after: int, limit: int) -> Sequence[Entry]:
        """Nothing is asked for a handset that has everything."""
        return super().entries(crew, after, limit) if after < self.head(crew) else []
