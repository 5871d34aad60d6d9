"""One physical thing is one event: what the network calls by two names, or takes for a person too, competes."""

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.watch.boxes import Box, iou
from edge.watch.places import PlaceMemory, Sighting, Spot
from edge.watch.rivals import SAME_IOU, Blocker, new_lead, same_thing
from edge.wire import CaseClass

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
HEAP: Box = (100.0, 100.0, 200.0, 160.0)
NAMES: dict[CaseClass, str] = {"litter": "litter_heap", "bike": "bicycle", "stall": "stall", "poster": "poster"}


def seen(case_class: CaseClass, score: float, box: Box = HEAP) -> Sighting:
    """A detection."""
    return Sighting(case_class, NAMES[case_class], score, box)


class Kiosk:
    """Shows frames half a second apart to a memory and files what is due, as a rule does."""

    def __init__(self, spots: list[Spot] | None = None, dwell_s: float = 5.0, score_min: float = 0.35) -> None:
        self.memory = PlaceMemory("cam", spots=spots or [])
        self.dwell_s, self.score_min = dwell_s, score_min
        self.t = 0.0
        self.filed: list[Spot] = []

    def show(self, sightings: list[Sighting], people: list[Blocker] | None = None, frames: int = 1) -> list[str]:
        """Returns the classes filed so far."""
        for _ in range(frames):
            self.t += 0.5
            at = START + timedelta(seconds=self.t)
            for spot in self.memory.update(sightings, people or [], at, self.t, (1280, 720)).due:
                if spot.dwell_s >= self.dwell_s and spot.score >= self.score_min:
                    spot.state = "filed"
                    self.filed.append(spot)
        return [s.case_class for s in self.filed]


def test_a_heap_that_is_also_called_a_bicycle_is_one_event() -> None:
    """The surer name files, the other never does while the thing is there."""
    kiosk = Kiosk()
    assert kiosk.show([seen("litter", 0.7), seen("bike", 0.36, (98.0, 98.0, 203.0, 165.0))], frames=120) == ["litter"]


def test_one_sure_frame_does_not_outdo_what_was_seen_for_long() -> None:
    """A single call of 0.95 as a stall: the heap that is just due is filed all the same."""
    kiosk = Kiosk()
    kiosk.show([seen("litter", 0.6)], frames=10)
    assert kiosk.show([seen("litter", 0.6), seen("stall", 0.95)]) == ["litter"]


def test_before_it_is_filed_a_thing_may_still_change_its_name() -> None:
    """Called a bicycle at first, then surely and for longer a heap: filed as a heap, once."""
    kiosk = Kiosk(dwell_s=20.0)
    kiosk.show([seen("bike", 0.4)], frames=20)
    assert kiosk.show([seen("bike", 0.4), seen("litter", 0.8)], frames=80) == ["litter"]


def test_what_is_filed_is_the_event_even_when_another_name_grows_stronger() -> None:
    """No second case for the same thing."""
    kiosk = Kiosk()
    assert kiosk.show([seen("bike", 0.4)], frames=12) == ["bike"]
    assert kiosk.show([seen("bike", 0.4), seen("litter", 0.9)], frames=100) == ["bike"]


def test_a_new_thing_in_the_place_of_one_that_was_taken_away_is_its_own_event() -> None:
    """The filed heap goes, a bicycle is parked exactly there: filed when the heap is taken for gone."""
    kiosk = Kiosk()
    kiosk.show([seen("litter", 0.8)], frames=20)
    assert kiosk.show([seen("bike", 0.8)], frames=60) == ["litter", "bike"]


def test_a_cleared_place_is_free_for_the_other_name() -> None:
    """A check ended the filed spot; what is still there may be filed."""
    kiosk = Kiosk()
    kiosk.show([seen("litter", 0.8), seen("bike", 0.5)], frames=20)
    kiosk.memory.end(kiosk.filed[0].spot_id)
    assert kiosk.show([seen("bike", 0.5)], frames=20) == ["litter", "bike"]


@pytest.mark.parametrize(
    ("what", "box"),
    [
        ("a bicycle that leans on the heap", (140.0, 70.0, 250.0, 160.0)),
        ("a poster on the wall behind it", (110.0, 40.0, 160.0, 110.0)),
        ("a stall much larger than it", (60.0, 20.0, 240.0, 165.0)),
    ],
)
def test_things_that_stand_behind_or_inside_one_another_are_two(what: str, box: Box) -> None:
    """Their boxes differ, so both are filed."""
    kind: CaseClass = "poster" if "poster" in what else "stall" if "stall" in what else "bike"
    assert iou(HEAP, box) < SAME_IOU
    inside = HEAP if kind != "stall" else (20.0, 100.0, 120.0, 160.0)  # 0.6 within; from PART_MIN on it is goods
    assert sorted(Kiosk().show([seen("litter", 0.7, inside), seen(kind, 0.7, box)], frames=12)) == sorted(
        ["litter", kind]
    )


def test_an_overflowing_bin_beside_a_heap_is_a_second_event() -> None:
    """Both are litter."""
    bin_ = Sighting("litter", "bin_overflow", 0.6, (190.0, 60.0, 250.0, 160.0))
    assert Kiosk().show([seen("litter", 0.7), bin_], frames=12) == ["litter", "litter"]


