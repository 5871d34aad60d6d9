"""Telephone numbers on a poster: in each line of writing, and in numbers that go on in the line below or beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.phones import Kind, Phone, digits_read, find_phones, near_misses
from detectors.text import TextLine

CHAIN_MAX = 11  # one digit per box is the most that a number can be scattered
HEIGHT_RATIO_MAX = 2.0  # the pieces of one number are written about equally large
GAP_BELOW, GAP_BESIDE = 1.2, 2.5  # in heights of the text
SHARED_MIN = 0.5  # of the smaller extent
LINES_MAX = 400  # looked at per picture


@dataclass(frozen=True, slots=True, eq=False)
class PosterPhone:
    """A number read from a picture. box: (4,) float32 xyxy px around its lines; score: of the worst of them."""

    number: str
    kind: Kind
    score: float
    box: NDArray[np.float32]
    guessed: int


def read_phones(lines: Sequence[TextLine]) -> list[PosterPhone]:
    """Numbers in the lines of one picture, best score first, each once.

    A line whose number is complete takes no part in joining; neither do pieces that differ much in size.
    """
    lines = lines[:LINES_MAX]
    found, rest = [], []
    for line in lines:
        phones = find_phones(line.text)
        found += [_poster_phone(phone, [line]) for phone in phones]
        if not phones:
            rest.append(line)
    for step in (_below, _beside):
        for chain in _chains(rest, step):
            found += _joined(chain)
    best: dict[str, PosterPhone] = {}
    for phone in sorted(found, key=lambda phone: (-phone.score, phone.guessed)):
        best.setdefault(phone.number, phone)
    return list(best.values())


def readings(lines: Sequence[TextLine]) -> list[tuple[str, float]]:
    """(digits, score) of every number and near miss in the lines of one picture, for `campaign.Tally`."""
    whole = [(phone.number, phone.score) for phone in read_phones(lines)]
    return whole + [(digits, line.score) for line in lines[:LINES_MAX] for digits in near_misses(line.text)]


def _joined(chain: list[TextLine]) -> list[PosterPhone]:
    """Numbers that run over two or three lines of the chain, or over all of it (one box per digit)."""
    windows = [chain[i : i + size] for size in (2, 3) for i in range(len(chain) - size + 1)]
    return [phone for window in [*windows, chain] for phone in _over_breaks(window)]


def _over_breaks(lines: Sequence[TextLine]) -> list[PosterPhone]:
    text = "\n".join(line.text for line in lines)
    ends = np.cumsum([len(line.text) + 1 for line in lines])
    found = []
    for phone in find_phones(text):
        first, last = np.searchsorted(ends, [phone.start, phone.end - 1], side="right")
        if last > first:
            found.append(_poster_phone(phone, lines[first : last + 1]))
    return found


def _poster_phone(phone: Phone, lines: Sequence[TextLine]) -> PosterPhone:
    boxes = np.stack([line.box for line in lines])
    box = np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])
    return PosterPhone(phone.number, phone.kind, min(line.score for line in lines), box, phone.guessed)


def _chains(lines: Sequence[TextLine], step: Callable[[TextLine, TextLine], float]) -> Iterator[list[TextLine]]:
    """Ways through lines that hold digits, from one to the nearest next, at least two long."""
    candidates = [line for line in lines if any(map(digits_read, line.text))]
    follower = {i: j for i, line in enumerate(candidates) if (j := _nearest(line, candidates, step)) is not None}
    led = set(follower.values())
    for start in follower:
        if start in led:
            continue
        way = [start]
        while len(way) < CHAIN_MAX and way[-1] in follower and follower[way[-1]] not in way:
            way.append(follower[way[-1]])
        yield [candidates[i] for i in way]


def _nearest(line: TextLine, others: Sequence[TextLine], step: Callable[[TextLine, TextLine], float]) -> int | None:
    gaps = [step(line, other) if other is not line else np.inf for other in others]
    best = int(np.argmin(gaps)) if gaps else -1
    return best if best >= 0 and np.isfinite(gaps[best]) else None


def _below(line: TextLine, other: TextLine) -> float:
    """Gap px down to the other line, infinite when it is no line below this one."""
    return _gap(line, other, along=1, limit=GAP_BELOW)


def _beside(line: TextLine, other: TextLine) -> float:
    """Gap px to the right, infinite when the other is not in the same row."""
    return _gap(line, other, along=0, limit=GAP_BESIDE)


def _gap(line: TextLine, other: TextLine, along: int, limit: float) -> float:
    a, b, across = line.box, other.box, 1 - along
    heights = sorted((line.height_px, other.height_px))
    shared = min(a[across + 2], b[across + 2]) - max(a[across], b[across])
    smaller = min(a[across + 2] - a[across], b[across + 2] - b[across])
    gap = float(b[along] - a[along + 2])
    fits = heights[1] <= HEIGHT_RATIO_MAX * max(heights[0], 1.0) and shared >= SHARED_MIN * smaller
    return max(gap, 0.0) if fits and -0.5 * heights[0] <= gap <= limit * heights[1] else np.inf
