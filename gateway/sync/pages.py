"""Pages of a crew's log: what a handset with a certain cursor still lacks, and its write checkpoint."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from edge.wire import PAGE_ENTRIES_MAX, Delta, Entry, Notice, Pull
from gateway.sync import cursor
from gateway.sync.ports import Reader

PAGE_BYTES_MAX = 128 * 1024


def answer(books: Reader, pull: Pull, now: datetime, limit: int = PAGE_ENTRIES_MAX) -> Delta:
    """What a handset that asks is given: its next page; the priority page first where it wants one and the rest of the
    log is more than one page."""
    delta = page(books, pull.device, pull.epoch, pull.cursor, now, limit)
    if pull.urgent and delta.more:
        first = urgent(books, pull.device, pull.epoch, pull.cursor)
        return first if first.entries else delta
    return delta


def urgent(books: Reader, device: str, epoch: str, at: str) -> Delta:
    """The priority page: what is most urgent, whatever the cursor; it moves none."""
    crew = books.crew_of(device)
    orders: Sequence[Entry] = books.urgent(crew, PAGE_ENTRIES_MAX)
    return Delta(crew=crew, epoch=epoch, after=at, next=at, entries=_bounded(orders), more=True, urgent=True)


def page(books: Reader, device: str, epoch: str, at: str, now: datetime, limit: int = PAGE_ENTRIES_MAX) -> Delta:
    """The next page behind a cursor; `more` false says that `through` holds. All of it is read in one transaction."""
    crew = books.crew_of(device)
    after = place(books, crew, at)
    start = after or 0
    found = list(books.entries(crew, start, limit + 1))
    taken = _bounded(found[:limit])
    behind = taken[-1].rev if taken else start
    shown = [entry for entry in taken if not (isinstance(entry, Notice) and entry.expires <= now)]
    return Delta(
        crew=crew,
        epoch=epoch,
        after=at,
        next=cursor.write(crew, behind),
        entries=shown,
        more=len(taken) < len(found),
        reset=after is None,
        through=books.through(device, epoch),
    )


def place(books: Reader, crew: str, at: str) -> int | None:
    """The place that a cursor names in this crew's log; None when its holder has to begin again."""
    after = cursor.read(at, crew)
    if after is None or after > books.head(crew) or (after and after < books.floor(crew)):
        return None
    return after


def _bounded(entries: Sequence[Entry]) -> list[Entry]:
    """As many as fit into a page's bytes, at least one."""
    size = 0
    taken: list[Entry] = []
    for entry in entries:
        size += len(msgspec.json.encode(entry))
        if taken and size > PAGE_BYTES_MAX:
            break
        taken.append(entry)
    return taken
