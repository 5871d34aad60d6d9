"""A week of routing through the registry's own code: reports over the city, crews that work, shifts that change.

Its volumes are drawn; what it shows is that the rules hold (`audit`), not how a city works.
"""

import heapq
import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from gateway.database import Database
from gateway.registry.cases import Answer, CrewStep, File, Rules, State
from gateway.registry.city import City
from gateway.registry.clocks import BEIJING
from gateway.registry.duty.office import Office
from gateway.registry.duty.round import Rounds
from gateway.registry.simulate import CLASSES, HOURS
from gateway.registry.standard import Standard
from gateway.registry.store import Registry, Work

REPORTS_A_DAY = 600
STEP = timedelta(minutes=10)
SLOW, RETURNED = 0.06, 0.03  # chances: an order that a crew leaves alone; one that it gives back


class Week:
    """One seed, one week. The registry's clock is this one's."""

    def __init__(self, database: Database, standard: Standard, city: City, office: Office, seed: int) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=BEIJING)
        self._standard = standard
        self._city = city
        self._office = office
        self._random = random.Random(seed)
        self._codes = [code for code in CLASSES if standard.knows(code)]
        self._todo: list[tuple[datetime, int, str]] = []
        self._count = 0
        rules = Rules(no_crew_retry_s=600.0)
        self.registry = Registry(database, standard, rules, frozenset(), lambda: self._now, city, None, office)
        self._rounds = Rounds(self.registry, office)

    def run(self, first: date, days: int, a_day: int = REPORTS_A_DAY) -> Iterator[datetime]:
        """Yields the simulated time after each step; then nothing is left to be done."""
        self._now = datetime(first.year, first.month, first.day, tzinfo=BEIJING)
        end = self._now + timedelta(days=days)
        for day in range(days):
            midnight = self._now + timedelta(days=day)
            for hour in self._random.choices(range(24), HOURS, k=a_day):
                self._later(midnight + timedelta(hours=hour, seconds=self._random.uniform(0, 3600)), "")
        while self._now < end:
            step_end = self._now + STEP
            with self.registry.batch() as work:
                while self._todo and self._todo[0][0] < step_end:
                    at, _, case_id = heapq.heappop(self._todo)
                    work.now = at
                    self._turn(work, case_id)
            self._now = step_end
            self.registry.tick()
            self._rounds.tick()
            yield self._now

    def _later(self, at: datetime, case_id: str) -> None:
        self._count += 1
        heapq.heappush(self._todo, (at, self._count, case_id))

    def _turn(self, work: Work, case_id: str) -> None:
        if not case_id:
            self._report(work)
            return
        case = work.journal.load(case_id)
        if case.state not in (State.DISPATCHED, State.HANDLING, State.REWORK):
            if case.state is State.FILED:
                self._later(work.now + timedelta(minutes=30), case_id)
            return
        crew = self._office.plan.by_name.get(case.crew)
        if crew is not None and self._office.roster.until(crew, work.now) is None:
            self._later(work.now + timedelta(minutes=20), case_id)  # nobody works after the shift
            return
        if self._random.random() < RETURNED:
            work.command(case_id, self._step(case, "returned", "not ours"))
            self._later(work.now + timedelta(minutes=self._random.uniform(10, 60)), case_id)
            return
        work.command(case_id, self._step(case, "disposed", ""))
        after = work.journal.load(case_id)
        work.command(case_id, Answer(after.check_id, "cleared", "kiosk/cam-1"))

    def _report(self, work: Work) -> None:
        pick = self._random
        code = pick.choices(self._codes, [CLASSES[code] for code in self._codes])[0]
        cell = pick.choice(self._city.cells)
        kind = self._standard.by_code[code].case_class
        body: dict[str, Any] = {"incident_id": f"sim-{self._count}-{work.now.timestamp()}", "case_class": kind}
        body |= {"class_code": code, "label": kind, "lat": pick.uniform(cell.south, cell.north)}
        body |= {"lon": pick.uniform(cell.west, cell.east), "device": "kiosk", "camera": "cam-1"}
        case_id = work.report(body)["case_id"]
        work.command(case_id, File("acceptor"))
        slow = pick.random() < SLOW
        self._later(work.now + timedelta(minutes=pick.uniform(300, 900) if slow else pick.uniform(15, 100)), case_id)

    def _step(self, case: Any, kind: Any, note: str) -> CrewStep:
        return CrewStep(kind, case.order_id, case.order_version, case.crew, note)
