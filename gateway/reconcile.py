"""Reconciliation: every candidate ever receipted is accounted for, by count and by hash, from the ledger to the case.

Two sides are added up on their own and compared: what the ledger of receipts says was brought (with what retention took
out of it), and what stands in candidates, incidents, outbox and, where it can be asked, in the registry itself.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from edge.wire import topic
from gateway import books
from gateway.books import Sum
from gateway.forward import report_key
from gateway.tables import (
    candidates,
    dead_letters,
    deliveries,
    forwards,
    incidents,
    messages,
    registry_events,
    witnesses,
)

SHOWN_MAX = 20
Where = Literal["waiting", "forwarded", "confirmed", "dead_letter", "unaccounted"]
PLACES: tuple[Where, ...] = ("waiting", "forwarded", "confirmed", "dead_letter", "unaccounted")


class Report(msgspec.Struct, kw_only=True):
    """`founded` + `merged` + `unaccounted` = `received`. `reports`: the incidents' reports by where they are;
    `confirmed`: the registry itself has told of the case. `faults`: one line each; empty when all is accounted for."""

    received: int
    received_hash: str
    accounted: int
    accounted_hash: str
    founded: int
    merged: int
    unaccounted: int
    refused: int
    before_ledger: int
    reports: dict[str, int]
    reports_hash: str
    by_target: dict[str, dict[str, int]]
    registry_asked: bool
    registry_hash: str
    faults: list[str]

    @property
    def ok(self) -> bool:
        """Nothing is unaccounted for."""
        return not self.faults


def reconcile(tx: sa.Connection, ask: Callable[[], Iterator[str]] | None = None) -> Report:
    """`ask`: the incident ids that the embedded registry has cases of, asked of itself; None leaves it out."""
    ledger, refused = _ledger(tx), _refused(tx)
    placed, founded, merged, lost = _placed(tx)
    older = _before_ledger(tx)
    reports, by_target, confirmed, missing = _reports(tx)
    faults = [f"candidate {device}/{name} has no incident" for device, name in lost]
    faults += [f"incident {incident_id} was never put on its way to a registry" for incident_id in missing]
    if ledger + older != placed:
        faults.append(
            f"receipts tell of {(ledger + older).count} candidates (hash {(ledger + older).digest[:16]}), "
            f"stored are {placed.count} (hash {placed.digest[:16]}); {_difference(tx)}"
        )
    has = Sum()
    if ask is not None:
        has, gone = _compare(set(confirmed), ask())
        faults += [f"incident {incident_id} was confirmed once, the registry has no case of it" for incident_id in gone]
    return Report(
        received=(ledger + older).count,
        received_hash=(ledger + older).digest,
        accounted=placed.count - len(lost),
        accounted_hash=placed.digest,
        founded=founded,
        merged=merged,
        unaccounted=len(lost),
        refused=refused,
        before_ledger=older.count,
        reports=reports,
        reports_hash=books.summed((one,) for one in confirmed).digest,
        by_target=by_target,
        registry_asked=ask is not None,
        registry_hash=has.digest if ask is not None else "",
        faults=faults[:SHOWN_MAX] + ([f"and {len(faults) - SHOWN_MAX} more"] if len(faults) > SHOWN_MAX else []),
    )


def _brought() -> sa.Select[Any]:
    m = messages.c
    return sa.select(m.device, m.subject).where(m.channel == "candidate", m.code.is_(None), m.subject != "")


def _ledger(tx: sa.Connection) -> Sum:
    return books.summed((row[0], row[1]) for row in tx.execute(_brought())) + books.read(tx)


def _refused(tx: sa.Connection) -> int:
    """Candidates that are kept among the dead letters, each payload once."""
    where = dead_letters.c.topic.like(topic("up", "%", "candidate"))
    return tx.scalar(sa.select(sa.func.count()).select_from(dead_letters).where(where)) or 0


def _before_ledger(tx: sa.Connection) -> Sum:
    """Candidates from before schema 3, when receipts did not yet name what they were for: told by the receipts' rows
    that name neither subject nor incident. They are taken as received; nothing better is known of them."""
    m, c = messages.c, candidates.c
    old = sa.and_(m.channel == "candidate", m.code.is_(None), m.incident_id == "")
    newest = tx.scalar(sa.select(sa.func.max(m.received_at)).where(old))
    if newest is None:
        return Sum()
    named = _brought().where(m.device == c.device, m.subject == c.candidate_id)
    query = sa.select(c.device, c.candidate_id).where(c.received_at <= newest, ~named.exists())
    return books.summed((row[0], row[1]) for row in tx.execute(query))


def _placed(tx: sa.Connection) -> tuple[Sum, int, int, list[tuple[str, str]]]:
    """(all that is stored, how many founded their incident, how many joined one, those that have none)."""
    c, w, i = candidates.c, witnesses.c, incidents.c
    other = candidates.alias().c
    first = sa.select(sa.func.min(other.n)).where(other.incident_id == c.incident_id).scalar_subquery()
    joined = candidates.outerjoin(incidents, i.incident_id == c.incident_id).outerjoin(
        witnesses, sa.and_(w.device == c.device, w.candidate_id == c.candidate_id, w.incident_id == c.incident_id)
    )
    whole = sa.and_(i.incident_id.is_not(None), w.device.is_not(None))
    query = sa.select(c.device, c.candidate_id, whole, c.n == first).select_from(joined)
    counts: Counter[bool] = Counter()
    lost: list[tuple[str, str]] = []

    def members() -> Iterator[tuple[str, ...]]:
        for device, name, is_whole, is_first in tx.execute(query):
            if is_whole:
                counts[bool(is_first)] += 1
            else:
                lost.append((device, name))
            yield device, name

    placed = books.summed(members())
    return placed, counts[True], counts[False], lost


def _reports(tx: sa.Connection) -> tuple[dict[str, int], dict[str, dict[str, int]], list[str], list[str]]:
    """(counts by place, the same by target, incidents confirmed by the embedded registry, incidents without report)."""
    i, f, d = incidents.c, forwards.c, deliveries.c
    told = sa.select(registry_events.c.n).where(registry_events.c.incident_id == i.incident_id).exists()
    joined = incidents.outerjoin(forwards, f.key == sa.literal(report_key("")) + i.incident_id)
    joined = joined.outerjoin(deliveries, d.incident_id == i.incident_id)
    query = sa.select(i.incident_id, f.state, f.target, d.target.label("by"), d.remote_id, told.label("told"))
    counts: Counter[str] = Counter()
    by_target: dict[str, Counter[str]] = {}
    confirmed: list[str] = []
    missing: list[str] = []
    for row in tx.execute(query.select_from(joined)):
        place = _where(row.state, row.by is not None, row.remote_id or "", bool(row.told))
        counts[place] += 1
        by_target.setdefault(row.by or row.target or "registry", Counter())[place] += 1
        if place == "unaccounted":
            missing.append(row.incident_id)
        elif place == "confirmed" and row.by is None:
            confirmed.append(row.incident_id)
    return _all(counts), {name: _all(found) for name, found in sorted(by_target.items())}, confirmed, missing


def _where(state: str | None, foreign: bool, remote_id: str, told: bool) -> Where:
    """Pure. Another system has confirmed what it gave an id; the embedded registry what its feed told of."""
    if state is None:
        return "unaccounted"
    if state == "refused":
        return "dead_letter"
    if (remote_id != "") if foreign else told:
        return "confirmed"
    return "waiting" if state == "pending" else "forwarded"


def _all(counts: Counter[str]) -> dict[str, int]:
    return {place: counts[place] for place in PLACES}


def _difference(tx: sa.Connection) -> str:
    """One candidate that is on one side alone, in words."""
    m, c = messages.c, candidates.c
    same = sa.and_(m.device == c.device, m.subject == c.candidate_id)
    for device, name in tx.execute(_brought().where(~sa.select(c.n).where(same).exists()).limit(1)):
        return f"receipted and not stored: {device}/{name}"
    return "no receipt is without its candidate, so rows of the ledger are missing: restore the database"


def _compare(confirmed: set[str], has: Iterator[str]) -> tuple[Sum, list[str]]:
    """(sum over what the registry has of ours, what it does not have)."""
    found = confirmed.intersection(has)
    return books.summed((one,) for one in found), sorted(confirmed - found)
