"""The count against the truth: exactly one incident for each event that was due, and nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

from edge.up.truth import match

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
END = START + timedelta(seconds=90)


def event(name: str = "bike-0", since: float = 5, until: float = 50, **changes: Any) -> dict[str, Any]:
    """A truth event."""
    values = {
        "id": name,
        "class": "bike",
        "should_file": True,
        "lat": 34.261,
        "lon": 117.188,
        "from_utc": (START + timedelta(seconds=since)).isoformat(),
        "to_utc": (START + timedelta(seconds=until)).isoformat(),
    }
    return values | changes


def incident(name: str = "i-0", seen: float = 6, lat: float = 34.261, case_class: str = "bike") -> dict[str, Any]:
    """An incident like the gateway's."""
    first = (START + timedelta(seconds=seen)).isoformat()
    return {"incident_id": name, "case_class": case_class, "lat": lat, "lon": 117.188, "first_seen": first}


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
