"""A simulated month of a city through the registry's own code: every step a command, every command an event.

The figures that it is drawn towards are the city's published ones of 2017 (4,270 reports a day, 57.9 % filed, 98.36 %
closed, 87.16 % in time). So its rates say that the registry can carry such a month and counts it right; they are no
evidence about any city.
"""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from gateway.registry.cases import Case, State
from gateway.registry.city import City
from gateway.registry.clocks import BEIJING
from gateway.registry.commands import (
    Answer,
    Appeal,
    AskVerify,
    Cancel,
    Command,
    CrewStep,
    Extend,
    File,
    ForceClose,
    Reject,
    Resume,
    Review,
    Suspend,
    Verified,
)
from gateway.registry.standard import Standard
from gateway.registry.store import Registry, Work

REPORTS_A_DAY = 4270
BATCH = timedelta(hours=2)
# Chances. A report is filed with FILED; a filed case meets at most one of the rarer turns.
FILED, ASK_VERIFY, FALSE_ALARM = 0.579, 0.12, 0.7
RETURNED, REWORK, EXTENDED, SUSPENDED, CANCELLED, FORCED = 0.03, 0.035, 0.025, 0.012, 0.006, 0.003
LATE, NEVER, APPEAL, GRANTED = 0.105, 0.012, 0.08, 0.4
# Reports by local hour: nights are quiet, markets and the evening are not.
HOURS = (1, 1, 1, 1, 2, 3, 6, 9, 10, 10, 9, 8, 6, 7, 9, 10, 10, 9, 8, 8, 6, 4, 2, 1)
CLASSES = {"04-01": 12, "04-05": 14, "04-06": 12, "02-01": 18, "04-10": 10, "04-93": 9, "01-10": 9, "01-11": 3}
CLASSES |= {"01-12": 9, "01-92": 4}


@dataclass(order=True)
class _Todo:
    """A step that is to come: `turn` says which; equal times go in the order in which they were planned."""

    at: datetime
    n: int
    turn: str = field(compare=False)
    case_id: str = field(compare=False, default="")


