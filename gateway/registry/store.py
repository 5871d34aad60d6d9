"""Cases and their events in the database: every command is one transaction, a repeated one gets the first answer."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.database import Database
from gateway.registry import versions
from gateway.registry.cases import Case, Command, CrewStep, Dispatch, Due, Event, File, Refused, Rules, State, Terms
from gateway.registry.city import City
from gateway.registry.clocks import BEIJING
from gateway.registry.contractors import Contracts
from gateway.registry.duty import parties
from gateway.registry.duty.office import Office
from gateway.registry.journal import Journal, UnknownCase
from gateway.registry.loop import step
from gateway.registry.loop_verify import reported
from gateway.registry.parts import SYSTEM
from gateway.registry.reward.opened import keep_claim
from gateway.registry.standard import Standard
from gateway.registry.tables import cases, idempotency
from gateway.registry.trust.ledger import Ledger
from gateway.registry.trust.outcomes import RULE
from gateway.registry.trust.policy import Policy
from gateway.times import Clock, to_text

__all__ = ["KeyReused", "Registry", "UnknownCase"]

DUE_ROWS = 200
AnswerBody = dict[str, Any]


class KeyReused(ValueError):
    """An Idempotency-Key came back with another request."""


class Registry:
    """All that changes a case goes through here. Raises VersionChanged when its standard is not what it was."""

    def __init__(
        self,
        database: Database,
        standard: Standard,
        rules: Rules,
        auto_file: frozenset[str],
        clock: Clock,
        city: City | None = None,
        policy: Policy | None = None,
        office: Office | None = None,
    ) -> None:
        self.database = database
        self._standard = standard
        self._rules = replace(rules, work_time=standard.work_time, stages=standard.stages)
        self._auto_file = auto_file
        self._policy = policy
        self._clock = clock
        self._city = city
        self.office = office
        with database.write() as tx:
            versions.keep(tx, standard, to_text(clock()))
            self._known = versions.kept(tx)
            if office is not None:
                journal = Journal(tx)
                office.begin(journal, clock())
                journal.flush()

    def report(self, key: str, body: dict[str, Any]) -> AnswerBody:
        """A report (上报) of an incident; files and dispatches at once where the city switched that on."""
        return self._once(key, ["report", body], lambda work: work.report(body))

    def report_many(self, many: list[tuple[str, dict[str, Any]]]) -> list[AnswerBody]:
        """Reports in one transaction, each as `report` would take it; for each (in order) its HTTP status and body.

        One that cannot be taken changes nothing and hinders no other. Raises what the database raises, for all."""
        answers: list[AnswerBody] = []
        with self.database.write() as tx:
            work, known = self._work(tx), _known(tx, [key for key, _ in many])
            for key, body in many:
                answers.append(self._one_of_many(work, known, key, body))
            work.flush()
            fresh = [row for row in known.values() if row["at"] == ""]
            if fresh:
                tx.execute(sa.insert(idempotency), [{**row, "at": to_text(work.now)} for row in fresh])
        return answers

    def _one_of_many(self, work: "Work", known: dict[str, Any], key: str, body: dict[str, Any]) -> AnswerBody:
        digest = _digest(["report", body])
        before = known.get(key)
        if before is not None and before["request_hash"] != digest:
            return {"status": 422, "body": {"error": f"Idempotency-Key '{key}' was used for another request"}}
        if before is None:
            known[key] = {"key": key, "request_hash": digest, "answer": work.report(body), "at": ""}
        return {"status": 201, "body": known[key]["answer"]}

    def command(self, case_id: str, command: Command, key: str = "") -> AnswerBody:
        """One step of a case. Raises UnknownCase, Refused, KeyReused."""
        request = [case_id, type(command).__name__, msgspec.to_builtins(command)]
        return self._once(key, request, lambda work: work.command(case_id, command))

    def now(self) -> datetime:
        """The registry's clock."""
        return self._clock()

    def once(self, key: str, request: list[Any], run: Callable[["Work"], AnswerBody]) -> AnswerBody:
        """Anything else that must happen once: `run` in one transaction; the same key gets the first answer."""
        return self._once(key, request, run)

    @property
    def standard(self) -> Standard:
        """The filing standard in force."""
        return self._standard

    @property
    def groups(self) -> dict[str, str]:
        """Subdistrict -> peer group A to E; empty without the city's places."""
        return self._city.groups if self._city else {}

    @property
    def served(self) -> Contracts:
        """Who serves which place by contract; nobody without the city's places."""
        return self._city.served if self._city else Contracts([])

    @property
    def city(self) -> City | None:
        """The city's places, where the settings name them."""
        return self._city

    @contextmanager
    def batch(self) -> Iterator["Work"]:
        """Many commands in one transaction, each at a time of its own (`Work.now`); all of them are kept, or none."""
        with self.database.write() as tx:
            work = self._work(tx)
            yield work
            work.flush()

    def tick(self) -> int:
        """Run what is due: dispatches, checks asked again, checks without answer. Returns how many steps."""
        now_text = to_text(self._clock())
        with self.database.read() as tx:
            due = sa.select(cases.c.case_id).where(cases.c.due_at <= now_text).order_by(cases.c.due_at).limit(DUE_ROWS)
            ids = list(tx.scalars(due))
        return sum(self._run_due(case_id) for case_id in ids)

    def _run_due(self, case_id: str) -> int:
        with self.batch() as work:
            try:
                work.due(case_id)
            except Refused:
                return 0
        return 1

    def _work(self, tx: sa.Connection) -> "Work":
        journal, ledger = Journal(tx), Ledger(tx, self._policy)
        settled = (self._standard, self._rules, self._auto_file, self._known, self._city, self.office)
        return Work(journal, ledger, self._clock(), *settled)

    def _once(self, key: str, request: list[Any], run: Callable[["Work"], AnswerBody]) -> AnswerBody:
        digest = _digest(request)
        with self.database.write() as tx:
            before = tx.execute(sa.select(idempotency).where(idempotency.c.key == key)).mappings().first()
            if before is not None and before["request_hash"] != digest:
                raise KeyReused(f"Idempotency-Key '{key}' was used for another request")
            if before is not None:
                return dict(before["answer"])
            work = self._work(tx)
            answer = run(work)
            work.flush()
            if key:
                row = {"key": key, "request_hash": digest, "answer": answer, "at": to_text(work.now)}
                tx.execute(sa.insert(idempotency), row)
        return answer


