"""Deadlines: urgent hours, working hours and days around holidays and moved weekends, against hand reckoning."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.registry.clocks import BEIJING, Calendar, ClockError, Limit, Unit, WorkTime, shift_problem

WORK = WorkTime()


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


# 2026: National Day 1 to 7 October, Saturday 10 October and Sunday 20 September are worked; Spring Festival 15 to
# 23 February, Saturdays 14 and 28 February are worked.
HAND = [
    ("within a morning", "2026-11-23T09:00", 2, "hour", "2026-11-23T11:00"),
    ("over lunch", "2026-11-23T11:00", 2, "hour", "2026-11-23T15:00"),
    ("up to lunch ends at twelve, not at two", "2026-11-23T10:00", 2, "hour", "2026-11-23T12:00"),
    ("filed at lunch", "2026-11-23T12:30", 2, "hour", "2026-11-23T16:00"),
    ("filed at night", "2026-11-23T22:00", 2, "hour", "2026-11-24T10:00"),
    ("filed before dawn", "2026-11-24T03:00", 4, "hour", "2026-11-24T12:00"),
    ("over a plain weekend", "2026-11-20T17:30", 2, "hour", "2026-11-23T09:30"),
    ("urgent hours run through National Day's night", "2026-10-01T23:30", 2, "urgent_hour", "2026-10-02T01:30"),
    ("over National Day", "2026-09-30T17:00", 2, "hour", "2026-10-08T09:00"),
    ("into a moved working Saturday", "2026-10-08T14:00", 2, "day", "2026-10-10T12:00"),
    ("over Saturday into a moved working Sunday", "2026-09-18T17:00", 2, "hour", "2026-09-20T09:00"),
    ("the Saturday before Spring Festival", "2026-02-13T16:00", 1, "day", "2026-02-14T16:00"),
    ("over Spring Festival", "2026-02-13T16:00", 2, "day", "2026-02-24T16:00"),
    ("five days over a moved Saturday", "2026-02-27T10:30", 5, "day", "2026-03-05T10:30"),
    ("filed inside Spring Festival", "2026-02-17T09:00", 1, "day", "2026-02-24T18:00"),
    ("one day from a morning", "2026-11-23T10:30", 1, "day", "2026-11-24T10:30"),
    ("half a working day", "2026-11-23T08:00", 0.5, "day", "2026-11-23T12:00"),
]


@pytest.mark.parametrize(("start", "amount", "unit", "end"), [row[1:] for row in HAND], ids=[row[0] for row in HAND])
def test_a_deadline_is_what_a_person_reckons(start: str, amount: float, unit: Unit, end: str) -> None:
    due = WORK.due(Limit(amount=amount, unit=unit), local(start))
    assert due == local(end)
    assert due.tzinfo is UTC


def test_working_hours_may_run_on_weekends_while_working_days_do_not() -> None:
    every_day = WorkTime(hours_every_day=True)
    assert every_day.due(Limit(amount=2, unit="hour"), local("2026-11-20T17:30")) == local("2026-11-21T09:30")
    assert every_day.due(Limit(amount=1, unit="day"), local("2026-11-20T17:30")) == local("2026-11-23T17:30")


def test_a_city_overrules_the_published_days_both_ways() -> None:
    own = WorkTime(calendar=Calendar(frozenset({date(2026, 11, 23)}), frozenset({date(2026, 11, 21)})))
    assert own.due(Limit(amount=9, unit="hour"), local("2026-11-20T17:00")) == local("2026-11-21T18:00")
    assert own.due(Limit(amount=10, unit="hour"), local("2026-11-20T17:00")) == local("2026-11-24T09:00")


def test_a_year_that_is_not_published_goes_by_weekends_and_says_so() -> None:
    """The list reaches at least 2026; 2050 is not published."""
    assert Calendar().settled(date(2026, 12, 31)) and not Calendar().settled(date(2050, 10, 3))
    assert Calendar().works(date(2050, 10, 3)) and not Calendar().works(date(2050, 10, 2))
    assert Calendar(holidays=frozenset({date(2050, 10, 3)})).settled(date(2050, 1, 1))


def test_a_limit_that_never_ends_is_refused_and_not_looped_for_ever() -> None:
    with pytest.raises(ClockError, match="is not over after"):
        WORK.add("hour", local("2026-11-20T17:00"), timedelta(days=40_000))
    with pytest.raises(ClockError, match="negative"):
        WORK.add("hour", local("2026-11-20T17:00"), timedelta(minutes=-1))
    with pytest.raises(ClockError, match="after the calendar"):
        WORK.add("urgent_hour", local("2026-11-20T17:00"), timedelta(days=365 * 9000))


@pytest.mark.parametrize(
    "shifts",
    [(), ((time(12), time(8)),), ((time(8), time(8)),), ((time(14), time(18)), (time(8), time(12)))],
    ids=["none", "backwards", "empty", "out of order"],
)
def test_shifts_that_make_no_sense_are_told(shifts: tuple[tuple[time, time], ...]) -> None:
    assert shift_problem(shifts)
    assert not shift_problem(WORK.shifts)


STARTS = st.datetimes(datetime(2025, 12, 20), datetime(2026, 12, 1), timezones=st.just(BEIJING))
SPANS = st.integers(0, 60 * 100).map(lambda minutes: timedelta(minutes=minutes))
UNITS: st.SearchStrategy[Unit] = st.sampled_from(["urgent_hour", "hour", "day"])


@given(UNITS, STARTS, SPANS, SPANS)
@settings(max_examples=150, deadline=None)
def test_two_spans_one_after_the_other_end_where_their_sum_ends(
    unit: Unit, start: datetime, one: timedelta, two: timedelta
) -> None:
    assert WORK.add(unit, WORK.add(unit, start, one), two) == WORK.add(unit, start, one + two)


@given(UNITS, STARTS, STARTS, SPANS, SPANS)
@settings(max_examples=150, deadline=None)
def test_a_later_start_or_a_longer_span_never_ends_earlier(
    unit: Unit, one: datetime, two: datetime, short: timedelta, long: timedelta
) -> None:
    (one, two), (short, long) = sorted((one, two)), sorted((short, long))
    assert WORK.add(unit, one, short) <= WORK.add(unit, two, short) <= WORK.add(unit, two, long)


@given(UNITS, STARTS, SPANS)
@settings(max_examples=150, deadline=None)
def test_between_a_start_and_its_deadline_lies_the_span(unit: Unit, start: datetime, span: timedelta) -> None:
    end = WORK.add(unit, start, span)
    assert WORK.between(unit, start, end) == span
    if span:
        assert WORK.between(unit, start, end - timedelta(seconds=1)) < span


def slow(start: datetime, minutes: int) -> datetime:
    """The same, counted minute by minute; the days are written down here and not looked up."""
    off = {date(2026, 2, 15) + timedelta(days=n) for n in range(9)} | {date(2026, 10, n) for n in range(1, 8)}
    on = {date(2026, 2, 14), date(2026, 2, 28), date(2026, 9, 20), date(2026, 10, 10)}
    at = start
    while minutes:
        works = at.date() in on or (at.date() not in off and at.weekday() < 5)
        minutes -= works and (8 <= at.hour < 12 or 14 <= at.hour < 18)
        at += timedelta(minutes=1)
    return at


@given(
    st.sampled_from([datetime(2026, 2, 12), datetime(2026, 9, 17), datetime(2026, 9, 29)]),
    st.integers(0, 5 * 24 * 60),
    st.integers(1, 900),
)
@settings(max_examples=40, deadline=None)
def test_working_minutes_are_those_that_a_minute_by_minute_count_finds(day: datetime, after: int, minutes: int) -> None:
    start = day.replace(tzinfo=BEIJING) + timedelta(minutes=after)
    assert WORK.add("hour", start, timedelta(minutes=minutes)) == slow(start, minutes)
