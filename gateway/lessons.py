"""What decisions teach: thresholds of a class that would have decided as people did. Pure.

A merge says that two sightings which the rule kept apart are one thing, a split that two which it took for one are two.
On the ground the rule compares a distance with so many sigmas of both errors, in one camera's frame an overlap with a
least IoU. Proposed is the threshold with the fewest errors on all decisions of a class; it holds only if thresholds
learned without a decision judge that decision better, over all of them, than what is in force does (leave-one-out).
"""

import math
from collections.abc import Sequence
from itertools import pairwise, product
from typing import Literal

import msgspec

from gateway.matching import DEFAULT, Sighting, Thresholds, distance_m, iou

DECISIONS_MIN = 10
MARGIN = 0.05
SIGMAS_RANGE = (0.5, 4.0)
IOU_RANGE = (0.2, 0.9)
Way = Literal["ground", "frame"]


class Measured(msgspec.Struct, frozen=True):
    """How two sides stood to each other where they were nearest: metres apart in sigmas of both errors between
    different cameras (`sigmas`), overlap in one camera (`iou`); null where no such pair was there."""

    sigmas: float | None = None
    iou: float | None = None


class Lesson(msgspec.Struct, frozen=True):
    """One decision, one way of seeing. `same`: a person said that it is one thing."""

    n: int
    value: float
    same: bool


class Proposal(msgspec.Struct, frozen=True):
    """`errors_now`, `errors_proposed`: decisions that the threshold would get wrong; `errors_held_out`: the same when
    each is judged by a threshold learned from the others. `holds`: it may be applied; `why`: in words."""

    case_class: str
    way: Way
    now: float
    proposed: float
    decisions: int
    errors_now: int
    errors_proposed: int
    errors_held_out: int
    holds: bool
    why: str


def measure(mine: Sequence[Sighting], theirs: Sequence[Sighting]) -> Measured:
    """Two sides of a decision -> their nearest pair, each way."""
    sigmas: list[float] = []
    overlaps: list[float] = []
    for a, b in product(mine, theirs):
        if a.same_camera(b):
            overlaps.append(iou(a.box, b.box))
        else:
            error_m = max(1e-6, math.hypot(a.error_major_m, b.error_major_m))
            sigmas.append(distance_m(a.lat, a.lon, b.lat, b.lon) / error_m)
    return Measured(round(min(sigmas), 4) if sigmas else None, round(max(overlaps), 4) if overlaps else None)


def propose(case_class: str, way: Way, lessons: Sequence[Lesson], now: Thresholds = DEFAULT) -> Proposal:
    """The best threshold for these decisions, tried on each of them."""
    current = now.ground_sigmas if way == "ground" else now.iou_min
    best = _best(way, lessons, current)
    wrong_now, wrong_best = _errors(way, lessons, current), _errors(way, lessons, best)
    held_out = sum(
        _wrong(way, lesson, _best(way, [*lessons[:i], *lessons[i + 1 :]], current)) for i, lesson in enumerate(lessons)
    )
    holds = len(lessons) >= DECISIONS_MIN and best != current and held_out < wrong_now
    if len(lessons) < DECISIONS_MIN:
        why = f"{len(lessons)} decisions; at least {DECISIONS_MIN} are needed"
    elif holds:
        why = f"{held_out} of {len(lessons)} decisions wrong when held out, {wrong_now} with what is in force"
    else:
        why = f"no better on decisions that it has not seen ({held_out} wrong, {wrong_now} with what is in force)"
    counts = (len(lessons), wrong_now, wrong_best, held_out)
    return Proposal(case_class, way, current, best, *counts, holds, why)


def _best(way: Way, lessons: Sequence[Lesson], current: float) -> float:
    """Fewest errors; of equals the one nearest to what is in force."""
    low, high = SIGMAS_RANGE if way == "ground" else IOU_RANGE
    values = sorted({lesson.value for lesson in lessons})
    between = [round((a + b) / 2, 3) for a, b in pairwise(values)]
    # A little beyond each: where all decisions are of one kind, the threshold moves as far as they say and no farther.
    beyond = [round(v * share, 3) for v in values for share in (1 - MARGIN, 1 + MARGIN)]
    tried = [v for v in (*between, *beyond, current) if low <= v <= high or v == current]
    return min(tried, key=lambda value: (_errors(way, lessons, value), abs(value - current)))


def _errors(way: Way, lessons: Sequence[Lesson], threshold: float) -> int:
    return sum(_wrong(way, lesson, threshold) for lesson in lessons)


def _wrong(way: Way, lesson: Lesson, threshold: float) -> bool:
    same = lesson.value <= threshold if way == "ground" else lesson.value >= threshold
    return same != lesson.same
