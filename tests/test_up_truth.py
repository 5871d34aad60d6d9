"""The count against the truth: exactly one incident for each event that was due, and nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

from edge.up.truth import CORNERS, match
from edge.watch.boxes import Box

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
END = START + timedelta(seconds=90)
BIKE: Box = (0.40, 0.60, 0.50, 0.75)
HEAP: Box = (0.25, 0.62, 0.33, 0.72)


def event(name: str = "bike-0", since: float = 5, until: float = 50, **changes: Any) -> dict[str, Any]:
    """A truth event."""
    values = {
        "id": name,
        "class": "bike",
        "should_file": True,
        "lat": 34.261,
        "lon": 117.188,
        "box": list(BIKE),
        "from_utc": (START + timedelta(seconds=since)).isoformat(),
        "to_utc": (START + timedelta(seconds=until)).isoformat(),
    }
    return values | changes


def incident(
    name: str = "i-0", seen: float = 6, lat: float = 34.261, case_class: str = "bike", box: Box = BIKE
) -> dict[str, Any]:
    """An incident like the gateway's."""
    first = (START + timedelta(seconds=seen)).isoformat()
    place = {"lat": lat, "lon": 117.188}
    witness = {"device": "kiosk-1", "camera": "street"} | dict(zip(CORNERS, box, strict=True))
    return {"incident_id": name, "case_class": case_class, "first_seen": first, "witnesses": [witness]} | place


def test_one_event_with_one_incident_is_exact() -> None:
    """The good case."""
    result = match([event()], [incident()], START, END)
    assert (result.due, result.exact, result.missed, result.doubled, result.extra) == (1, 1, [], [], [])


def test_an_event_without_incident_is_missed_and_with_two_is_doubled() -> None:
    """Neither counts as exact."""
    assert match([event()], [], START, END).missed == ["bike-0"]
    two = match([event()], [incident(), incident("i-1", 20)], START, END)
    assert (two.exact, two.doubled) == (0, ["bike-0"])


def test_incidents_of_another_place_class_or_time_are_extra() -> None:
    """They belong to no event."""
    strays = [incident("far", lat=34.2612), incident("other", case_class="stall"), incident("late", seen=80)]
    result = match([event()], strays, START, END)
    assert result.extra == ["far", "other", "late"]


def test_an_incident_of_a_decoy_is_extra() -> None:
    """A bicycle in its bay should not be filed."""
    assert match([event(should_file=False)], [incident()], START, END).extra == ["i-0"]


def test_an_event_that_began_just_before_the_end_is_not_due() -> None:
    """It may be filed or not."""
    late = event(since=85, until=130)
    assert match([late], [], START, END).due == 0
    assert match([late], [incident(seen=86)], START, END).extra == []


def test_a_heap_that_is_called_a_bicycle_is_extra_and_no_double_of_the_bicycle_beside_it() -> None:
    """They stand a metre apart, the boxes tell them apart."""
    heap = event("heap-0", box=list(HEAP)) | {"class": "litter"}
    false = incident("false", lat=34.261009, box=HEAP)
    result = match([event(), heap], [false, incident("true"), incident("h", case_class="litter", box=HEAP)], START, END)
    assert (result.exact, result.missed, result.doubled, result.extra) == (2, [], [], ["false"])


def test_a_heap_that_is_called_a_bicycle_does_not_stand_in_for_the_bicycle_that_was_missed() -> None:
    """One missed and one extra, instead of one that seems right."""
    result = match([event()], [incident("false", lat=34.261009, box=HEAP)], START, END)
    assert (result.exact, result.missed, result.extra) == (0, ["bike-0"], ["false"])


def test_the_same_thing_filed_again_is_a_double_though_another_thing_is_near() -> None:
    """Its second box is a little off."""
    again = incident("again", 30, box=(0.41, 0.61, 0.51, 0.75))
    heap = event("heap-0", box=list(HEAP)) | {"class": "litter"}
    result = match([heap, event()], [incident(), again], START, END)
    assert (result.exact, result.doubled, result.extra, result.missed) == (0, ["bike-0"], [], ["heap-0"])


def test_a_part_of_the_thing_is_the_thing() -> None:
    """The umbrella of a stall."""
    assert match([event()], [incident(box=(0.40, 0.60, 0.50, 0.65))], START, END).exact == 1


def test_two_neighbours_get_one_incident_each_whatever_the_order() -> None:
    """The nearest pair first would leave one event without."""
    left, right = event("left", box=[0.40, 0.6, 0.50, 0.7]), event("right", box=[0.46, 0.6, 0.56, 0.7])
    both, only_left = incident("both", box=(0.42, 0.6, 0.52, 0.7)), incident("left", box=(0.40, 0.6, 0.46, 0.7))
    for order in ([both, only_left], [only_left, both]):
        result = match([left, right], order, START, END)
        assert (result.exact, result.doubled, result.extra) == (2, [], [])


def test_without_incidents_or_events_nothing_is_paired() -> None:
    """Empty tables are no error."""
    assert match([], [], START, END).due == 0
    assert match([], [incident()], START, END).extra == ["i-0"]
