"""Boxes that a person drew or mended, in the form of `models/handboxes.py`: they replace the machine's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from msgspec.structs import replace

from models.city.judged import PREFIX, Entry, LabelingError, ShareBox, shares
from models.handboxes import LabelError, read_boxes
from models.labelled import CLASSES

Size = tuple[int, int]  # width, height in pixels


@dataclass(frozen=True)
class Corrections:
    """All boxes of a class in a picture, by file name `city-<class>_<hash>.jpg`; pixels of that picture."""

    file: Path
    person: str
    boxes: dict[str, list[tuple[float, ...]]]

    def apply(self, entry: Entry, size: Size, when: str) -> Entry:
        """The entry as the person drew it. Raises LabelingError for a box outside the picture."""
        drawn: list[ShareBox] = []
        for box in self.boxes[entry.image]:
            found = shares(box, *size)
            if found is None or box[2] > size[0] + 1 or box[3] > size[1] + 1:
                words = " ".join(f"{v:g}" for v in box)
                raise LabelingError(
                    f"{self.file}: {entry.image}: box {words} leaves the picture, {size[0]} x {size[1]}"
                )
            drawn.append(found)
        proof = {"decision": "corrected", "person": self.person, "decided_at": when, "file": self.file.name}
        changed = {"boxes": drawn, "absent": [], "complete": True, "decision": "corrected"}
        return replace(entry, **changed, proofs=[*entry.proofs, proof])


def read_corrections(file: Path, person: str, known: Callable[[str], bool]) -> Corrections:
    """Raises LabelingError for a file that cannot be read and for a picture that is not `known`."""
    try:
        boxes = read_boxes(file)
    except (OSError, LabelError) as error:
        raise LabelingError(f"--corrections {error}") from error
    by_name: dict[str, list[tuple[float, ...]]] = {}
    for path, rows in boxes.items():
        name = PurePosixPath(path).name
        if not known(name):
            raise LabelingError(f"--corrections {file}: {path} is neither in images/ nor in todo/; write its file name")
        by_name[name] = [tuple(float(v) for v in row) for row in rows]
    return Corrections(file, person, by_name)


def label_of(name: str) -> str:
    """The class in a file name `city-<class>_<hash>.jpg`. Raises LabelingError."""
    label = name.removeprefix(PREFIX).rpartition("_")[0]
    if not name.startswith(PREFIX) or label not in CLASSES:
        raise LabelingError(f"{name}: not a name of the form {PREFIX}<class>_<hash>.jpg with a class of classes.txt")
    return label
