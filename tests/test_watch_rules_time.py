"""Hours, days, holidays, street classes, sizes and confirmations: each decides, and says so."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_watch_rules import spot

from edge.watch.confirm import Confirmations
from edge.watch.daytime import Calendar, holds
from edge.watch.rules import DrawnZone, Permit, Rule, RuleBook, Zone, decide

SHANGHAI = ZoneInfo("Asia/Shanghai")
CORNERS = [(0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)]
PAVEMENT = Zone("pavement", "pavement", CORNERS, "main_street")
RULE = Rule("bikes", "bike", "04-10", ["bicycle"], dwell_s=60.0, zones=["pavement"])


def at(text: str) -> datetime:
    """A moment on the city's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("day", "sorts"),
    [
        ("2026-10-01", {"day_off", "holiday", "thu"}),  # National Day
        ("2026-10-10", {"workday", "sat"}),  # a Saturday that is worked for it
        ("2026-11-21", {"day_off", "sat"}),
        ("2026-11-24", {"workday", "tue"}),
        ("2031-01-01", {"workday", "wed"}),  # not published yet: weekends alone
    ],
)
def test_a_day_is_of_the_sorts_that_the_state_council_made_it(day: str, sorts: set[str]) -> None:
    """Public holidays are days off, moved weekends are worked."""
    every = ("workday", "day_off", "holiday", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
    assert {s for s in every if Calendar().is_one_of(date.fromisoformat(day), [s])} == sorts  # type: ignore[list-item]


def test_a_city_overrules_the_published_days() -> None:
    """A day of its own off, and a holiday on which it works."""
    calendar = Calendar(frozenset({date(2031, 1, 1)}), frozenset({date(2026, 10, 1)}))
    assert calendar.festive(date(2031, 1, 1))
    assert calendar.works(date(2026, 10, 1))
    assert calendar.settled(2031)
    assert not Calendar().settled(2031)


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-11-20T17:59", False),  # Friday
        ("2026-11-20T18:00", True),
        ("2026-11-21T00:29", True),  # Saturday's first minutes belong to Friday's market
        ("2026-11-21T00:30", False),
        ("2026-11-22T00:15", True),  # Saturday's market
        ("2026-11-22T18:30", False),  # Sunday has none
        ("2026-11-23T00:15", False),
    ],
)
def test_a_night_market_belongs_to_the_day_on_which_it_begins(moment: str, inside: bool) -> None:
    """On Fridays and Saturdays, past midnight."""
    assert holds(["18:00-00:30"], ["fri", "sat"], Calendar(), at(moment)) is inside


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 1439))
def test_without_days_and_grace_a_span_is_a_span_of_the_clock(start: int, end: int, now: int) -> None:
    """The same as comparing minutes, for every pair of times."""
    span = f"{start // 60:02d}:{start % 60:02d}-{end // 60:02d}:{end % 60:02d}"
    moment = at("2026-11-24T00:00") + timedelta(minutes=now)
    plain = start <= now < end if start <= end else now >= start or now < end
    assert holds([span], [], Calendar(), moment) is plain


def test_clearing_up_after_the_market_is_permitted_for_the_grace() -> None:
    """Half an hour after 00:30, then the rule holds."""
    stall = spot(case_class="stall", labels={"stall": 50})
    rule = Rule("trading", "stall", "04-06", ["stall"], dwell_s=60.0, zones=["night_market"])
    market = Zone("market", "night_market", CORNERS)
    book = RuleBook("1", [rule], [Permit("night market", "stall", "night_market", "18:00-00:30", grace_s=1800.0)])
    filed = [decide(book, stall, [market], at(f"2026-11-24T{t}")).file for t in ("00:29", "00:59", "01:00", "18:00")]
    assert filed == [False, False, True, False]


