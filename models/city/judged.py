"""What people judged: one word on one thing in one picture, and one line of the set for each picture and class."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from msgspec import Struct

from models.labelled import CLASSES

ShareBox = tuple[float, float, float, float]  # x1, y1, x2, y2 as shares of the picture's width and height
Part = Literal["train", "val"]
SAME_IOU = 0.5  # two boxes that share so much are about one thing
PREFIX = "city-"


class LabelingError(RuntimeError):
    """No set can be made; `str()` is one line: what, where, what to do."""


@dataclass(frozen=True)
class Judged:
    """`there`: whether a thing of class `label` is in the box. `picture`: sha256 of the redacted picture. `frame`: the
    camera's (width, height), of which the picture may be a smaller copy. `proof`: who, when, which candidate, why."""

    picture: str
    label: str
    box: ShareBox
    there: bool
    decision: str
    camera: str
    frame: tuple[int, int]
    proof: dict[str, Any]


class Other(Struct, frozen=True):
    """Something that the detector saw and nobody judged."""

    label: str
    box: ShareBox


class Entry(Struct, frozen=True, kw_only=True):
    """A line of manifest.jsonl: what is known of one class in one picture. `complete`: every thing of the class is
    boxed, because a person drew the boxes; otherwise nothing is known outside `boxes` and `absent`."""

    image: str
    picture: str
    label: str
    part: Part
    camera: str
    decision: str
    boxes: list[ShareBox]
    absent: list[ShareBox]
    complete: bool
    others: list[Other]
    proofs: list[dict[str, Any]]


@dataclass
class Tally:
    """The report: decisions, pictures, and what was left out for which reason."""

    decisions: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)

    def decided(self, word: str) -> None:
        """Count a decision."""
        self.decisions[word] = self.decisions.get(word, 0) + 1

    def skip(self, why: str) -> None:
        """Count something that was left out."""
        self.skipped[why] = self.skipped.get(why, 0) + 1


def name_of(label: str, picture: str, suffix: str = ".jpg") -> str:
    """The file name of a class in a picture: the recipe's source before the last `_`, the content's hash after it."""
    return f"{PREFIX}{label}_{picture[:16]}{suffix}"


def shares(box: Iterable[float], width: float, height: float) -> ShareBox | None:
    """A box in pixels of a picture -> its shares, cut at the edges; None where nothing of it lies inside."""
    x1, y1, x2, y2 = box
    out = (_cut(x1 / width), _cut(y1 / height), _cut(x2 / width), _cut(y2 / height))
    return out if out[0] < out[2] and out[1] < out[3] else None


def part_of(camera: str, val_share: float) -> Part:
    """All of a camera (`device/camera`) goes to one part, whatever place in its picture: two pictures of it share
    their background, and a figure on val must not know the place from training."""
    number = int.from_bytes(hashlib.sha256(camera.encode()).digest()[:8], "big") / 2**64
    return "val" if number < val_share else "train"


def entry_of(judged: list[Judged], others: list[Other], val_share: float) -> Entry | None:
    """All words on one class in one picture as one line; None where people contradict each other."""
    first = judged[0]
    boxes, absent = _each([j.box for j in judged if j.there]), _each([j.box for j in judged if not j.there])
    if any(iou(a, b) >= SAME_IOU for a in boxes for b in absent):
        return None
    words = sorted({j.decision for j in judged})
    return Entry(
        image=name_of(first.label, first.picture),
        picture=first.picture,
        label=first.label,
        part=part_of(first.camera, val_share),
        camera=first.camera,
        decision=words[0] if len(words) == 1 else "mixed",
        boxes=boxes,
        absent=absent,
        complete=False,
        others=[o for o in others if not any(iou(o.box, b) >= SAME_IOU for b in (*boxes, *absent))],
        proofs=[j.proof for j in judged],
    )


def ignored(entry: Entry) -> list[tuple[int, ShareBox]]:
    """Where a class is neither positive nor negative: all that nobody judged. The rest of the picture, in strips, for
    the judged class, and what the detector saw of other classes."""
    rows = [(CLASSES.index(o.label), o.box) for o in entry.others if o.label in CLASSES and o.label != entry.label]
    strips = [] if entry.complete else rest_of([*entry.boxes, *entry.absent])
    return rows + [(CLASSES.index(entry.label), strip) for strip in strips]


def rest_of(boxes: list[ShareBox]) -> list[ShareBox]:
    """The picture without these boxes, as boxes that do not overlap: one row of gaps for each height at which a box
    begins or ends."""
    heights = sorted({0.0, 1.0, *(v for b in boxes for v in (b[1], b[3]))})
    out: list[ShareBox] = []
    for top, bottom in pairwise(heights):
        x = 0.0
        for x1, x2 in sorted((b[0], b[2]) for b in boxes if b[1] <= top and b[3] >= bottom):
            if x1 > x:
                out.append((x, top, x1, bottom))
            x = max(x, x2)
        if x < 1.0:
            out.append((x, top, 1.0, bottom))
    return out


def yolo(class_id: int, box: ShareBox) -> str:
    """A line of a YOLO label file: class, centre x, y, width, height."""
    x1, y1, x2, y2 = box
    return f"{class_id} {(x1 + x2) / 2:.6f} {(y1 + y2) / 2:.6f} {x2 - x1:.6f} {y2 - y1:.6f}\n"


def iou(a: ShareBox, b: ShareBox) -> float:
    """Intersection over union, 0 to 1."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, wide) * max(0.0, high)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def _each(boxes: list[ShareBox]) -> list[ShareBox]:
    """One box for each thing."""
    kept: list[ShareBox] = []
    for box in boxes:
        if all(iou(box, other) < SAME_IOU for other in kept):
            kept.append(box)
    return kept


def _cut(value: float) -> float:
    return min(1.0, max(0.0, value))