class Work:
    """Commands inside one transaction, at the time `now`."""

    def __init__(
        self,
        journal: Journal,
        ledger: Ledger,
        now: datetime,
        standard: Standard,
        rules: Rules,
        auto_file: frozenset[str],
        known: dict[str, Standard],
        city: City | None,
        office: Office | None = None,
    ) -> None:
        self.journal = journal
        self._ledger = ledger
        self.now = now
        self._standard = standard
        self.rules = rules
        self._auto_file = auto_file
        self._known = known
        self._city = city
        self._office = office

    def report(self, body: dict[str, Any], auto: bool = True) -> AnswerBody:
        """A report of an incident, once; the case that it has. `auto` False: a person looks before it is filed."""
        known = self.journal.find(body["incident_id"])
        if known is not None:
            return _answer(known)
        case = self._new_case(body)
        self.journal.new(case, body)
        self._ledger.opened(case, body)
        keep_claim(self.journal.tx, case, body)
        told = self._standard.knows(case.class_code)
        note = "" if told else f"class code {case.class_code} is not in standard {self._standard.version}"
        actor = f"{body.get('device', '')}/{body.get('camera', '')}"
        self.journal.put(case, case, [Event("reported", actor, note, {"standard": self._standard.version})], self.now)
        if auto and told and self._auto_file & _switches(case, body):
            case = self._by_rule(case, body)
        return _answer(case)

    def flush(self) -> None:
        """Write everything."""
        self.journal.flush()
        self._ledger.flush()

    def _by_rule(self, case: Case, body: dict[str, Any]) -> Case:
        """File a case of a class that the city switched on, where its cell has earned it."""
        word = self._ledger.may_file(case, body, self.now)
        if word.yes:
            filed = self._advance(case, File(RULE, word.reason))
            return self._advance(filed, self._dispatch(filed))
        self.journal.put(case, case, [Event("left_to_person", SYSTEM, word.reason)], self.now)
        return case

    def command(self, case_id: str, command: Command) -> AnswerBody:
        """One step of a case, and the dispatch that follows from it. Raises UnknownCase, Refused."""
        before = self.journal.load(case_id)
        if (
            self._office is not None
            and isinstance(command, CrewStep)
            and parties.knows(self.journal.tx, command.order_id)
        ):
            parties.step(self.journal, before, command, self.now)
            return _answer(before)
        if isinstance(command, File):
            command = replace(command, terms=self._terms(before))
        case = self._advance(before, command)
        if case.state is not State.FILED or before.state is State.FILED:
            return _answer(case)
        return _answer(self._advance(case, self._dispatch(case)))

    def due(self, case_id: str) -> None:
        """What a case's timer asks for. Raises UnknownCase, Refused."""
        case = self.journal.load(case_id)
        self._advance(case, Due() if case.state is State.CHECKING else self._dispatch(case))

    def _new_case(self, body: dict[str, Any]) -> Case:
        day = self.now.astimezone(BEIJING).strftime("%Y%m%d")
        number = self.journal.next(f"case-{day}")
        names = ("incident_id", "case_class", "class_code", "label", "lat", "lon")
        values = {name: body[name] for name in names}
        terms = self._terms_of(body["class_code"])
        if self._city is not None:
            place = self._city.locate(body["lat"], body["lon"])
            values |= {"cell": place.cell, "patrol_area": place.patrol_area} if place else {}
        values |= {"limit_hours": terms.limit_hours, "limit_unit": terms.limit_unit}
        values |= {"standard": terms.standard, "department": terms.department}
        return reported(Case(case_id=f"{day}-{number:06d}", reported_at=self.now, **values), self.rules)

    def _terms(self, case: Case) -> Terms | None:
        """The standard in force, for a case that was reported under another version. Raises Refused."""
        if case.standard in ("", self._standard.version):
            return None
        try:
            found = versions.translate(case.class_code, case.standard, self._standard.version, self._known)
        except versions.UnknownVersion as error:
            raise Refused(f"cannot file {case.case_id}: {error}") from error
        if len(found.codes) != 1:
            choice = f"is one of {', '.join(found.codes)}" if found.codes else "has no class that follows it"
            raise Refused(f"cannot file {case.case_id}: {case.class_code} {choice} in version {self._standard.version}")
        return self._terms_of(found.codes[0])

    def _terms_of(self, code: str) -> Terms:
        limit = self._standard.limit(code)
        hours = self._standard.work_time.span(limit) / timedelta(hours=1)
        return Terms(self._standard.version, code, self._standard.responsible(code), hours, limit.unit)

    def turn(self) -> int:
        """The round robin's next number, from 1."""
        return self.journal.next("round_robin")

    def _dispatch(self, case: Case) -> Dispatch:
        turn = self.turn() - 1
        if self._office is None:
            return Dispatch(turn)
        return self._office.dispatch(self.journal, case, turn, self.now)

    def _advance(self, case: Case, command: Command) -> Case:
        after, happened = step(case, command, self.now, self.rules)
        self.journal.put(case, after, happened, self.now)
        self._ledger.stepped(case, after, happened[-1].actor if happened else SYSTEM, self.now)
        if self._office is not None:
            self._office.follow(self.journal, case, after, self.now)
        return after


def _switches(case: Case, body: dict[str, Any]) -> set[str]:
    """The names by which a city can switch this candidate on: its class or code, everywhere or for one camera."""
    kinds, camera = {case.case_class, case.class_code}, f"{body.get('device', '')}/{body.get('camera', '')}"
    return kinds | {f"{kind}@{camera}" for kind in kinds}


def _answer(case: Case) -> AnswerBody:
    return {"case_id": case.case_id, "incident_id": case.incident_id, "state": str(case.state)}


def _digest(request: list[Any]) -> str:
    """What tells one request from another under the same key."""
    return hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()


def _known(tx: sa.Connection, keys: list[str]) -> dict[str, Any]:
    """The answers that were given to these keys before."""
    query = sa.select(idempotency).where(idempotency.c.key.in_(keys))
    return {row["key"]: dict(row) for row in tx.execute(query).mappings()}
