"""Place memory: a thing that stays is one event, whatever flickers, walks past or restarts."""

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.watch.boxes import Box, covered, iou
from edge.watch.places import Habits, PlaceMemory, Sighting, Spot, one_each
from edge.watch.rivals import Blocker

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SIZE = (1280, 720)
BIKE = (100.0, 100.0, 200.0, 180.0)


def bike(box: Box = BIKE, score: float = 0.8) -> Sighting:
    """A bicycle detection."""
    return Sighting("bike", "bicycle", score, box)


class Film:
    """Feeds a memory with frames half a second apart."""

    def __init__(self, memory: PlaceMemory | None = None) -> None:
        self.memory = memory or PlaceMemory("cam")
        self.t = 0.0
        self.ids: set[str] = set()
        self.gone: list[Spot] = []
        self.due: list[Spot] = []

    def show(self, sightings: list[Sighting], blockers: list[Box] | None = None, frames: int = 1) -> list[Spot]:
        """Show the same sightings for some frames; returns the living spots."""
        for _ in range(frames):
            self.t += 0.5
            at = START + timedelta(seconds=self.t)
            people = [Blocker("person", 0.8, box) for box in blockers or []]
            change = self.memory.update(sightings, people, at, self.t, SIZE)
            self.gone += change.gone
            self.due = change.due
            self.ids |= {s.spot_id for s in change.seen}
        return self.memory.spots


def test_a_thing_that_stays_is_one_spot_with_its_dwell() -> None:
    """Ten seconds of the same box: one spot, dwell from first to last sighting."""
    film = Film()
    (spot,) = film.show([bike()], frames=21)
    assert (len(film.ids), spot.dwell_s, spot.presence) == (1, 10.0, 1.0)


@pytest.mark.parametrize("seed", range(50))
def test_flicker_and_jitter_of_the_detector_do_not_make_a_second_thing(seed: int) -> None:
    """Boxes off by some pixels and every third frame missed: still one."""
    rng = random.Random(seed)
    film = Film()
    for _ in range(200):
        x1, y1, x2, y2 = (v + rng.gauss(0, 3) for v in BIKE)
        film.show([bike((x1, y1, x2, y2))] if rng.random() > 0.33 else [])
    assert len(film.ids) == 1


def test_a_person_in_front_does_not_end_it() -> None:
    """Ninety seconds covered: the same spot goes on, and its presence is not held against it."""
    film = Film()
    (spot,) = film.show([bike()], frames=20)
    spot.state = "filed"
    film.show([], [(90.0, 50.0, 210.0, 300.0)], frames=180)
    (same,) = film.show([bike()], frames=2)
    assert same is spot
    assert same.presence == 1.0
    assert len(film.ids) == 1


def test_a_filed_thing_is_gone_only_after_the_set_time_in_clear_view() -> None:
    """Just before the limit it lives, after it it is gone."""
    film = Film(PlaceMemory("cam", Habits(gone_s=10.0)))
    (spot,) = film.show([bike()], frames=5)
    spot.state = "filed"
    assert film.show([], frames=19) == [spot]
    assert film.show([], frames=1) == []
    assert [s.spot_id for s in film.gone] == [spot.spot_id]


def test_a_passing_bike_never_dwells() -> None:
    """A box that moves on each frame leaves no spot with a dwell."""
    film = Film()
    longest = 0.0
    for step in range(60):
        x = 20.0 + 15 * step
        spots = film.show([bike((x, 100.0, x + 100, 180.0))])
        longest = max([longest, *(s.dwell_s for s in spots)])
    assert longest < 5.0


def test_what_passed_here_before_does_not_lend_its_dwell() -> None:
    """A rider crosses the place, two seconds later something stops there: the dwell begins with the second."""
    film = Film()
    film.show([bike()])
    film.show([], frames=5)
    (spot,) = film.show([bike()], frames=5)
    assert spot.dwell_s == 2.0
    assert spot.presence == 1.0


