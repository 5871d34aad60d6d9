"""Cases and their events in the database: every command is one transaction, a repeated one gets the first answer."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.database import Database
from gateway.registry.cases import Case, Command, Dispatch, Due, Event, File, Refused, Rules, State
from gateway.registry.loop import step
from gateway.registry.standard import Standard
from gateway.registry.tables import cases, counters, events, idempotency
from gateway.times import Clock, to_text

BEIJING = timezone(timedelta(hours=8))  # no daylight saving since 1991
DUE_ROWS = 200
AnswerBody = dict[str, Any]


class UnknownCase(LookupError):
    """No case has this id."""


class KeyReused(ValueError):
    """An Idempotency-Key came back with another request."""


class Registry:
    """All that changes a case goes through here."""

    def __init__(
        self, database: Database, standard: Standard, rules: Rules, auto_file: frozenset[str], clock: Clock
    ) -> None:
        self.database = database
        self._standard = standard
        self._rules = rules
        self._auto_file = auto_file
        self._clock = clock

    def report(self, key: str, body: dict[str, Any]) -> AnswerBody:
        """A report (上报) of an incident; files and dispatches at once where the city switched that on."""
        return self._once(key, ["report", body], lambda tx, now: self._report(tx, body, now))

    def command(self, case_id: str, command: Command, key: str = "") -> AnswerBody:
        """One step of a case. Raises UnknownCase, Refused, KeyReused."""
        request = [case_id, type(command).__name__, msgspec.to_builtins(command)]
        return self._once(key, request, lambda tx, now: self._command(tx, case_id, command, now))

    def tick(self) -> int:
        """Run what is due: dispatches, checks asked again, checks without answer. Returns how many steps."""
        now_text = to_text(self._clock())
        with self.database.read() as tx:
            due = sa.select(cases.c.case_id).where(cases.c.due_at <= now_text).order_by(cases.c.due_at).limit(DUE_ROWS)
            ids = list(tx.scalars(due))
        return sum(self._run_due(case_id) for case_id in ids)

    def _run_due(self, case_id: str) -> int:
        with self.database.write() as tx:
            now = self._clock()
            case = _load(tx, case_id)
            try:
                self._advance(tx, case, Due() if case.state is State.CHECKING else self._dispatch(tx), now)
            except Refused:
                return 0
        return 1

    def _report(self, tx: sa.Connection, body: dict[str, Any], now: datetime) -> AnswerBody:
        known = tx.scalar(sa.select(cases.c.case_id).where(cases.c.incident_id == body["incident_id"]))
        if known is not None:
            return _answer(_load(tx, known))
        case = self._new_case(tx, body, now)
        row = {"case_id": case.case_id, "incident_id": case.incident_id, "report": body}
        tx.execute(sa.insert(cases), {**row, **_columns(case)})
        told = self._standard.knows(case.class_code)
        note = "" if told else f"class code {case.class_code} is not in standard {self._standard.version}"
        actor = f"{body.get('device', '')}/{body.get('camera', '')}"
        _write_event(tx, case, case, Event("reported", actor, note, {"standard": self._standard.version}), now)
        if told and self._auto_file & {case.case_class, case.class_code}:
            case = self._advance(tx, case, File("auto_file", "class switched on by the city"), now)
            case = self._advance(tx, case, self._dispatch(tx), now)
        return _answer(case)

    def _new_case(self, tx: sa.Connection, body: dict[str, Any], now: datetime) -> Case:
        day = now.astimezone(BEIJING).strftime("%Y%m%d")
        number = _next(tx, f"case-{day}")
        names = ("incident_id", "case_class", "class_code", "label", "lat", "lon")
        values = {name: body[name] for name in names}
        limit = self._standard.limit_hours(body["class_code"])
        return Case(case_id=f"{day}-{number:06d}", reported_at=now, limit_hours=limit, **values)

    def _command(self, tx: sa.Connection, case_id: str, command: Command, now: datetime) -> AnswerBody:
        case = self._advance(tx, _load(tx, case_id), command, now)
        if case.state is not State.FILED:
            return _answer(case)
        return _answer(self._advance(tx, case, self._dispatch(tx), now))

    def _dispatch(self, tx: sa.Connection) -> Dispatch:
        return Dispatch(_next(tx, "round_robin") - 1)

    def _advance(self, tx: sa.Connection, case: Case, command: Command, now: datetime) -> Case:
        after, happened = step(case, command, now, self._rules)
        for event in happened:
            _write_event(tx, case, after, event, now)
        tx.execute(sa.update(cases).where(cases.c.case_id == case.case_id).values(_columns(after)))
        return after

    def _once(self, key: str, request: list[Any], run: Callable[[sa.Connection, datetime], AnswerBody]) -> AnswerBody:
        digest = hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()
        with self.database.write() as tx:
            before = tx.execute(sa.select(idempotency).where(idempotency.c.key == key)).mappings().first()
            if before is not None and before["request_hash"] != digest:
                raise KeyReused(f"Idempotency-Key '{key}' was used for another request")
            if before is not None:
                return dict(before["answer"])
            now = self._clock()
            answer = run(tx, now)
            if key:
                row = {"key": key, "request_hash": digest, "answer": answer, "at": to_text(now)}
                tx.execute(sa.insert(idempotency), row)
        return answer


def _load(tx: sa.Connection, case_id: str) -> Case:
    body = tx.scalar(sa.select(cases.c.body).where(cases.c.case_id == case_id))
    if body is None:
        raise UnknownCase(f"no case '{case_id}'")
    return msgspec.json.decode(body, type=Case)


def _columns(case: Case) -> dict[str, Any]:
    due_at = to_text(case.due_at) if case.due_at else None
    return {"state": str(case.state), "due_kind": case.due_kind, "due_at": due_at, "body": msgspec.json.encode(case)}


def _write_event(tx: sa.Connection, before: Case, after: Case, event: Event, now: datetime) -> None:
    row: dict[str, Any] = {
        "case_id": after.case_id,
        "incident_id": after.incident_id,
        "kind": event.kind,
        "actor": event.actor,
    }
    row |= {"reason": event.reason, "at": to_text(now), "data": event.data}
    tx.execute(sa.insert(events), {**row, "state_before": str(before.state), "state_after": str(after.state)})


def _answer(case: Case) -> AnswerBody:
    return {"case_id": case.case_id, "incident_id": case.incident_id, "state": str(case.state)}


def _next(tx: sa.Connection, name: str) -> int:
    """The next number of a counter; cannot race, since it is inside the one writing transaction."""
    mine = counters.c.name == name
    if not tx.execute(sa.update(counters).where(mine).values(value=counters.c.value + 1)).rowcount:
        tx.execute(sa.insert(counters), {"name": name, "value": 1})
    value: int = tx.execute(sa.select(counters.c.value).where(mine)).scalar_one()
    return value
