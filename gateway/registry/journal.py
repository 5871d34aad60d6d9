"""One writing transaction of the registry: cases read once, their steps and numbers collected, written at its end."""

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.bulk import Bulk
from gateway.registry.cases import OVER, Case, Event
from gateway.registry.tables import DONE, DUES, cases, counters, events
from gateway.tiles import tile
from gateway.times import to_text

Row = dict[str, Any]


class UnknownCase(LookupError):
    """No case has this id."""


class Journal:
    """What is never flushed was never there. Numbers cannot race: they live in the one writing transaction."""

    def __init__(self, tx: sa.Connection) -> None:
        self.tx = tx
        self._bulk = Bulk(tx)
        self._cases: dict[str, Case] = {}
        self._stored: dict[str, Row | None] = {}
        self._reports: dict[str, Row] = {}
        self._new: dict[str, str] = {}
        self._numbers: dict[str, int] = {}

    def load(self, case_id: str) -> Case:
        """A case as it stands in this transaction. Raises UnknownCase."""
        if case_id not in self._cases:
            body = self.tx.scalar(sa.select(cases.c.body).where(cases.c.case_id == case_id))
            if body is None:
                raise UnknownCase(f"no case '{case_id}'")
            self._cases[case_id] = found = msgspec.json.decode(body, type=Case)
            self._stored[case_id] = columns(found)
        return self._cases[case_id]

    def find(self, incident_id: str) -> Case | None:
        """The case of an incident, when it has one. One that is new in this very transaction is found too."""
        if incident_id in self._new:
            return self._cases[self._new[incident_id]]
        known = self.tx.scalar(sa.select(cases.c.case_id).where(cases.c.incident_id == incident_id))
        return None if known is None else self.load(known)

    def new(self, case: Case, report: Row) -> None:
        """A case that was not there before, with the report as it came."""
        self._cases[case.case_id] = case
        self._stored[case.case_id] = None
        self._new[case.incident_id] = case.case_id
        self._reports[case.case_id] = {"case_id": case.case_id, "incident_id": case.incident_id, "report": report}

    def put(self, before: Case, after: Case, happened: list[Event], now: datetime) -> None:
        """A step of a case, with what is to be told of it."""
        self._cases[after.case_id] = after
        at = to_text(now)
        for event in happened:
            row: Row = {"case_id": after.case_id, "incident_id": after.incident_id, "kind": event.kind, "at": at}
            row |= {"actor": event.actor, "reason": event.reason, "data": event.data}
            self._bulk.add(events, {**row, "state_before": str(before.state), "state_after": str(after.state)})

    def note(self, event: Event, now: datetime) -> None:
        """Something that happened to no case: a call-out, a handover."""
        row: Row = {"case_id": "", "incident_id": "", "kind": event.kind, "at": to_text(now), "actor": event.actor}
        self._bulk.add(
            events, {**row, "reason": event.reason, "data": event.data, "state_before": "", "state_after": ""}
        )

    def next(self, name: str) -> int:
        """The next number of a counter, from 1."""
        if name not in self._numbers:
            self._numbers[name] = self.tx.scalar(sa.select(counters.c.value).where(counters.c.name == name)) or 0
        self._numbers[name] += 1
        return self._numbers[name]

    def flush(self) -> None:
        """Write everything, events in the order in which they happened."""
        for case_id, stored in self._stored.items():
            fresh = columns(self._cases[case_id])
            if stored is None:
                self._bulk.add(cases, {**self._reports[case_id], **fresh})
            else:
                self._update(case_id, {name: value for name, value in fresh.items() if stored[name] != value})
        self._bulk.flush()
        for name, value in self._numbers.items():
            if not self.tx.execute(sa.update(counters).where(counters.c.name == name).values(value=value)).rowcount:
                self.tx.execute(sa.insert(counters), {"name": name, "value": value})

    def _update(self, case_id: str, changed: Row) -> None:
        if changed:
            self.tx.execute(sa.update(cases).where(cases.c.case_id == case_id).values(changed))


def columns(case: Case) -> Row:
    """A case as its row's columns, without the report."""
    row: Row = {"state": str(case.state), "due_kind": case.due_kind, "due_at": _text(case.due_at)}
    row |= {"class_code": case.class_code, "department": case.department, "patrol_area": case.patrol_area}
    row |= {"cell": case.cell, "district": case.cell[:6], "subdistrict": case.cell[:9]}
    row |= {name: _text(getattr(case.times, name)) for name in (*DUES, *DONE)}
    row |= {"reported_at": to_text(case.reported_at), "reject_cause": case.reject_cause}
    row |= {"open": case.state not in OVER, "lat": case.lat, "lon": case.lon, "tile": tile(case.lat, case.lon)}
    return row | {"body": msgspec.json.encode(case)}


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else to_text(instant)