def test_two_things_of_one_kind_side_by_side_are_two() -> None:
    """Neighbours do not melt into each other."""
    film = Film()
    assert len(film.show([bike(), bike((210.0, 100.0, 310.0, 180.0))], frames=20)) == 2
    assert len(film.ids) == 2


def test_a_thing_of_another_kind_in_the_same_place_is_another_event() -> None:
    """A bike in front of a poster."""
    film = Film()
    film.show([bike(), Sighting("poster", "poster", 0.7, (120.0, 60.0, 180.0, 150.0))], frames=3)
    assert {s.case_class for s in film.due} == {"bike", "poster"}


def test_a_restart_goes_on_with_the_same_spot() -> None:
    """Stored as JSON, read back, and the monotonic clock begins anew: no new event, no time unseen added."""
    film = Film()
    (spot,) = film.show([bike()], frames=20)
    spot.state = "filed"
    stored = msgspec.json.decode(msgspec.json.encode(spot), type=Spot)
    later = Film(PlaceMemory("cam", spots=[stored]))
    later.t = -500.0
    (same,) = later.show([bike()], frames=2)
    assert (same.spot_id, same.state, same.unseen_s) == (spot.spot_id, "filed", 0.0)


def test_a_long_gap_without_frames_counts_little() -> None:
    """A camera that was cut for an hour saw nothing, so nothing was gone."""
    film = Film()
    (spot,) = film.show([bike()], frames=4)
    spot.state = "filed"
    film.t += 3600
    assert film.show([], frames=1) == [spot]


def test_a_cleared_place_begins_anew() -> None:
    """After a check found it cleared, the next thing there is a new event."""
    film = Film()
    (spot,) = film.show([bike()], frames=4)
    assert film.memory.end(spot.spot_id) is spot
    film.show([bike()], frames=2)
    assert len(film.ids) == 2


def test_boxes_inside_each_other_count_once() -> None:
    """A table inside its stall is the stall."""
    stall = Sighting("stall", "stall", 0.9, (0.0, 0.0, 100.0, 100.0))
    table = Sighting("stall", "stall", 0.5, (20.0, 40.0, 80.0, 90.0))
    assert one_each([table, stall]) == [stall]


def test_what_lies_within_a_stall_is_part_of_it() -> None:
    """The wheels of a vendor's tricycle are no parked bicycle; a bicycle beside it is."""
    stall = Sighting("stall", "stall", 0.6, (90.0, 50.0, 300.0, 200.0))
    beside = bike((310.0, 100.0, 400.0, 180.0))
    assert one_each([bike(), stall, beside]) == [beside, stall]


def test_an_umbrella_and_the_goods_below_it_are_one_stall() -> None:
    """Whether both are seen, or the umbrella alone, or the whole: one event."""
    umbrella = Sighting("stall", "stall", 0.8, (741.0, 262.0, 896.0, 428.0))
    goods = Sighting("stall", "stall", 0.4, (741.0, 410.0, 882.0, 453.0))
    film = Film()
    film.show([umbrella, goods], frames=5)
    film.show([umbrella], frames=5)
    (spot,) = film.show([Sighting("stall", "stall", 0.8, (741.0, 262.0, 896.0, 450.0))], frames=5)
    assert len(film.ids) == 1
    assert spot.presence == 1.0


def test_stalls_side_by_side_stay_two() -> None:
    """Only what lies above each other is joined."""
    film = Film()
    left = Sighting("stall", "stall", 0.8, (100.0, 200.0, 200.0, 300.0))
    right = Sighting("stall", "stall", 0.8, (205.0, 200.0, 305.0, 300.0))
    assert len(film.show([left, right], frames=3)) == 2


@given(*(st.tuples(*(st.floats(0, 1000) for _ in range(4))) for _ in range(2)))
def test_iou_and_cover_are_shares(a: Box, b: Box) -> None:
    """Whatever the boxes, also empty and turned ones."""
    assert 0.0 <= iou(a, b) <= 1.0 + 1e-9
    assert iou(a, b) == pytest.approx(iou(b, a))
    assert 0.0 <= covered(a, b) <= 1.0 + 1e-9
