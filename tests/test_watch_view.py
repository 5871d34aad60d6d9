"""One camera's view over time: learned, checked at a bounded rate, kept; faults are heeded at once, told later."""

import cv2
import numpy as np
import pytest

from detectors.view import Reference
from edge.sim.street import Street
from edge.watch.source import Image
from edge.watch.view import ALARM_S, CHECK_EVERY_S, LEARN, REFRESH_S, ViewWatch, pack, unpack


def scene(seed: int = 1) -> Image:
    """A street of plain shapes, 640 x 360, with structure everywhere."""
    rng = np.random.default_rng(seed)
    image = np.full((360, 640, 3), 120, np.uint8)
    for _ in range(160):
        x, y = int(rng.integers(0, 640)), int(rng.integers(0, 360))
        colour = tuple(int(v) for v in rng.integers(20, 230, 3))
        cv2.rectangle(image, (x, y), (x + int(rng.integers(8, 60)), y + int(rng.integers(8, 60))), colour, -1)
    return image


def noisy(image: Image, seed: int) -> Image:
    """The same view a moment later."""
    noise = np.random.default_rng(seed).normal(0, 2, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def moved(image: Image, right: int) -> Image:
    """Seen by a camera that was bumped."""
    return np.roll(image, right, axis=1)


def covered(image: Image) -> Image:
    """A hand over the lens."""
    return noisy(np.full(image.shape, 90, np.uint8), 5)


class Kept(list[Reference]):
    """The references that were given to be stored."""

    def watch(self, kept: Reference | None = None, live: bool = False) -> ViewWatch:
        """A watch that stores here."""
        return ViewWatch(live, kept, self.append)


def run(watch: ViewWatch, image: Image, from_s: float, checks: int) -> list[str]:
    """So many checks in a row, each of a new picture of the same view."""
    times = [from_s + i * CHECK_EVERY_S for i in range(checks)]
    return [watch.fault(noisy(image, int(t)), t) for t in times]


def test_a_view_is_learned_once_and_then_a_bump_is_named_with_how_far() -> None:
    kept = Kept()
    watch = kept.watch()
    assert run(watch, scene(), 0.0, LEARN + 2) == [""] * (LEARN + 2)
    assert len(kept) == 1
    (fault,) = run(watch, moved(scene(), 20), 100.0, 1)
    assert fault.startswith("moved: by +20")


def test_a_fault_is_heeded_at_once_and_told_when_it_has_held() -> None:
    """A shaken camera raises no alarm; one that stays turned does, until it looks where it did."""
    watch = Kept().watch()
    run(watch, scene(), 0.0, LEARN)
    assert run(watch, moved(scene(), 20), 20.0, 1)[0] and watch.health() == {"view": "ok"}
    run(watch, moved(scene(), 20), 22.0, int(ALARM_S / CHECK_EVERY_S))
    assert watch.health()["view"] == "moved" and "by +20" in str(watch.health()["view_text"])
    assert run(watch, scene(), 60.0, 1) == [""] and watch.health() == {"view": "ok"}


def test_a_covered_lens_is_blocked() -> None:
    watch = Kept().watch()
    run(watch, scene(), 0.0, LEARN)
    assert run(watch, covered(scene()), 20.0, 1)[0].startswith("blocked")


def test_a_bump_while_the_kiosk_was_off_is_noticed_after_the_restart() -> None:
    kept = Kept()
    run(kept.watch(), scene(), 0.0, LEARN)
    restored = unpack(pack(kept[0]))
    assert restored is not None
    again = Kept().watch(restored)
    assert run(again, scene(), 0.0, 1) == [""]
    assert run(again, moved(scene(), 20), 10.0, 1)[0].startswith("moved")


@pytest.mark.parametrize("body", [b"", b"short", b"12345678", b"12345678 no picture"])
def test_a_damaged_reference_is_none_and_the_view_is_learned_anew(body: bytes) -> None:
    assert unpack(body) is None


def test_looks_are_bounded_by_time_unless_an_answer_is_needed_for_this_picture() -> None:
    watch = Kept().watch()
    for i in range(40):
        watch.fault(noisy(scene(), i), i * 0.1)
    assert watch.checks == 2
    watch.fault(covered(scene()), 3.95, now=True)
    watch.fault(covered(scene()), 3.95, now=True)
    assert watch.checks == 3


def test_who_walks_by_or_turns_the_camera_while_it_is_learned_does_not_stay() -> None:
    """The first picture showed another direction: learning begins anew, and nothing is called moved."""
    watch = Kept().watch()
    assert run(watch, scene(9), 0.0, 2) == ["", ""]
    assert run(watch, scene(1), 4.0, LEARN + 1) == [""] * (LEARN + 1)
    assert run(watch, scene(9), 60.0, 1)[0].startswith(("moved", "blocked"))


def test_the_reference_follows_a_view_that_stands_still_and_not_one_that_moves() -> None:
    kept = Kept()
    watch = kept.watch()
    run(watch, scene(), 0.0, LEARN)
    dimmer = (scene() * 0.6).astype(np.uint8)
    run(watch, dimmer, REFRESH_S, LEARN + 2)
    assert len(kept) == 2 and kept[1].grey.mean() < 0.7 * kept[0].grey.mean()
    run(watch, moved(dimmer, 20), 3 * REFRESH_S, LEARN + 2)
    assert len(kept) == 2


def test_only_a_living_camera_can_freeze() -> None:
    for live, expected in ((True, "the same picture"), (False, "")):
        watch = Kept().watch(live=live)
        said = [watch.fault(scene(), float(t)) for t in range(0, 70, 5)]
        assert said[:12] == [""] * 12 and expected in said[-1] and bool(said[-1]) == live


@pytest.mark.slow
def test_a_whole_clip_of_the_street_raises_no_false_alarm() -> None:
    """Ninety seconds with passers-by, stalls that come and go and changing light, one look every four seconds."""
    street, watch = Street(7), Kept().watch()
    assert {watch.fault(street.render(float(t)), float(t)) for t in range(0, 90, 4)} == {""}
