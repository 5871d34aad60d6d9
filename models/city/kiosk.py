"""A kiosk's hard examples, copied from its data folder: what else was in a picture, and pictures nobody has judged."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge.kiosk.example import Example, read
from models.city.judged import LabelingError, Other, Tally, shares
from models.labelled import CLASSES

HINT_SCORE_MIN = 0.25


@dataclass(frozen=True)
class Hard:
    """A picture that waits for a person: its file, its class, and the boxes that the detector suggests (pixels of the
    frame)."""

    example: Example
    file: Path

    @property
    def hints(self) -> list[tuple[float, float, float, float]]:
        """The thing itself, then other sure detections of its class."""
        mine = [d for d in self.example.detections if d.label == self.example.subject.label]
        boxes = [self.example.subject.box, *(d.box for d in mine if d.score >= HINT_SCORE_MIN)]
        return list(dict.fromkeys(boxes))


def read_folder(folder: Path, tally: Tally) -> tuple[dict[str, list[Other]], list[Hard]]:
    """(what the detector saw, by picture; the pictures that wait for a person). Raises LabelingError.

    folder: a kiosk's data folder or its `hard/`. A file that cannot be used is counted with its reason.
    """
    place = folder / "hard" if (folder / "hard").is_dir() else folder
    files = sorted(place.glob("*.json"))
    if not files:
        raise LabelingError(f"--kiosk {folder}: no hard examples (*.json) here; copy the kiosk's data folder hard/")
    seen: dict[str, list[Other]] = {}
    hard: dict[tuple[str, str], Hard] = {}
    for file in files:
        example = _example(file, tally)
        if example is None:
            continue
        seen[example.picture] = others(example)
        picture = file.with_suffix(".jpg")
        if example.why != "filed" and _whole(picture, example, tally):
            hard[example.picture, example.subject.label] = Hard(example, picture)
    return seen, list(hard.values())


def others(example: Example) -> list[Other]:
    """All detections of a picture in shares."""
    boxed = ((d.label, shares(d.box, example.frame_width, example.frame_height)) for d in example.detections)
    return [Other(label, box) for label, box in boxed if box is not None]


def _example(file: Path, tally: Tally) -> Example | None:
    try:
        return read(file.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        tally.skip(f"{file.name}: cannot be read ({error})")
        return None


def _whole(file: Path, example: Example, tally: Tally) -> bool:
    """Whether a picture is there, unchanged, of a class that can be trained."""
    if example.subject.label not in CLASSES:
        tally.skip(f"unknown class '{example.subject.label}'")
        return False
    try:
        data = file.read_bytes()
    except OSError as error:
        tally.skip(f"{file.name}: cannot be read ({error.strerror})")
        return False
    if hashlib.sha256(data).hexdigest() != example.picture:
        tally.skip(f"{file.name}: not the picture that its .json names")
        return False
    return True
