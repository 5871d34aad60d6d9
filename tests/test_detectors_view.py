"""A picture that cannot be judged says so and why; light, weather and passers-by are no fault."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from detectors.view import FrozenWatch, Reference, ViewQuality, check_view
from edge.sim.street import Street

Image = np.ndarray
SEEDS = (1, 2, 3, 4, 5)
SECONDS = (0.0, 17.0, 300.0, 3600.0, 6 * 3600.0, 12 * 3600.0)
# Clips whose camera stands still, and the frames looked at.
STILL_CLIPS = {"one-by-one-person-detection.mp4": 60, "bgs_video02.avi": 30, "pets2006_3.mp4": 150}


@cache
def street(seed: int) -> list[Image]:
    """Six pictures of one street over half a day."""
    view = Street(seed, 1280, 720)
    return [view.render(t) for t in SECONDS]


@cache
def street_reference(seed: int) -> Reference:
    """How that street looks when nothing is wrong."""
    return Reference.of(street(seed)[:1])


@cache
def clip(path: Path, step: int, count: int = 5) -> list[Image]:
    """Every `step`-th frame of a clip."""
    with av.open(str(path)) as video:
        frames = enumerate(video.decode(video=0))
        return [frame.to_ndarray(format="bgr24") for i, frame in frames if i % step == 0][:count]


def noisy(image: Image, sigma: float = 3.0) -> Image:
    """With sensor noise, which stays when a lens is covered or out of focus."""
    noise = np.random.default_rng(7).standard_normal(image.shape, np.float32)
    return np.clip(image + sigma * noise, 0, 255).astype(np.uint8)


def warped(image: Image, right: float = 0.0, down: float = 0.0, turn_deg: float = 0.0) -> Image:
    """The camera bumped: picture moved by px and turned."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn_deg, 1.0)
    matrix[:, 2] += (right, down)
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


