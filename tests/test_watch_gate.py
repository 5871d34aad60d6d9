"""The motion gate, anchors, lookout: light and noise wake nobody, what comes to stay does, who passes does not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import Detections
from detectors.view import blur_of
from edge.watch.anchors import CONFIRM_LOOKS, DIFFERS, Anchor
from edge.watch.boxes import Box, covered
from edge.watch.gate import LOOKS, MotionGate, boxes_of
from edge.watch.lookout import Care, Lookout
from edge.watch.mosaic import Want, detect_all
from edge.watch.picture import Grey, Image
from edge.watch.places import PlaceMemory, Sighting, Spot
from edge.watch.rivals import Blocker

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
HEIGHT, WIDTH = 720, 1280
THING: Box = (600.0, 400.0, 720.0, 500.0)


@lru_cache
def street(seed: int = 1) -> Grey:
    """A grey street of plain shapes."""
    rng = np.random.default_rng(seed)
    image = np.full((HEIGHT, WIDTH), 120, np.uint8)
    for _ in range(200):
        x, y = int(rng.integers(0, WIDTH)), int(rng.integers(0, HEIGHT))
        shade = int(rng.integers(30, 220))
        cv2.rectangle(image, (x, y), (x + int(rng.integers(20, 120)), y + int(rng.integers(20, 120))), shade, -1)
    return image


def noisy(image: Grey, number: int, gain: float = 1.0) -> Grey:
    """The same a moment later: noise of 3 grey levels, the light so many times as strong."""
    return np.clip(image * np.float32(gain) + grain(number % 8), 0, 255).astype(np.uint8)


@lru_cache
def grain(number: int) -> NDArray[np.float32]:
    """Noise of 3 grey levels."""
    return np.random.default_rng(number).normal(0, 3, (HEIGHT, WIDTH)).astype(np.float32)


def with_thing(image: Grey, box: Box = THING, seed: int = 5) -> Grey:
    """Something striped stands there."""
    x1, y1, x2, y2 = (int(v) for v in box)
    out = image.copy()
    stripes = np.random.default_rng(seed).integers(0, 255, (1, (x2 - x1) // 10 + 1)).astype(np.uint8)
    out[y1:y2, x1:x2] = np.kron(stripes, np.ones((1, 10), np.uint8))[:, : x2 - x1]
    return out


def test_noise_and_light_wake_nobody() -> None:
    """Light that grows by half within a minute and falls by a third at once is no change of the street."""
    gate = MotionGate()
    for number in range(30):
        motion = gate.add(noisy(street(), number, 0.6 + 0.015 * number))
        assert not motion.settled.any() and not motion.moving.any(), number
    motion = gate.add(noisy(street(), 31, 0.7))
    assert not motion.settled.any()


def test_a_shadow_with_soft_edges_wakes_nobody() -> None:
    gate = MotionGate()
    shade = 1.0 - 0.25 / (1.0 + np.exp(-(np.arange(WIDTH) - 640) / 160.0))[None, :]
    gate.add(noisy(street(), 0))
    for number in range(1, 4):
        assert not gate.add(noisy((street() * shade).astype(np.uint8), number)).settled.any()


def test_what_comes_to_stay_settles_where_it_stands() -> None:
    gate = MotionGate()
    gate.add(noisy(street(), 0))
    assert not gate.add(noisy(with_thing(street()), 1)).settled.any()
    (box,) = boxes_of(gate.add(noisy(with_thing(street()), 2)).settled, WIDTH, HEIGHT)
    assert covered(THING, box) > 0.6


def test_who_walks_past_never_settles() -> None:
    gate = MotionGate()
    gate.add(noisy(street(), 0))
    for number in range(1, 8):
        x = 100.0 * number
        motion = gate.add(noisy(with_thing(street(), (x, 300.0, x + 60, 480.0)), number))
        assert motion.moving.any() and not motion.settled.any()


def test_after_some_looks_what_stands_there_is_known_and_its_leaving_is_news() -> None:
    gate = MotionGate()
    gate.add(noisy(street(), 0))
    gate.add(noisy(with_thing(street()), 1))
    for number in range(LOOKS):
        assert gate.add(noisy(with_thing(street()), 2 + number)).settled.any()
        gate.looked(gate.cells((500.0, 300.0, 800.0, 600.0), WIDTH, HEIGHT))
    assert not gate.add(noisy(with_thing(street()), 20)).settled.any()
    gate.add(noisy(street(), 21))
    assert gate.add(noisy(street(), 22)).settled.any()


def test_a_covered_lens_upsets_the_gate() -> None:
    gate = MotionGate()
    gate.add(noisy(street(), 0))
    assert gate.add(noisy(np.full((HEIGHT, WIDTH), 90, np.uint8), 1)).upset


def test_a_place_counts_as_seen_only_after_the_network_has_judged_it_and_while_it_looks_the_same() -> None:
    anchor, there = Anchor(THING), with_thing(street())
    for number in range(CONFIRM_LOOKS):
        assert not anchor.confirmed
        anchor.saw(noisy(there, number), THING, float(number), "seen")
    assert anchor.confirmed and anchor.as_before(noisy(there, 50, 0.7)) and anchor.differs == 0
    assert not anchor.as_before(noisy(street(), 51)) and anchor.differs == 1
    assert not anchor.as_before(noisy(with_thing(street(), seed=6), 52)) and anchor.differs == 2


def test_a_place_without_structure_is_never_taken_for_unchanged() -> None:
    anchor, flat = Anchor(THING), np.full((HEIGHT, WIDTH), 90, np.uint8)
    for number in range(CONFIRM_LOOKS + 1):
        anchor.saw(flat, THING, float(number), "seen")
    assert not anchor.as_before(flat) and not anchor.confirmed


class Rig:
    """A lookout, a place memory and a scripted network that sees the striped thing whenever it looks there."""

    def __init__(self) -> None:
        self.lookout = Lookout(Care(whole_s=600.0, place_s=600.0))
        self.memory = PlaceMemory("c")
        self.number = 0
        self.runs: list[str] = []
        self.opened = 0
        self.blockers: list[Blocker] = []

    def show(self, image: Grey, times: int, thing: bool) -> list[Spot]:
        """Two seconds apart."""
        for _ in range(times):
            t, luma = 2.0 * self.number, noisy(image, self.number)
            plan = self.lookout.plan(luma, self.memory.spots, t, whole=False)
            seen = [Sighting("bike", "bicycle", 0.8, THING)] if thing and plan.sees(THING) else []
            looked = None if plan.whole else plan.sees
            at = START + timedelta(seconds=t)
            size = (WIDTH, HEIGHT)
            change = self.memory.update(seen, self.blockers, at, t, size, looked, plan.unchanged, plan.absent)
            if not plan.idle:
                ids, hidden = (frozenset(s.spot_id for s in some) for some in (change.seen, change.hidden))
                self.lookout.done(plan, luma, self.memory.spots, ids, t, hidden)
            self.runs.append("idle" if plan.idle else "whole" if plan.whole else "regions")
            self.opened += plan.open
            self.number += 1
        return self.memory.spots


def test_a_thing_that_stays_is_one_event_and_costs_a_few_looks() -> None:
    """An hour's hundredth: the street at rest, a thing comes, stays for four minutes, goes."""
    rig = Rig()
    assert rig.show(street(), 20, thing=False) == []
    assert rig.runs == ["whole"] * LOOKS + ["idle"] * (20 - LOOKS)
    (spot,) = rig.show(with_thing(street()), 120, thing=True)
    busy = [run for run in rig.runs[20:] if run != "idle"]
    assert len(busy) <= LOOKS + CONFIRM_LOOKS and "whole" not in busy
    assert spot.dwell_s >= 230 and spot.presence == 1.0 and rig.opened == 1
    assert rig.show(street(), 30, thing=False) == []