def test_a_restart_forgets_neither_the_rivalry_nor_the_lead() -> None:
    """Stored as JSON and read back in the middle of it: still one event; a spot of an older file can be read."""
    before = Kiosk(dwell_s=10.0)
    before.show([seen("litter", 0.7), seen("bike", 0.6)], [Blocker("person", 0.5, (0.0, 0.0, 9.0, 9.0))], frames=15)
    stored = [msgspec.json.decode(msgspec.json.encode(s), type=Spot) for s in before.memory.spots]
    assert [s.lead for s in stored] == [s.lead for s in before.memory.spots]
    after = Kiosk(stored, dwell_s=10.0)
    after.t = before.t
    assert after.show([seen("bike", 0.6)], frames=2) == []
    assert after.show([seen("litter", 0.7), seen("bike", 0.6)], frames=60) == ["litter"]
    old = msgspec.json.decode(msgspec.json.encode(stored[0]))
    del old["lead"]
    assert msgspec.convert(old, Spot).lead == 0.0


def test_a_person_who_is_also_called_an_overflowing_bin_is_no_event() -> None:
    """Half of the frames say bin at 0.68, most say person; sometimes both."""
    woman: Box = (300.0, 100.0, 350.0, 260.0)
    kiosk = Kiosk()
    bin_, person = Sighting("litter", "bin_overflow", 0.68, woman), Blocker("person", 0.7, (298.0, 95.0, 352.0, 262.0))
    for frame in range(80):
        filed = kiosk.show([bin_] if frame % 2 else [], [person] if frame % 3 else [])
    assert filed == []


def test_time_as_a_person_is_no_dwell() -> None:
    """Six seconds a person who is also called a bin, then only a bin: its stay begins when the person has gone."""
    bin_ = Sighting("litter", "bin_overflow", 0.6, HEAP)
    kiosk = Kiosk(dwell_s=5.0)
    kiosk.show([bin_], [Blocker("person", 0.6, HEAP)], frames=12)
    assert kiosk.show([bin_], frames=10) == []
    assert kiosk.show([bin_], frames=8) == ["litter"]


def test_who_passes_in_front_does_not_delay_a_thing_that_was_there() -> None:
    """Three frames with a person's box on the very box; the bin is due in time and filed."""
    bin_ = Sighting("litter", "bin_overflow", 0.6, HEAP)
    kiosk = Kiosk()
    kiosk.show([bin_], frames=8)
    kiosk.show([], [Blocker("person", 0.9, HEAP)], frames=3)
    assert kiosk.show([bin_], frames=8) == ["litter"]


def test_who_stands_before_a_filed_thing_changes_nothing() -> None:
    """The spot stays filed and there."""
    kiosk = Kiosk()
    kiosk.show([seen("litter", 0.7)], frames=20)
    kiosk.show([], [Blocker("person", 0.95, HEAP)], frames=200)
    assert kiosk.show([seen("litter", 0.7)], frames=20) == ["litter"]
    assert [s.state for s in kiosk.memory.spots] == ["filed"]


def test_a_van_that_is_a_stall_is_a_stall() -> None:
    """Vehicles do not dispute stalls; they dispute bicycles."""
    van = [Blocker("truck", 0.8, HEAP)]
    assert Kiosk().show([seen("stall", 0.6)], van, frames=12) == ["stall"]
    assert Kiosk().show([seen("bike", 0.6)], van, frames=12) == []


@given(st.floats(0.35, 1.0), st.lists(st.floats(0.0, 1.0), max_size=200), st.floats(0.0, 1.0))
def test_whoever_stood_there_is_outweighed_within_40_s(score: float, stood: list[float], lead: float) -> None:
    """However long and however surely a person was seen in the box."""
    for person in stood:
        lead = new_lead(lead, 0.0, 1.5 * person, 0.5)
    for _ in range(80):
        lead = new_lead(lead, score, 0.0, 0.5)
    assert lead > 0


SEEDS = st.integers(0, 2**32)
Frames = list[tuple[list[Sighting], list[Blocker]]]


def a_film(seed: int) -> Frames:
    """Up to thirty frames with things and people who all share much of one place."""
    rng = random.Random(seed)

    def somewhere() -> Box:
        x, y = rng.uniform(0, 60), rng.uniform(0, 60)
        return (x, y, x + 100, y + 80)

    kinds = sorted(NAMES)
    boxes = [somewhere() for _ in range(5)]
    return [
        (
            [seen(rng.choice(kinds), rng.uniform(0.25, 1.0), rng.choice(boxes)) for _ in range(rng.randrange(6))],
            [Blocker("person", rng.uniform(0.25, 1.0), rng.choice(boxes)) for _ in range(rng.randrange(2))],
        )
        for _ in range(rng.randrange(5, 30))
    ]


@settings(deadline=None)
@given(SEEDS)
def test_nothing_is_filed_on_the_box_of_what_is_filed_under_another_name(seed: int) -> None:
    """Whatever the detector says: at the moment of filing no other filed spot lies on that box."""
    kiosk = Kiosk(dwell_s=0.5, score_min=0.0)
    for sightings, people in a_film(seed):
        before = len(kiosk.filed)
        kiosk.show(sightings, people)
        living = [s for s in kiosk.memory.spots if s.state == "filed"]
        assert not any(same_thing(new, other) for new in kiosk.filed[before:] for other in living)


@settings(deadline=None)
@given(SEEDS)
def test_the_order_of_detections_in_a_frame_decides_nothing(seed: int) -> None:
    """The same films with each frame's detections shuffled leave the same spots and file the same things."""
    rng = random.Random(seed)
    one, other = Kiosk(dwell_s=1.0), Kiosk(dwell_s=1.0)
    for sightings, people in a_film(seed):
        shuffled = list(sightings)
        rng.shuffle(shuffled)
        one.show(sightings, people)
        other.show(shuffled, people[::-1])
    summary = [[(s.case_class, s.box, s.hits, s.state, s.lead) for s in k.memory.spots] for k in (one, other)]
    assert summary[0] == summary[1]
