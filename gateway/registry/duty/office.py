"""Duty as the case store meets it: who gets an order, what follows from a step, and what the timers bring."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa

from gateway.registry.cases import Case, Dispatch, Event
from gateway.registry.city import City
from gateway.registry.clocks import WorkTime
from gateway.registry.duty import books, parties
from gateway.registry.duty.plan import CENTRE, RIGHTS, Plan
from gateway.registry.duty.roster import Roster
from gateway.registry.duty.route import Choice, Load, Router, Where
from gateway.registry.duty.tables import duty_books
from gateway.registry.duty.words import Row, notice
from gateway.registry.journal import Journal

ACTOR = "duty"


@dataclass(frozen=True)
class Office:
    """One plan in force, over one city and its working time."""

    router: Router
    clock: WorkTime

    @property
    def plan(self) -> Plan:
        """The plan."""
        return self.router.plan

    @property
    def roster(self) -> Roster:
        """Who is on duty."""
        return self.router.roster

    def dispatch(self, journal: Journal, case: Case, turn: int, now: datetime) -> Dispatch:
        """To whom a filed case goes; the centre is told once when it goes to nobody."""
        but = frozenset({case.crew}) if case.crew and case.returned else frozenset[str]()
        choice = self.choose(journal.tx, case, now, but)
        if not choice.crew:
            self._uncovered(journal, case, choice, now)
        else:
            books.given(journal.tx, choice.crew, turn + 1)
        data = {"ring": choice.ring, "load": choice.load, "others": choice.others, "plan": self.plan.version}
        return Dispatch(turn, True, choice.crew, choice.why, data)

    def choose(
        self,
        tx: sa.Connection,
        case: Case,
        now: datetime,
        but: frozenset[str],
        loads: Mapping[str, Load] | None = None,
    ) -> Choice:
        """The rule of `route`, with the loads as they are unless they are given."""
        known = books.loads(tx, now, self.plan.rules.urgent_h) if loads is None else loads
        return self.router.choose(where(case), now, known, but)

    def follow(self, journal: Journal, before: Case, after: Case, now: datetime) -> None:
        """A step was taken: what is open, and second parties whose case is over."""
        books.follow(journal.tx, before, after, now, self.plan.rules, self.clock)
        books.lapse(journal.tx, before, after, now)
        parties.follow(journal, before, after, now)

    def begin(self, journal: Journal, now: datetime) -> None:
        """A registry starts with this plan."""
        books.adopt(journal.tx)
        self.publish(journal, now)

    def publish(self, journal: Journal, now: datetime) -> bool:
        """What each crew's handsets may send, for the gateway; once for each new plan. False: it is known."""
        rows: list[Row] = [
            {"crew": crew.name, "kind": crew.kind, "may": sorted(RIGHTS[crew.kind])} for crew in self.plan.crews
        ]
        rows += [{"crew": one.name, "kind": "city", "may": sorted(RIGHTS["city"])} for one in self.plan.leaders]
        digest = hashlib.sha256(msgspec.json.encode(rows)).hexdigest()
        mine = duty_books.c.name == "rights"
        if journal.tx.scalar(sa.select(duty_books.c.value).where(mine)) == digest:
            return False
        if not journal.tx.execute(sa.update(duty_books).where(mine).values(value=digest)).rowcount:
            journal.tx.execute(sa.insert(duty_books), {"name": "rights", "value": digest})
        journal.note(Event("duty_plan", ACTOR, f"plan {self.plan.version} of {self.plan.city}", {"rights": rows}), now)
        return True

    def _uncovered(self, journal: Journal, case: Case, choice: Choice, now: datetime) -> None:
        if books.uncovered(journal.tx, case.case_id, now):
            told = notice(CENTRE, f"uncovered-{case.case_id}", "无人在岗 nobody on duty", choice.why, now)
            journal.put(case, case, [Event("no_crew", ACTOR, choice.why, {"notices": [told]})], now)


def build(plan: Plan, city: City | None, clock: WorkTime) -> Office:
    """An office over a checked plan."""
    return Office(Router(Roster(plan, clock.calendar), city), clock)


def where(case: Case) -> Where:
    """What routing needs of a case."""
    return Where(case.case_class, case.class_code, case.cell, case.patrol_area)