class Simulation:
    """One seed gives one month, the same on every machine."""

    def __init__(self, registry: Registry, standard: Standard, city: City, seed: int) -> None:
        self._registry = registry
        self._standard = standard
        self._city = city
        self._random = random.Random(seed)
        self._codes = [code for code in CLASSES if standard.knows(code)]
        self._todo: list[_Todo] = []
        self._planned = 0
        self._plans: dict[str, str] = {}

    def run(self, first: date, days: int, a_day: int = REPORTS_A_DAY) -> Iterator[datetime]:
        """Play `days` local days, one transaction for each batch of hours; yields the simulated time after each."""
        now = datetime(first.year, first.month, first.day, tzinfo=BEIJING)
        end = now + timedelta(days=days)
        for day in range(days):
            self._plan_day(now + timedelta(days=day), a_day)
        while now < end:
            now = min(end, now + BATCH)
            with self._registry.batch() as work:
                while self._todo and self._todo[0].at < now:
                    todo = heapq.heappop(self._todo)
                    work.now = todo.at
                    self._turn(work, todo)
            yield now

    def _plan_day(self, midnight: datetime, many: int) -> None:
        for hour in self._random.choices(range(24), HOURS, k=many):
            self._later(midnight + timedelta(hours=hour, seconds=self._random.uniform(0, 3600)), "report")

    def _later(self, at: datetime, turn: str, case_id: str = "") -> None:
        self._planned += 1
        heapq.heappush(self._todo, _Todo(at, self._planned, turn, case_id))

    def _turn(self, work: Work, todo: _Todo) -> None:
        if todo.turn == "report":
            self._report(work, todo)
            return
        case = work.journal.load(todo.case_id)
        step = getattr(self, f"_on_{todo.turn}")
        for command in step(case, todo.at):
            work.command(case.case_id, command)

    def _report(self, work: Work, todo: _Todo) -> None:
        pick = self._random
        code = pick.choices(self._codes, [CLASSES[code] for code in self._codes])[0]
        cell = pick.choice(self._city.cells)
        lat, lon = pick.uniform(cell.south, cell.north), pick.uniform(cell.west, cell.east)
        kind = self._standard.by_code[code].case_class
        body: dict[str, Any] = {"incident_id": f"sim-{todo.n}", "case_class": kind, "class_code": code, "label": kind}
        body |= {"lat": lat, "lon": lon, "device": pick.choice(self._city.kiosks).code, "camera": "cam-1"}
        case_id = work.report(body)["case_id"]
        turn = "ask" if pick.random() < ASK_VERIFY else "file"
        self._later(todo.at + timedelta(minutes=pick.uniform(1, 32)), turn, case_id)

    def _on_ask(self, case: Case, at: datetime) -> list[Command]:
        self._later(at + timedelta(minutes=self._random.uniform(5, 62)), "verified", case.case_id)
        return [AskVerify("acceptor", f"collector-{case.patrol_area}")]

    def _on_verified(self, case: Case, at: datetime) -> list[Command]:
        self._later(at + timedelta(minutes=self._random.uniform(1, 30)), "file", case.case_id)
        there = self._random.random() < FILED
        return [Verified(f"collector-{case.patrol_area}", "there" if there else "not_there", "seen from the street")]

    def _on_file(self, case: Case, at: datetime) -> list[Command]:
        pick = self._random
        if case.verified == "not_there" or (not case.verified and pick.random() >= FILED):
            cause = "false_alarm" if pick.random() < FALSE_ALARM else "permitted"
            return [Reject("acceptor", "looked at the picture", cause)]  # type: ignore[arg-type]
        chances = (RETURNED, REWORK, EXTENDED, SUSPENDED, CANCELLED, FORCED)
        kinds = ["return", "rework", "extend", "suspend", "cancel", "force", "plain"]
        self._plans[case.case_id] = plan = pick.choices(kinds, [*chances, 1 - sum(chances)])[0]
        first = {"plain": "dispose", "rework": "dispose"}.get(plan, plan)
        self._later(at + timedelta(minutes=pick.uniform(1, 10)), first, case.case_id)
        return [File("acceptor")]

    def _on_dispose(self, case: Case, at: datetime) -> list[Command]:
        """The crew takes its order; when it is done depends on the time that is left on the case's own clock."""
        if case.state is not State.DISPATCHED or case.deadline is None:
            return []
        clock, pick = self._standard.work_time, self._random
        left = max(clock.between(case.limit_unit, at, case.deadline), timedelta(minutes=5))
        if pick.random() >= NEVER:
            late = pick.random() < LATE
            share = pick.uniform(1.02, 2.5) if late else pick.triangular(0.05, 0.98, 0.4)
            self._later(clock.add(case.limit_unit, at, left * share), "done", case.case_id)
        return [self._crew(case, "accepted")]

    def _on_done(self, case: Case, at: datetime) -> list[Command]:
        if case.state not in (State.HANDLING, State.REWORK):
            return []
        self._later(at + timedelta(minutes=self._random.uniform(2, 55)), "check", case.case_id)
        return [self._crew(case, "disposed")]

    def _on_check(self, case: Case, at: datetime) -> list[Command]:
        if case.state is not State.CHECKING:
            return []
        if self._plans.get(case.case_id) == "rework":
            self._plans[case.case_id] = "plain"
            self._later(at + timedelta(minutes=self._random.uniform(10, 40)), "done", case.case_id)
            return [Answer(case.check_id, "still_there", "kiosk/cam-1")]
        self._plans.pop(case.case_id, None)
        self._later(at + timedelta(hours=self._random.uniform(1, 12)), "appeal", case.case_id)
        return [Answer(case.check_id, "cleared", "kiosk/cam-1")]

    def _on_appeal(self, case: Case, at: datetime) -> list[Command]:
        due, done = case.times.dispose_due, case.times.disposed
        if due is None or done is None or done <= due or self._random.random() >= APPEAL:
            return []
        grant = self._random.random() < GRANTED
        self._later(at + timedelta(hours=2), "grant" if grant else "refuse", case.case_id)
        return [Appeal(case.department, "the road was closed")]

    def _on_grant(self, case: Case, at: datetime) -> list[Command]:
        return [Review("reviewer-1", True, "it was"), Review("reviewer-2", True, "agreed")]

    def _on_refuse(self, case: Case, at: datetime) -> list[Command]:
        return [Review("reviewer-1", False, "it was not")]

    def _on_return(self, case: Case, at: datetime) -> list[Command]:
        self._later(at + timedelta(minutes=2), "dispose", case.case_id)
        return [self._crew(case, "returned", "not in our area")]

    def _on_extend(self, case: Case, at: datetime) -> list[Command]:
        self._later(at + timedelta(minutes=2), "dispose", case.case_id)
        return [Extend("supervisor", case.limit_hours / 2, "needs a lorry")]

    def _on_suspend(self, case: Case, at: datetime) -> list[Command]:
        self._later(at + timedelta(hours=self._random.uniform(12, 72)), "resume", case.case_id)
        return [Suspend("supervisor", "road works")]

    def _on_resume(self, case: Case, at: datetime) -> list[Command]:
        self._later(at + timedelta(minutes=5), "dispose", case.case_id)
        return [Resume("supervisor", "road works are over")]

    def _on_cancel(self, case: Case, at: datetime) -> list[Command]:
        return [Cancel("supervisor", "filed twice")]

    def _on_force(self, case: Case, at: datetime) -> list[Command]:
        return [ForceClose("supervisor", "the building was pulled down")]

    def _crew(self, case: Case, kind: str, note: str = "") -> CrewStep:
        return CrewStep(kind, case.order_id, case.order_version, case.crew, note)  # type: ignore[arg-type]
