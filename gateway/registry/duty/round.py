"""What the timers of duty bring: urgings, handovers at the end of shifts, handovers that nobody took."""

from dataclasses import dataclass

import sqlalchemy as sa

from gateway.registry.duty import handover, urge
from gateway.registry.duty.office import Office
from gateway.registry.duty.tables import duty_orders
from gateway.registry.store import Registry, Work
from gateway.times import to_text

URGED_MAX = 200


@dataclass
class Rounds:
    """Call `tick` often; what is due stands in the database, so a restart forgets nothing and repeats nothing."""

    registry: Registry
    office: Office
    _minute: str = ""

    def tick(self) -> int:
        """Returns how many urgings, orders passed on and reminders there were."""
        done = self._urge() if self._urge_due() else 0
        minute = to_text(self.registry.now())[:16]
        if minute == self._minute:
            return done
        with self.registry.batch() as work:
            done += handover.pass_on(work, self.office) + handover.remind(work, self.office)
        self._minute = minute
        return done

    def _urge_due(self) -> bool:
        """Looked at in a reading transaction, so that idle timers keep nobody from writing."""
        due = sa.select(duty_orders.c.case_id).where(duty_orders.c.urge_at <= to_text(self.registry.now()))
        with self.registry.database.read() as tx:
            return tx.scalar(due.limit(1)) is not None

    def _urge(self) -> int:
        with self.registry.batch() as work:
            due = sa.select(duty_orders).where(duty_orders.c.urge_at <= to_text(work.now))
            rows = list(work.journal.tx.execute(due.order_by(duty_orders.c.urge_at).limit(URGED_MAX)).mappings())
            return sum(self._urge_one(work, row["case_id"], row["told"]) for row in rows)

    def _urge_one(self, work: Work, case_id: str, told: int) -> int:
        """The level that was reached is written in the transaction of its event: neither without the other."""
        case, rules, clock = work.journal.load(case_id), self.office.plan.rules, self.office.clock
        urged = urge.due(case, told, work.now, rules, clock, self.office.roster)
        for one in urged:
            work.journal.put(case, case, [one.event], work.now)
            told = one.level
        after = urge.next_at(case, told, work.now, rules, clock)
        values = {"told": told, "urge_at": to_text(after) if after else None}
        work.journal.tx.execute(sa.update(duty_orders).where(duty_orders.c.case_id == case_id).values(values))
        return len(urged)