def test_a_place_that_was_left_is_not_looked_at_until_it_is_forgotten() -> None:
    """The thing was there for minutes, so its spot is kept for long: the network need not look for it all the time."""
    rig = Rig()
    rig.memory.habits = replace(rig.memory.habits, gone_s=60.0)
    rig.show(street(), 5, thing=False)
    (spot,) = rig.show(with_thing(street()), 60, thing=True)
    before = len(rig.runs)
    assert rig.show(street(), 20, thing=False) == [spot] and spot.unseen_s >= 30.0
    assert len([run for run in rig.runs[before:] if run != "idle"]) <= LOOKS + 2
    assert rig.show(street(), 20, thing=False) == []


def test_what_stands_hidden_behind_a_van_is_neither_looked_for_all_the_time_nor_taken_for_gone() -> None:
    rig = Rig()
    rig.memory.habits = replace(rig.memory.habits, gone_s=20.0)
    rig.show(street(), 5, thing=False)
    (spot,) = rig.show(with_thing(street()), 60, thing=True)
    before, van = len(rig.runs), (480.0, 250.0, 820.0, 640.0)
    rig.blockers = [Blocker("truck", 0.8, van)]
    rig.show(with_thing(with_thing(street()), van, seed=9), 45, thing=False)
    assert len([run for run in rig.runs[before:] if run != "idle"]) <= 2 * LOOKS + 1
    rig.blockers = []
    assert rig.show(with_thing(street()), 10, thing=True) == [spot] and spot.unseen_s == 0.0


def test_anchors_give_time_but_no_evidence() -> None:
    """What the network saw in half of its looks keeps that half, however long its place looks the same."""
    memory = PlaceMemory("c")
    for number in range(8):
        seen = [Sighting("bike", "bicycle", 0.5, THING)] if number % 2 == 0 else []
        memory.update(seen, [], START + timedelta(seconds=number), float(number), (WIDTH, HEIGHT))
    (spot,) = memory.spots
    before = (spot.hits, spot.looks, spot.score)
    for number in range(8, 200):
        at = START + timedelta(seconds=number)
        memory.update([], [], at, float(number), (WIDTH, HEIGHT), lambda _: False, {spot.spot_id})
    assert (spot.hits, spot.looks, spot.score) == before
    assert spot.dwell_s == 199.0 - spot.disputed_s >= 198.0 and spot.unseen_s == 0.0