def test_a_permit_counts_in_its_own_place_and_between_its_days() -> None:
    """A stall with a number has one place, and its paper runs out."""
    first, other = (Zone(f"stand {n}", "permit_place", CORNERS) for n in (1, 2))
    permit = Permit(
        "no. 1", "bike", "permit_place", places=["stand 1"], since=date(2026, 11, 1), until=date(2026, 11, 24)
    )
    book = RuleBook("1", [msgspec.structs.replace(RULE, zones=[])], [permit])
    assert not decide(book, spot(), [first], at("2026-11-24T23:59")).file
    assert decide(book, spot(), [other], at("2026-11-24T23:59")).file
    assert decide(book, spot(), [first], at("2026-11-25T00:00")).file
    assert decide(book, spot(), [first], at("2026-10-31T23:59")).file


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"streets": ["main_street", "strictly_banned"]}, "bikes:"),
        ({"streets": ["back_lane"]}, "no rule for this label in this zone"),
        ({"zones": [], "streets": ["back_lane"]}, "no rule for this label in this zone"),
        ({"hours": ["07:00-09:00", "17:00-19:00"]}, "bikes:"),
        ({"hours": ["09:00-17:00"]}, "no rule for this label in this zone at this time"),
        ({"days": ["workday"]}, "bikes:"),
        ({"days": ["day_off"]}, "at this time"),
        ({"area_share_min": 0.02}, "smaller than 0.02 of the picture"),
        ({"confirmations_min": 2}, "confirmed 1 of 2 times"),
    ],
)
def test_each_new_clause_decides_and_is_named(change: dict[str, object], why: str) -> None:
    """A Tuesday, 08:30, on a main street; the bicycle covers a hundredth of the picture."""
    book = RuleBook("1", [msgspec.structs.replace(RULE, **change)])
    assert why in decide(book, spot(), [PAVEMENT], at("2026-11-24T08:30")).why


def test_a_strict_rule_by_day_and_a_mild_one_by_night() -> None:
    """The first rule that fits the time decides."""
    day = msgspec.structs.replace(RULE, name="day", hours=["06:00-22:00"])
    book = RuleBook("1", [day, msgspec.structs.replace(RULE, name="night", dwell_s=600.0)])
    assert decide(book, spot(), [PAVEMENT], at("2026-11-24T12:00")).why.startswith("day")
    assert decide(book, spot(), [PAVEMENT], at("2026-11-24T23:00")).why == "dwell 61.0 s of 600 s"


def test_a_zone_of_the_rule_file_takes_the_place_of_the_kiosks_zone_of_that_name() -> None:
    """For that camera alone."""
    drawn = DrawnZone("pavement", "bike_bay", CORNERS, camera="cam")
    book = RuleBook("1", [RULE], [Permit("bay", "bike", "bike_bay")], zone=[drawn])
    assert decide(book, spot(), [PAVEMENT], at("2026-11-24T12:00")).why == "permitted by bay"
    elsewhere = msgspec.structs.replace(book, zone=[msgspec.structs.replace(drawn, camera="other")])
    assert decide(elsewhere, spot(), [PAVEMENT], at("2026-11-24T12:00")).file


@given(st.lists(st.integers(0, 600), max_size=30), st.integers(1, 100), st.integers(0, 30))
def test_confirmations_are_the_same_counted_on_the_way_or_from_the_log(
    moments: list[int], every: int, asked_after: int
) -> None:
    """Whenever a rule first asks; and each lies at least the interval after the one before."""
    log: list[tuple[int, int]] = []
    moments = sorted(m * 1_000_000 for m in moments)
    counting = Confirmations(lambda _: list(log))
    for number, moment in enumerate(moments):
        if number >= asked_after:
            counting.of("s", 1, moment)(every)
        log.append((1, moment))
        counting.add("s", 1, moment)
    last = (moments[-1] if moments else 0) + 1
    plain: list[int] = []
    for moment in [*moments, last]:
        if not plain or moment - plain[-1] >= every * 1_000_000:
            plain.append(moment)
    assert counting.of("s", 1, last)(every) == (len(plain) if moments else 1)
    assert counting.of("s", 2, last)(every) == 1
