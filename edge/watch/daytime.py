"""Hours, days and public holidays, in the city's own time (Asia/Shanghai): when a rule or a permit holds."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import chinese_calendar.constants
from msgspec import Meta

LOCAL_TIME = ZoneInfo("Asia/Shanghai")
Hours = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
ALL_DAY = "00:00-24:00"
# workday 工作日: worked, moved working weekends (调休) included. day_off 休息日: everything else. holiday 节假日: the
# days off that the State Council names for a festival.
Day = Literal["workday", "day_off", "holiday", "mon", "tue", "wed", "thu", "fri", "sat", "sun"]
GRACE_S_MAX = 6 * 3600.0

_WEEKDAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAYS_BACK = 3  # a span of nearly 24 hours that begins late, and its grace, reach into the second day after
_PUBLISHED_OFF = frozenset(chinese_calendar.constants.holidays)
_PUBLISHED_ON = frozenset(chinese_calendar.constants.workdays)
_PUBLISHED_YEARS = frozenset(day.year for day in _PUBLISHED_OFF)


@dataclass(frozen=True)
class Calendar:
    """Which days are worked: the State Council's list as `chinesecalendar` has it, and a city's own days over it.

    A year that is not published yet (each November brings the next) goes by weekends alone until the package is updated
    or the rule file lists its days; `settled` tells.
    """

    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()

    def works(self, day: date) -> bool:
        """Whether `day` is a working day, moved weekends included."""
        if day in self.workdays:
            return True
        if self.festive(day):
            return False
        return day in _PUBLISHED_ON or day.weekday() < 5

    def festive(self, day: date) -> bool:
        """Whether `day` is off for a festival."""
        return day not in self.workdays and (day in self.holidays or day in _PUBLISHED_OFF)

    def settled(self, year: int) -> bool:
        """Whether the holidays of that year are known."""
        return year in _PUBLISHED_YEARS or any(day.year == year for day in self.holidays)

    def is_one_of(self, day: date, days: Collection[Day]) -> bool:
        """Whether `day` is of one of these sorts; no sort named means every day."""
        if not days:
            return True
        sorts: set[Day] = {_WEEKDAYS[day.weekday()], "workday" if self.works(day) else "day_off"}
        if self.festive(day):
            sorts.add("holiday")
        return not sorts.isdisjoint(days)


def is_empty(hours: str) -> bool:
    """Whether a span begins when it ends, so that it never holds."""
    start, end = hours.split("-")
    return start == end


def holds(
    spans: Collection[str], days: Collection[Day], calendar: Calendar, now: datetime, grace_s: float = 0.0
) -> bool:
    """Whether `now` (aware) lies in one of the local spans, or within `grace_s` after its end. No span means all day.

    A span that passes midnight belongs to the day on which it begins: a Friday's night market still runs on Saturday
    at a quarter past midnight.
    """
    local = now.astimezone(LOCAL_TIME).replace(tzinfo=None)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(_DAYS_BACK):
        begins = midnight - timedelta(days=back)
        if not calendar.is_one_of(begins.date(), days):
            continue
        for hours in spans or (ALL_DAY,):
            start, end = _span(hours)
            if begins + start <= local < begins + end + timedelta(seconds=grace_s if end > start else 0.0):
                return True
    return False


def _span(hours: str) -> tuple[timedelta, timedelta]:
    """Start and end as time since the midnight of the day on which the span begins; both alike for an empty one."""
    start, end = (timedelta(hours=int(text[:2]), minutes=int(text[3:])) for text in hours.split("-"))
    return start, end + timedelta(days=1) if end < start else end