def test_where_nobody_looked_nothing_was_missed() -> None:
    memory = PlaceMemory("c")
    memory.update([Sighting("bike", "bicycle", 0.5, THING)], [], START, 0.0, (WIDTH, HEIGHT))
    for number in range(1, 100):
        at = START + timedelta(seconds=number)
        memory.update([], [], at, float(number), (WIDTH, HEIGHT), lambda _: False)
    assert len(memory.spots) == 1 and memory.spots[0].looks == 1


def test_who_stands_before_a_place_for_one_picture_costs_no_look() -> None:
    rig = Rig()
    rig.show(street(), 5, thing=False)
    rig.show(with_thing(street()), 20, thing=True)
    before = len(rig.runs)
    rig.show(with_thing(with_thing(street()), (580.0, 350.0, 700.0, 520.0), seed=8), DIFFERS - 1, thing=False)
    rig.show(with_thing(street()), 5, thing=True)
    assert rig.runs[before:] == ["idle"] * (DIFFERS + 4) and len(rig.memory.spots) == 1


class Squares:
    """A network that finds what is pure red, wherever it lies on the sheet."""

    names = ("bicycle",)
    model_name, model_sha256 = "squares", "0" * 64

    def __init__(self) -> None:
        self.pictures = 0

    def detect(self, image_bgr: Image) -> Detections:
        """Boxes of red blobs."""
        red = (image_bgr[..., 2] > 180) & (image_bgr[..., 1] < 90)
        count, _, stats, _ = cv2.connectedComponentsWithStats(red.astype(np.uint8))
        boxes = np.array([[x, y, x + w, y + h] for x, y, w, h, a in stats[1:count] if a > 20], np.float32)
        return Detections.of(boxes, np.full(len(boxes), 0.9), np.zeros(len(boxes)), self.names)

    def detect_batch(self, images_bgr: list[Image]) -> list[Detections]:
        """Counts what it is given."""
        self.pictures += len(images_bgr)
        return [self.detect(image) for image in images_bgr]


def test_regions_of_several_cameras_share_one_run_and_come_back_to_their_own_pixels() -> None:
    wants, truth = [], []
    for i in range(5):
        image = np.full((1080, 1920, 3), 60, np.uint8)
        x, y = 200 + 300 * i, 300 + 80 * i
        image[y : y + 90, x : x + 120] = (0, 0, 255)
        truth.append((x, y, x + 120, y + 90))
        wants.append(Want(image, ((x - 100.0, y - 80.0, x + 220.0, y + 170.0),)))
    network = Squares()
    found = detect_all(network, wants, 640)  # type: ignore[arg-type]
    assert network.pictures == 1
    for one, box in zip(found, truth, strict=True):
        assert len(one) == 1 and one.boxes[0] == pytest.approx(box, abs=4.0)


def test_a_thing_cut_by_its_region_is_left_to_a_larger_look() -> None:
    image = np.full((1080, 1920, 3), 60, np.uint8)
    image[300:500, 300:700] = (0, 0, 255)
    (cut,) = detect_all(Squares(), [Want(image, ((500.0, 200.0, 900.0, 600.0),))], 640)  # type: ignore[arg-type]
    (whole,) = detect_all(Squares(), [Want(image)], 640)  # type: ignore[arg-type]
    assert len(cut) == 0 and whole.boxes[0] == pytest.approx((300, 300, 700, 500), abs=1.0)


def test_more_regions_than_a_sheet_holds_go_onto_further_ones() -> None:
    image = np.full((360, 640, 3), 60, np.uint8)
    regions = tuple((float(x), float(y), x + 300.0, y + 170.0) for x in (0, 320) for y in (0, 180))
    for x1, y1, _, _ in regions:
        image[int(y1) + 60 : int(y1) + 100, int(x1) + 60 : int(x1) + 120] = (0, 0, 255)
    network = Squares()
    found = detect_all(network, [Want(image, regions), Want(image, regions[:1])], 640)  # type: ignore[arg-type]
    assert network.pictures == 2 and [len(one) for one in found] == [4, 1]


@pytest.mark.parametrize("sigma", [0.0, 1.0, 4.0])
def test_our_blur_figure_is_scikit_images(sigma: float) -> None:
    from skimage.measure import blur_effect

    image = noisy(street(), 1)
    grey = cv2.GaussianBlur(image, (0, 0), sigma) if sigma else image
    assert blur_of(np.asarray(grey, np.uint8)) == pytest.approx(float(blur_effect(grey)), abs=1e-4)
