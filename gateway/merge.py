"""Two incidents that a person says are one: the witnesses and pictures of the later go to the other."""

from datetime import datetime

import sqlalchemy as sa

from gateway.incidents import revision
from gateway.tables import campaigns, evidence_refs, incidents, witnesses
from gateway.times import to_text


class NotMerged(ValueError):
    """They cannot be one; `str()` says why, and nothing has changed."""


def check(tx: sa.Connection, gone: str, kept: str) -> str:
    """The kept incident's case. Raises NotMerged."""
    query = sa.select(incidents.c.case_id, incidents.c.state).where(incidents.c.incident_id == kept)
    row = tx.execute(query).first()
    if gone == kept or row is None or not row.case_id:
        raise NotMerged("邻近事件没有案件 the neighbour has no case to merge with")
    if row.state == "rejected":
        raise NotMerged(f"{row.case_id} 未予立案，不能合并 was rejected; nothing can be merged with it")
    return str(row.case_id)


def join(tx: sa.Connection, gone: str, kept: str, now: datetime) -> None:
    """From here on a further sighting of the gone one's place belongs to the kept one. Call it after `check`."""
    one, other = incidents.c.incident_id == kept, incidents.c.incident_id == gone
    target = tx.execute(sa.select(incidents).where(one)).mappings().one()
    source = tx.execute(sa.select(incidents).where(other)).mappings().one()
    tx.execute(
        sa.update(witnesses)
        .where(witnesses.c.incident_id == gone)
        .values(incident_id=kept, open=target["open"], reason="merged by a person")
    )
    for table, name in ((evidence_refs, "sha256"), (campaigns, "campaign")):
        there = sa.select(table.c[name]).where(table.c.incident_id == kept)
        rows = tx.execute(sa.select(table).where(table.c.incident_id == gone, table.c[name].not_in(there))).mappings()
        copied = [{**row, "incident_id": kept} for row in rows]
        if copied:
            tx.execute(sa.insert(table), copied)
    seen = {"first_seen": min(target["first_seen"], source["first_seen"])}
    seen["last_seen"] = max(target["last_seen"], source["last_seen"])
    tx.execute(sa.update(incidents).where(one).values(**seen, revision=revision(to_text(now))))
