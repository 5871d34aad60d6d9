"""What the sample street promises about its events, over fifty seeds."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import pytest

from edge.sim.layout import Layout, layout
from edge.sim.timetable import Event, Timetable

SEEDS = range(50)


@cache
def street(seed: int) -> Layout:
    return layout(seed)


def filed(events: list[Event]) -> list[Event]:
    return [e for e in events if e.should_file]


def apart_m(a: Event, b: Event) -> float:
    return float(np.hypot(a.east_m - b.east_m, a.north_m - b.north_m))


@pytest.mark.parametrize("seed", SEEDS)
def test_first_ninety_seconds_hold_two_finished_events_of_every_class(seed: int) -> None:
    """At least two of stall, poster, bike and litter come and go within 90 s, the first of all at 3 s, each for 25
    to 45 s."""
    events = filed(Timetable(street(seed)).between(0, 90))
    done = [e for e in events if e.to_s <= 90]
    assert all(sum(e.case_class == c for e in done) >= 2 for c in ("stall", "poster", "bike", "litter"))
    assert min(e.from_s for e in events) == 3.0
    assert all(25 <= e.to_s - e.from_s <= 45 for e in events)


@pytest.mark.parametrize("seed", SEEDS)
def test_same_class_keeps_its_distance_in_space_or_time(seed: int) -> None:
    """Standing things of one class are 2.5 m apart unless 20 s lie between them, decoys included."""
    events = [e for e in Timetable(street(seed)).between(0, 400) if e.path is None]
    for a, b in combinations(events, 2):
        together = a.from_s < b.to_s + 20 and b.from_s < a.to_s + 20
        assert a.case_class != b.case_class or not together or apart_m(a, b) >= 2.5, (a.id, b.id)


@pytest.mark.parametrize("seed", SEEDS)
def test_first_ninety_seconds_hold_every_decoy(seed: int) -> None:
    """A permitted stall, a bicycle in its bay, a vendor who stops for 3 s and riders are there and not to be filed."""
    decoys = [e for e in Timetable(street(seed)).between(0, 90) if not e.should_file]
    assert {e.why_not for e in decoys} == {"permit", "bay", "short", "moving"}
    assert {("bike", "moving"), ("stall", "short"), ("person", "moving")} <= {(e.case_class, e.why_not) for e in decoys}
    assert all(e.path is not None and e.path.stop_s == 3.0 for e in decoys if e.why_not == "short")


@pytest.mark.parametrize("seed", SEEDS)
def test_permitted_things_stand_inside_their_marking_and_others_outside(seed: int) -> None:
    """The ground place of a permitted stall or bay bicycle lies in its zone; that of every filed event lies in none."""
    plan = street(seed)
    marks = {"permit": "permit_place", "bay": "bike_bay"}
    for event in Timetable(plan).between(0, 300):
        inside = {
            m.kind
            for m in plan.look.markings
            if m.east0 < event.east_m < m.east1 and m.north0 < event.north_m < m.north1
        }
        if event.why_not in marks:
            assert inside == {marks[event.why_not]}
        elif event.should_file and event.case_class in ("stall", "bike"):
            assert not inside


def test_timetable_is_a_pure_function_of_seed_and_time() -> None:
    """Asked afresh, in pieces or far ahead, the same seed tells the same events; another seed tells others."""
    whole = Timetable(layout(7)).between(0, 1000)
    again = Timetable(layout(7))
    pieces = {e.id: e for start in range(900, -100, -100) for e in again.between(start, start + 100)}
    assert [e.id for e in whole] == [e.id for e in sorted(pieces.values(), key=lambda e: (e.from_s, e.id))]
    assert all(pieces[e.id] == e for e in whole)
    assert Timetable(layout(8)).between(0, 100) != Timetable(layout(7)).between(0, 100)


def test_timetable_never_ends() -> None:
    """Thirty days on, things still come, at once and without computing what went before."""
    late = 30 * 86_400.0
    events = Timetable(layout(3)).between(late, late + 180)
    assert {e.case_class for e in filed(events)} == {"stall", "poster", "bike", "litter"}


@pytest.mark.parametrize("bounds", [(0.0, 50.0), (120.0, 121.0)])
def test_between_returns_exactly_what_touches_the_span(bounds: tuple[float, float]) -> None:
    """Nothing that ended before or starts after, and nothing that is active is missing."""
    table = Timetable(layout(4))
    inside = {e.id for e in table.between(*bounds)}
    expected = {e.id for e in table.between(0, 400) if e.from_s < bounds[1] and e.to_s > bounds[0]}
    assert inside == expected