def palm(image: Image) -> Image:
    """A hand on the lens: soft shading, nothing else."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width]
    shade = 90 + 40 * np.sin(3 * x / width) + 30 * y / height
    return noisy(shade[..., None] * np.array([0.6, 0.8, 1.0]))


def covered(image: Image, share: float) -> Image:
    """A palm over the left part."""
    out, edge = image.copy(), round(image.shape[1] * share)
    out[:, :edge] = palm(image)[:, :edge]
    return out


DIMMED: dict[str, Callable[[Image], Image]] = {
    "half the light": lambda image: noisy(image * 0.5),
    "a third of the light": lambda image: noisy(image * 0.33),
    "hard contrast": lambda image: noisy(255 * (image / 255.0) ** 2),
    "glaring sun": lambda image: np.clip(image * 1.5, 0, 255).astype(np.uint8),
    "a warm lamp": lambda image: np.clip(image * np.array([0.6, 0.9, 1.2]), 0, 255).astype(np.uint8),
}
FAULTS: dict[str, tuple[str, Callable[[Image], Image]]] = {
    "night without light": ("dark", lambda image: noisy(image * 0.08)),
    "burnt out": ("overexposed", lambda image: np.clip(image * 1.0 + 150, 0, 255).astype(np.uint8)),
    "out of focus": ("blurred", lambda image: noisy(cv2.GaussianBlur(image, (0, 0), image.shape[1] / 200))),
    "a hand on the lens": ("blocked", palm),
    "seven tenths covered": ("blocked", lambda image: covered(image, 0.7)),
    "a grey wall": ("blocked", lambda image: noisy(np.full(image.shape, 120, np.uint8), 1.0)),
}
BUMPS = {
    "15 px right": {"right": 15.0},
    "15 px up": {"down": -15.0},
    "11 px left and down": {"right": -11.0, "down": 11.0},
    "turned by 2 degrees": {"turn_deg": 2.0},
    "turned away by a fifth": {"right": 250.0},
}


def faults(quality: ViewQuality) -> list[str]:
    """Names of the faults found."""
    return [reason.fault for reason in quality.reasons]


@pytest.mark.parametrize("seed", SEEDS)
def test_half_a_day_of_light_and_passers_by_is_no_fault(seed: int) -> None:
    first, *later = street(seed)
    reference = Reference.of([first])
    assert [check_view(image, reference).text for image in later] == [""] * len(later)
    assert [check_view(image).text for image in later] == [""] * len(later)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("light", DIMMED)
def test_other_light_is_no_fault(seed: int, light: str) -> None:
    last = street(seed)[-1]
    assert check_view(DIMMED[light](last), street_reference(seed)).text == ""


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("case", FAULTS)
def test_each_fault_is_named_on_the_street(seed: int, case: str) -> None:
    fault, spoil = FAULTS[case]
    last = street(seed)[-1]
    assert faults(check_view(spoil(last), street_reference(seed))) == [fault]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("bump", BUMPS)
def test_a_bumped_camera_is_named_with_how_far(seed: int, bump: str) -> None:
    last = street(seed)[-1]
    quality = check_view(warped(last, **BUMPS[bump]), street_reference(seed))
    assert faults(quality) == ["moved"] and quality.moved_px is not None
    if "turn_deg" not in BUMPS[bump]:
        assert quality.moved_px == pytest.approx(np.linalg.norm(list(BUMPS[bump].values())), abs=1.5)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bump_is_seen_in_other_light_too(seed: int) -> None:
    bumped = noisy(warped(street(seed)[-1], right=15.0) * 0.5)
    assert faults(check_view(bumped, street_reference(seed))) == ["moved"]


@pytest.mark.parametrize("name", STILL_CLIPS)
def test_real_clips_of_a_still_camera_show_no_fault(shared: Path, name: str) -> None:
    first, *later = clip(shared / "data" / "clips" / name, STILL_CLIPS[name])
    reference = Reference.of([first])
    assert len(later) >= 3 and [check_view(image, reference).text for image in later] == [""] * len(later)


@pytest.mark.parametrize("name", STILL_CLIPS)
@pytest.mark.parametrize("case", FAULTS)
def test_each_fault_is_named_on_real_clips(shared: Path, name: str, case: str) -> None:
    fault, spoil = FAULTS[case]
    first, *_, last = clip(shared / "data" / "clips" / name, STILL_CLIPS[name])
    assert faults(check_view(spoil(last), Reference.of([first]))) == [fault]


@pytest.mark.parametrize("name", STILL_CLIPS)
def test_a_real_view_turned_by_two_degrees_or_shifted_is_named(shared: Path, name: str) -> None:
    first, *_, last = clip(shared / "data" / "clips" / name, STILL_CLIPS[name])
    reference = Reference.of([first])
    for bumped in (warped(last, turn_deg=2.0), warped(last, right=first.shape[1] * 15 / 1280)):
        assert faults(check_view(bumped, reference)) == ["moved"]


def test_a_real_camera_that_drifts_is_caught(shared: Path) -> None:
    """car-detection.mp4 drifts by 12 of its 768 px over 320 frames (looked at by eye)."""
    first, *_, last = clip(shared / "data" / "clips" / "car-detection.mp4", 80)
    quality = check_view(last, Reference.of([first]))
    assert faults(quality) == ["moved"] and quality.moved_px == pytest.approx(11, abs=3)


def test_a_reference_of_several_pictures_forgets_who_walked_by() -> None:
    images = street(2)[:5]
    crowd = [image.copy() for image in images]
    for i, image in enumerate(crowd):
        cv2.rectangle(image, (200 * i, 150), (200 * i + 180, 700), (40, 60, 200), -1)
    reference = Reference.of(crowd)
    assert check_view(street(2)[5], reference).ok
    assert np.abs(reference.grey.astype(int) - Reference.of(images).grey).mean() < 3


def test_a_picture_of_another_size_is_compared_all_the_same() -> None:
    first, *_, last = street(3)
    small = cv2.resize(last, (640, 360), interpolation=cv2.INTER_AREA)
    assert check_view(small, Reference.of([first])).ok
    assert faults(check_view(warped(small, right=10.0), Reference.of([first]))) == ["moved"]


def test_reasons_are_words_with_figures() -> None:
    first = street(1)[0]
    quality = check_view(warped(street(1)[3], right=30.0), Reference.of([first]))
    assert quality.text.startswith("moved: by +30, ") and not quality.ok and quality.has("moved")


def test_the_very_same_picture_for_a_minute_is_frozen_and_a_living_one_is_not() -> None:
    watch, first, second = FrozenWatch(), street(1)[0], street(1)[1]
    assert watch.add(first, 100.0) is None and watch.add(first.copy(), 159.9) is None
    frozen = watch.add(first.copy(), 160.0)
    assert frozen is not None and frozen.fault == "frozen" and "60 s" in frozen.text
    assert watch.add(second, 161.0) is None and watch.add(first, 300.0) is None


@pytest.mark.parametrize("shape", [(0, 0, 3), (20, 20), (20, 20, 4)])
def test_what_is_no_colour_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="picture"):
        check_view(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 900, 3), (900, 2, 3)])
def test_a_sliver_of_a_picture_is_judged_and_not_an_error(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 128, np.uint8)
    assert faults(check_view(image)) == ["blocked"]
    assert check_view(image, Reference.of([image])) is not None


def test_a_reference_needs_pictures_of_one_view() -> None:
    with pytest.raises(ValueError, match="1 to 9"):
        Reference.of([])
    with pytest.raises(ValueError, match="one shape"):
        Reference.of([np.zeros((90, 160, 3), np.uint8), np.zeros((90, 90, 3), np.uint8)])
