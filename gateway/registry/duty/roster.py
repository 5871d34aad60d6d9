"""Who is on duty at an instant. Local time is Asia/Shanghai; a shift belongs to the day on which it starts."""

from datetime import date, datetime, timedelta

from gateway.registry.clocks import BEIJING, DAY, Calendar
from gateway.registry.duty.plan import Crew, Leader, Plan, Shift, Turn


class Roster:
    """The plan over a calendar. Nothing is kept: the same instant gives the same answer."""

    def __init__(self, plan: Plan, calendar: Calendar) -> None:
        self.plan = plan
        self._calendar = calendar

    def crews(self, at: datetime) -> list[Crew]:
        """City crews on duty: those that an order may be routed to; in the plan's order."""
        return [crew for crew in self.plan.crews if crew.kind == "city" and self.until(crew, at)]

    def leaders(self, at: datetime, district: str = "") -> list[Leader]:
        """Leaders on duty, those of the district first, then those of the whole city; others not."""
        there = [one for one in self.plan.leaders if self.until(one, at)]
        own = [one for one in there if district and district in one.districts]
        return own + [one for one in there if not one.districts]

    def until(self, who: Turn, at: datetime) -> datetime | None:
        """When the present shift ends; None when off duty."""
        today = at.astimezone(BEIJING).date()
        ends = [end for day in (today - DAY, today) for start, end in self.spans(who, day) if start <= at < end]
        return max(ends, default=None)

    def spans(self, who: Turn, day: date) -> list[tuple[datetime, datetime]]:
        """[start, end) of the shifts that start on a local day."""
        found = [self.plan.shift_by_name[name] for name in self._names(who, day)]
        return [span(shift, day) for shift in found if self._runs(shift, day)]

    def _names(self, who: Turn, day: date) -> list[str]:
        swapped = self.plan.swapped.get((who.name, day))
        return names(turn_of(who, day) if swapped is None else swapped)

    def _runs(self, shift: Shift, day: date) -> bool:
        return shift.days == "every" or self._calendar.works(day) == (shift.days == "work")


def span(shift: Shift, day: date) -> tuple[datetime, datetime]:
    """A shift that starts on `day`: [start, end), over midnight when it ends no later than it starts."""
    start = datetime.combine(day, shift.start, BEIJING)
    end = datetime.combine(day, shift.end, BEIJING)
    return start, end if end > start else end + timedelta(days=1)


def turn_of(turn: Turn, day: date) -> str:
    """What the cycle says of a day; "" before its first."""
    since = (day - turn.since).days
    return turn.cycle[since % len(turn.cycle)] if since >= 0 else ""


def names(shifts: str) -> list[str]:
    """ "early+night" -> its shifts; "" is a day off."""
    return shifts.split("+") if shifts else []
