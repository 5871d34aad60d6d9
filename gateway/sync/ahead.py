"""Reading for many handsets at once: what every page needs is fetched with one statement for all of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from edge.wire import PAGE_ENTRIES_MAX, Entry
from gateway.sync import cursor
from gateway.sync.books import ENTRY, SqlReader
from gateway.sync_tables import crew_log, crew_logs, handsets, op_streams


class AheadReader(SqlReader):
    """As SqlReader, for the named handsets alone, within one transaction. `places`: their cursors by device.
    `revoked`: which of them are."""

    def __init__(self, tx: sa.Connection, places: Mapping[str, str]) -> None:
        super().__init__(tx)
        names = list(places)
        h, log, s = handsets.c, crew_logs.c, op_streams.c
        found = sa.select(h.device, h.crew, h.revoked_at).where(h.device.in_(names))
        rows = list(tx.execute(found))
        self._crews = {name: name for name in names} | {row.device: row.crew for row in rows}
        self.revoked = {row.device for row in rows if row.revoked_at is not None}
        logs = sa.select(log.crew, log.head, log.floor).where(log.crew.in_(sorted(set(self._crews.values()))))
        self._logs = {row.crew: (row.head, row.floor) for row in tx.execute(logs)}
        streams = sa.select(s.device, s.epoch, s.through).where(s.device.in_(names))
        self._through = {(row.device, row.epoch): row.through for row in tx.execute(streams)}
        self._rest = self._fetched(places)

    def crew_of(self, device: str) -> str:
        return str(self._crews[device])

    def through(self, device: str, epoch: str) -> int:
        return int(self._through.get((device, epoch), 0))

    def head(self, crew: str) -> int:
        return int(self._logs.get(crew, (0, 0))[0])

    def floor(self, crew: str) -> int:
        return int(self._logs.get(crew, (0, 0))[1])

    def entries(self, crew: str, after: int, limit: int) -> Sequence[Entry]:
        """Nothing is asked for a handset that has everything."""
        if after >= self.head(crew):
            return []
        found = self._rest.get((crew, after))
        return super().entries(crew, after, limit) if found is None else found[:limit]

    def _fetched(self, places: Mapping[str, str]) -> dict[tuple[str, int], list[Entry]]:
        """What lies behind a place, for places near their log's end, so that the rows are few: by (crew, rev)."""
        near: dict[int, set[str]] = defaultdict(set)
        for device, at in places.items():
            crew = self._crews[device]
            after = cursor.read(at, crew)
            if after is not None and 0 < self.head(crew) - after <= PAGE_ENTRIES_MAX:
                near[after].add(crew)
        found: dict[tuple[str, int], list[Entry]] = {}
        log = crew_log.c
        for after, crews in near.items():
            found |= {(crew, after): [] for crew in crews}
            query = sa.select(log.crew, log.body).where(log.crew.in_(sorted(crews)), log.rev > after)
            for row in self._tx.execute(query.order_by(log.rev)).all():
                found[row.crew, after].append(ENTRY.decode(row.body))
        return found
