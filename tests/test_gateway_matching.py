"""The matching rule, as a table."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from gateway_helpers import START, candidate

from gateway.incidents import sighting_of
from gateway.matching import Sighting, allowed_m, best, distance_m, iou, match

METRE = 1 / 111_320.0


def sighting(metres: float = 0.0, **values: Any) -> Sighting:
    """A stall at kiosk-1/cam-1, `metres` north of the first."""
    place = {"lat": 34.0 + metres * METRE, "lon": 117.0, "error_major_m": 1.0}
    row = {"device": "kiosk-1", "candidate_id": "a", "camera": "cam-1", "place_id": "p1", "case_class": "stall"}
    row |= {**place, "box": (0.1, 0.1, 0.3, 0.3), "first_seen": START, "last_seen": START}
    return Sighting(**{**row, **values})


def later(hours: int) -> datetime:
    """So many hours after the first sighting."""
    return START + timedelta(hours=hours)


KNOWN = sighting()
OTHER_BOX = (0.4, 0.1, 0.6, 0.3)
CASES = [
    ("the same candidate", sighting(5000, camera="cam-9", case_class="bike"), 0),
    ("the same place of the same camera", sighting(candidate_id="b", box=(0.8, 0.8, 0.9, 0.9)), 1),
    ("the same box of the same camera", sighting(candidate_id="b", place_id="p2", box=(0.1, 0.1, 0.3, 0.32)), 2),
    ("the same box, another class", sighting(candidate_id="b", place_id="p2", case_class="bike"), None),
    ("another box of the same camera, a metre away", sighting(1, candidate_id="b", place_id="p2", box=OTHER_BOX), None),
    ("another camera, 2 m away", sighting(2, candidate_id="b", camera="cam-2"), 3),
    ("another device with the same place name, 2 m away", sighting(2, candidate_id="b", device="drone-1"), 3),
    ("another device's equal candidate id, 100 m away", sighting(100, device="drone-1"), None),
    ("another camera, 2 m away, another class", sighting(2, candidate_id="b", camera="cam-2", case_class="bike"), None),
    ("another camera, just out of both errors", sighting(2.9, candidate_id="b", camera="cam-2"), None),
    ("another camera, 20 m, large error", sighting(20, candidate_id="b", camera="cam-2", error_major_m=12), 3),
    ("never over 30 m, whatever the error", sighting(31, candidate_id="b", camera="cam-2", error_major_m=90), None),
    ("23 h later", sighting(1, candidate_id="b", camera="cam-2", first_seen=later(23), last_seen=later(23)), 3),
    ("25 h later", sighting(1, candidate_id="b", camera="cam-2", first_seen=later(25), last_seen=later(25)), None),
    ("25 h earlier", sighting(1, candidate_id="b", camera="cam-2", first_seen=later(-25), last_seen=later(-25)), None),
]  # fmt: skip


@pytest.mark.parametrize(("new", "rank"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_two_sightings_are_one_thing_exactly_when_the_rule_says_so(new: Sighting, rank: int | None) -> None:
    found = match(new, KNOWN)
    assert (found.rank if found else None) == rank
    assert found is None or found.reason


def test_a_camera_that_knows_two_places_vetoes_a_ground_match_through_a_third_witness() -> None:
    new = sighting(1, candidate_id="b", place_id="p2", box=(0.5, 0.1, 0.7, 0.3))
    drone = sighting(1, candidate_id="c", device="drone-1")
    assert best(new, [("incident", drone)]) is not None
    assert best(new, [("incident", drone), ("incident", KNOWN)]) is None


def test_of_two_incidents_in_reach_the_nearer_one_is_joined() -> None:
    new = sighting(1, candidate_id="b", camera="cam-2")
    far = sighting(-0.5, candidate_id="c", device="kiosk-2")
    found = best(new, [("far", far), ("near", KNOWN)])
    assert found is not None
    assert found[0] == "near"


def test_a_box_is_compared_as_a_share_of_its_frame() -> None:
    small = sighting_of(candidate(1, box=(10, 10, 20, 20), frame_width=100, frame_height=100))
    large = sighting_of(candidate(1, box=(100, 100, 200, 200), frame_width=1000, frame_height=1000))
    assert iou(small.box, large.box) == pytest.approx(1.0)


def test_distance_holds_across_the_date_line() -> None:
    assert distance_m(0.0, 179.9999, 0.0, -179.9999) == pytest.approx(22.3, abs=0.1)


def test_the_allowed_distance_is_two_sigmas_of_both_errors_and_at_most_30_m() -> None:
    assert allowed_m(3.0, 4.0) == pytest.approx(10.0)
    assert allowed_m(50.0, 50.0) == 30.0
