"""What other systems took over: their id for it, their last word on it, and our incident moved along with both."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from gateway import mirror
from gateway.bulk import Bulk
from gateway.tables import deliveries, registry_events
from gateway.targets.base import Followed, News, Sent
from gateway.times import from_text, to_text

# Their events have numbers of their own above those that the embedded registry's feed can reach.
FOREIGN = 2**40
ENDED = frozenset({"closed", "rejected"})
DEFAULT_STATES: Mapping[str, str] = {"open": "taken", "closed": "closed"}


def taken(tx: sa.Connection, bulk: Bulk, target: str, incident_id: str, sent: Sent, now: str) -> None:
    """A target has accepted an incident. One that gave neither id nor token cannot be asked about it."""
    row: dict[str, Any] = {"incident_id": incident_id, "target": target, "remote_id": sent.remote_id}
    row |= {"token": sent.token, "remote_state": "", "delivered_at": now, "changed_at": now, "attempts": 0}
    row["next_at"] = now if sent.remote_id or sent.token else None
    tx.execute(sa.delete(deliveries).where(deliveries.c.incident_id == incident_id))
    tx.execute(sa.insert(deliveries), row)
    _step(tx, bulk, target, incident_id, _case_id(target, incident_id, sent.remote_id, sent.token), "taken", "", now)


def due(tx: sa.Connection, target: str, now: str, limit: int) -> list[Followed]:
    """Which deliveries to ask about, longest waiting first."""
    d = deliveries.c
    query = sa.select(d.incident_id, d.remote_id, d.token).where(d.target == target, d.next_at <= now)
    return [Followed(*row) for row in tx.execute(query.order_by(d.next_at).limit(limit))]


def asked(tx: sa.Connection, followed: Sequence[Followed], next_at: str) -> None:
    """Ask about these again at `next_at`, unless their news end them first."""
    d = deliveries.c
    mine = sa.and_(d.incident_id.in_([one.incident_id for one in followed]), d.next_at.is_not(None))
    tx.execute(sa.update(deliveries).where(mine).values(next_at=next_at, attempts=d.attempts + 1))


def by_remote(tx: sa.Connection, target: str, remote_id: str) -> str | None:
    """The incident that a target calls by this id."""
    d = deliveries.c
    return tx.scalar(sa.select(d.incident_id).where(d.target == target, d.remote_id == remote_id))


def changed(tx: sa.Connection, bulk: Bulk, target: str, states: Mapping[str, str], news: News, now: str) -> bool:
    """Take a target's word over; False when it is the one known already, or one that changes nothing."""
    mine = deliveries.c.incident_id == news.incident_id
    old = tx.execute(sa.select(deliveries).where(mine)).mappings().first()
    if old is None or old["target"] != target:
        return False
    remote_id = news.remote_id or old["remote_id"]
    state = news.state or old["remote_state"]
    if (remote_id, state) == (old["remote_id"], old["remote_state"]):
        return False
    step = (states or DEFAULT_STATES).get(state, "")
    values: dict[str, Any] = {"remote_id": remote_id, "remote_state": state, "changed_at": now}
    if step in ENDED:
        values["next_at"] = None
    tx.execute(sa.update(deliveries).where(mine).values(values))
    case_id = _case_id(target, news.incident_id, remote_id, old["token"])
    if remote_id != old["remote_id"] and step != "taken":
        _step(tx, bulk, target, news.incident_id, case_id, "taken", "", now)
    if state != old["remote_state"] and step and (step != "taken" or remote_id != old["remote_id"]):
        _step(tx, bulk, target, news.incident_id, case_id, step, news.reason, now)
    return True


def _step(
    tx: sa.Connection, bulk: Bulk, target: str, incident_id: str, case_id: str, kind: str, reason: str, now: str
) -> None:
    """As an event of the registry's, through the one mirror."""
    e = registry_events.c
    bulk.flush()  # the number must count the events of this transaction too
    n = max(tx.scalar(sa.select(sa.func.max(e.n)).where(e.n >= FOREIGN)) or 0, FOREIGN) + 1
    data = {"check_id": f"{case_id}-{n - FOREIGN}"} if kind == "check_requested" else {}
    names = {"case_id": case_id, "incident_id": incident_id, "kind": kind, "actor": target, "reason": reason}
    mirror.apply(tx, bulk, mirror.RegistryEvent(n=n, at=now, data=data, **names), now)


def _case_id(target: str, incident_id: str, remote_id: str, token: str) -> str:
    return f"{target}:{remote_id or token or incident_id}"


def later(now: str, seconds: float) -> str:
    """`now` and so many seconds."""
    return to_text(from_text(now) + timedelta(seconds=seconds))
