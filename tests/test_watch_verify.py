"""Looking again: "not seen" is not "gone"."""

from datetime import UTC, datetime

import cv2
import msgspec
import numpy as np
import pytest

from edge.watch.places import Sighting
from edge.watch.source import Image
from edge.watch.verify import Answer, Check, likeness, look, steady
from edge.wire import CaseClass, Look, Verify

NOW = datetime(2026, 11, 23, tzinfo=UTC)
BOX = (100.0, 100.0, 200.0, 180.0)
REQUEST = Verify(
    verify_id="v",
    incident_id="i",
    camera="cam",
    place_id="p",
    case_class="bike",
    label="bicycle",
    box=BOX,
    frame_width=640,
    frame_height=360,
    looks=3,
    over_s=2.0,
)


def street(seed: int) -> Image:
    """A picture with structure."""
    return np.random.default_rng(seed).integers(0, 255, (360, 640, 3), np.uint8)


def ground(seed: int) -> Image:
    """The place with something of its own in it: coarse patches of light and dark."""
    coarse = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), np.uint8)
    return cv2.resize(coarse, (100, 80), interpolation=cv2.INTER_NEAREST).astype(np.uint8)


def bike(score: float = 0.2, box: tuple[float, float, float, float] = BOX) -> Sighting:
    """A faint bicycle."""
    return Sighting("bike", "bicycle", score, box)


def test_a_faint_detection_in_the_place_is_still_there() -> None:
    """A check believes scores that a first report would not."""
    assert look(REQUEST, street(1), [bike()], [], None).verdict == "still_there"


def test_a_thing_elsewhere_is_not_this_thing() -> None:
    """Only the asked place counts."""
    assert look(REQUEST, street(1), [bike(box=(400.0, 100.0, 500.0, 180.0))], [], None).verdict == "cleared"


def test_a_person_in_front_means_cannot_see() -> None:
    """With the reason in words."""
    seen = look(REQUEST, street(1), [], [(90.0, 50.0, 160.0, 300.0)], None)
    assert (seen.verdict, "in front" in seen.reason) == ("cannot_see", True)


@pytest.mark.parametrize("level", [3, 128])
def test_a_dark_or_covered_lens_means_cannot_see(level: int) -> None:
    """Black night and a bag over the camera."""
    assert look(REQUEST, np.full((360, 640, 3), level, np.uint8), [], [], None).verdict == "cannot_see"


@pytest.mark.parametrize(("case_class", "verdict"), [("poster", "cleared"), ("bike", "cannot_see")])
def test_a_plain_wall_where_a_poster_was_is_no_covered_lens(case_class: CaseClass, verdict: str) -> None:
    """The ground where a bicycle stood is never that plain: something is in front of it."""
    picture = street(1)
    picture[90:190, 90:210] = 128
    request = msgspec.structs.replace(REQUEST, case_class=case_class)
    assert look(request, picture, [], [], None).verdict == verdict


def test_a_place_that_looks_as_before_is_still_there_though_nothing_was_detected() -> None:
    """The anchor catches what the detector overlooks, also when the light changed."""
    picture = street(2)
    anchor = picture[100:180, 100:200].copy()
    darker = (picture * 0.5).astype(np.uint8)
    assert look(REQUEST, darker, [], [], anchor).verdict == "still_there"
    assert look(REQUEST, street(3), [], [], anchor).verdict == "cleared"


def test_the_box_is_scaled_to_the_pictures_size() -> None:
    """A camera that changed its resolution is asked about the same place."""
    big = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    assert look(REQUEST, big, [bike(box=(200.0, 200.0, 400.0, 360.0))], [], None).verdict == "still_there"


@pytest.mark.parametrize(
    ("looks", "answer"),
    [
        (["cleared", "cleared"], None),
        (["cleared", "cleared", "cleared"], "cleared"),
        (["cleared", "cannot_see", "still_there"], "still_there"),
        (["cannot_see"] * 6, None),
        (["cannot_see"] * 7, "cannot_see"),
        (["cannot_see", "cleared", "cannot_see", "cleared", "cleared"], "cleared"),
    ],
)
def test_an_answer_needs_as_many_clear_looks_as_asked(looks: list[Answer], answer: Answer | None) -> None:
    """One sure sight is enough against, three clear ones are needed for."""
    check = Check(REQUEST)
    for i, kind in enumerate(looks):
        check.add(Look(at=NOW, verdict=kind, score=0.0), float(i), street(1))
    assert check.answer() == answer


def test_clear_looks_that_show_different_things_do_not_clear_a_place() -> None:
    """Somebody whom the detector does not know walks past; when he has gone, three looks alike are needed."""
    check = Check(REQUEST)
    for i, place in enumerate([1, 2, 1, 1]):
        check.add(Look(at=NOW, verdict="cleared", score=0.0), float(i), ground(place))
        assert check.answer() is None
    check.add(Look(at=NOW, verdict="cleared", score=0.0), 4.0, ground(1))
    assert check.answer() == "cleared"


def test_a_place_that_never_stands_still_cannot_be_seen() -> None:
    """A crowd."""
    check = Check(REQUEST)
    for i in range(7):
        check.add(Look(at=NOW, verdict="cleared", score=0.0), float(i), ground(i))
    assert check.answer() == "cannot_see"


@pytest.mark.parametrize(("level", "change", "same"), [(120, 0, True), (120, 40, True), (120, None, False)])
def test_noise_and_light_leave_plain_ground_as_it_was_and_a_leg_does_not(
    level: int, change: int | None, same: bool
) -> None:
    """Bare paving: sensor noise of 6 grey values, a cloud, or a dark leg over a fifth of it."""
    noise = np.random.default_rng(3)
    before, now = (np.clip(noise.normal(level, 6, (80, 100, 3)), 0, 255).astype(np.uint8) for _ in range(2))
    if change is None:
        now[:, 40:60] = 20
    assert steady(before, now if change is None else now + np.uint8(change)) is same


def test_looks_are_spread_over_the_asked_time() -> None:
    """Three looks over two seconds: one each second."""
    check = Check(REQUEST)
    assert check.due(10.0)
    check.add(Look(at=NOW, verdict="cleared", score=0.0), 10.0, street(1))
    assert not check.due(10.9)
    assert check.due(11.0)


def test_a_check_without_pictures_becomes_overdue() -> None:
    """A dead camera does not leave the centre waiting for ever."""
    check = Check(REQUEST)
    assert not check.overdue(0.0)
    assert not check.overdue(60.0)
    assert check.overdue(63.0)


def test_likeness_of_a_picture_with_itself_is_one() -> None:
    """And of two unrelated ones about nothing."""
    a, b = street(1), street(2)
    assert likeness(a, a) == pytest.approx(1.0)
    assert abs(likeness(a, b)) < 0.1
