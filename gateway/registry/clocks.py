"""Deadlines (处置时限) as pure arithmetic: urgent hours run on, working hours and days stop outside the shifts."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Literal

import chinese_calendar.constants
import msgspec

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")  # no daylight saving since 1991
DAYS_MAX = 3660
NOTHING = timedelta()
DAY = timedelta(days=1)
_SOME_DAY = date(2026, 1, 5)

# urgent_hour 紧急工作时: every hour counts. hour 工作时: only hours inside a shift. day 工作日: as many hours as the
# shifts of one working day have, so that one working day from Monday 10:30 ends on Tuesday 10:30.
Unit = Literal["urgent_hour", "hour", "day"]
_PUBLISHED_OFF = frozenset(chinese_calendar.constants.holidays)
_PUBLISHED_ON = frozenset(chinese_calendar.constants.workdays)
_PUBLISHED_YEARS = frozenset(day.year for day in _PUBLISHED_OFF)


class ClockError(ValueError):
    """A time that cannot be reckoned with; `str()` says which."""


class Limit(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An amount of time on one of the three clocks; `amount` may be a fraction (half an hour is 0.5)."""

    amount: float
    unit: Unit


@dataclass(frozen=True)
class Calendar:
    """Which days are worked: the State Council's list as `chinesecalendar` publishes it, and a city's own days over it.

    A year that is not published yet (usually each November for the next) goes by weekends alone until the package is
    updated or the city lists the days; `settled` tells.
    """

    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()

    def works(self, day: date) -> bool:
        """Whether `day` is a working day (工作日), moved weekends (调休) included."""
        if day in self.workdays:
            return True
        if day in self.holidays or day in _PUBLISHED_OFF:
            return False
        return day in _PUBLISHED_ON or day.weekday() < 5

    def settled(self, day: date) -> bool:
        """Whether the holidays of the day's year are known."""
        return day.year in _PUBLISHED_YEARS or any(d.year == day.year for d in self.holidays)


@dataclass(frozen=True)
class WorkTime:
    """A city's shifts, in Asia/Shanghai, and its calendar.

    `hours_every_day`: working hours also run on weekends and holidays (some cities' 工作时); days never do.
    """

    shifts: tuple[tuple[time, time], ...] = ((time(8), time(12)), (time(14), time(18)))
    calendar: Calendar = field(default_factory=Calendar)
    hours_every_day: bool = False

    def span(self, limit: Limit) -> timedelta:
        """A limit as time on its own clock; a working day is the length of its shifts."""
        return limit.amount * (self.day_length if limit.unit == "day" else timedelta(hours=1))

    @property
    def day_length(self) -> timedelta:
        """Working time of one day (8 hours with the usual shifts)."""
        return sum((_at(_SOME_DAY, end) - _at(_SOME_DAY, start) for start, end in self.shifts), NOTHING)

    def add(self, unit: Unit, start: datetime, span: timedelta) -> datetime:
        """The earliest instant (UTC) by which `span` has run on the clock since `start`; `span` 0 is `start` itself.

        Raises ClockError for a negative span, or one that is not over after DAYS_MAX days.
        """
        if span < NOTHING:
            raise ClockError(f"a time limit of {span} is negative")
        if unit == "urgent_hour" or span == NOTHING:
            return _plus(start, span)
        day, left = start.astimezone(BEIJING).date(), span
        for _ in range(DAYS_MAX):
            for begin, end in self._shifts_of(unit, day):
                begin = max(begin, start)
                if end > begin and left <= end - begin:
                    return (begin + left).astimezone(UTC)
                left -= max(NOTHING, end - begin)
            day += DAY
        raise ClockError(f"a time limit of {span} is not over after {DAYS_MAX} days; check the shifts and the table")

    def between(self, unit: Unit, start: datetime, end: datetime) -> timedelta:
        """How much of the clock runs from `start` to `end`; 0 when `end` is not later."""
        if end <= start:
            return NOTHING
        if unit == "urgent_hour":
            return end - start
        day, last, total = start.astimezone(BEIJING).date(), end.astimezone(BEIJING).date(), NOTHING
        while day <= last:
            for begin, stop in self._shifts_of(unit, day):
                total += max(NOTHING, min(stop, end) - max(begin, start))
            day += DAY
        return total

    def due(self, limit: Limit, start: datetime) -> datetime:
        """When a limit that starts at `start` is over (UTC)."""
        return self.add(limit.unit, start, self.span(limit))

    def _shifts_of(self, unit: Unit, day: date) -> list[tuple[datetime, datetime]]:
        if not (self.calendar.works(day) or (unit == "hour" and self.hours_every_day)):
            return []
        return [(_at(day, begin), _at(day, end)) for begin, end in self.shifts]


def shift_problem(shifts: tuple[tuple[time, time], ...]) -> str:
    """What is wrong with a list of shifts; "" when there are some, from early to late, apart."""
    before = time.min
    for begin, end in shifts:
        if not before <= begin < end:
            return f"the shift {begin} to {end} must start before it ends and not before the last one ended ({before})"
        before = end
    return "" if shifts else "there is no shift; write for example [[08:00:00, 12:00:00], [14:00:00, 18:00:00]]"


def _at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, BEIJING)


def _plus(start: datetime, span: timedelta) -> datetime:
    try:
        return (start + span).astimezone(UTC)
    except OverflowError as error:
        raise ClockError(f"a time limit of {span} ends after the calendar") from error
