"""Boxes drawn by hand, as text with file names: the photographs themselves stay outside the project.

A line is `path x1 y1 x2 y2` (pixels, one line a box) or `path none` (looked at, nothing there); `#` starts a comment
line. Which convention a file follows stands in its header (`models/labels/`).
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

NOTHING = "none"
FORM = f"`path x1 y1 x2 y2` or `path {NOTHING}`"


class LabelError(ValueError):
    """A label file that cannot be read: names the file, the line and what is wrong with it."""


def read_boxes(path: Path) -> dict[str, NDArray[np.float32]]:
    """Boxes by picture, in the file's order: (N, 4) float32 xyxy px, N = 0 where nothing is there.

    Raises LabelError for a malformed line, OSError when the file cannot be opened.
    """
    found: dict[str, list[tuple[float, ...]]] = {}
    for number, line in _lines(path):
        try:
            picture, box = _parse(line)
            _add(found, picture, box)
        except LabelError as e:
            raise LabelError(f"{path}:{number}: {e}") from None
    return {picture: np.array(boxes, dtype=np.float32).reshape(-1, 4) for picture, boxes in found.items()}


def _lines(path: Path) -> list[tuple[int, str]]:
    """Numbered lines that say something: no comments, no empty ones."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as e:
        raise LabelError(f"{path}: not UTF-8 text (byte {e.start})") from None
    numbered = ((i, line.strip()) for i, line in enumerate(text.splitlines(), start=1))
    return [(i, line) for i, line in numbered if line and not line.startswith("#")]


def _parse(line: str) -> tuple[str, tuple[float, ...] | None]:
    """A line's picture and its box; None stands for nothing there."""
    picture, *rest = line.split()
    if PurePosixPath(picture).is_absolute() or ".." in PurePosixPath(picture).parts:
        raise LabelError(f"path {picture!r} must be relative, below the data folder")
    if rest == [NOTHING]:
        return picture, None
    if len(rest) != 4:
        raise LabelError(f"expected {FORM}, found {line!r}")
    try:
        box = tuple(float(value) for value in rest)
    except ValueError:
        raise LabelError(f"coordinates must be numbers, found {' '.join(rest)!r}") from None
    x1, y1, x2, y2 = box
    if not (np.isfinite(box).all() and 0 <= x1 < x2 and 0 <= y1 < y2):
        raise LabelError(f"expected 0 <= x1 < x2 and 0 <= y1 < y2, found {' '.join(rest)!r}")
    return picture, box


def _add(found: dict[str, list[tuple[float, ...]]], picture: str, box: tuple[float, ...] | None) -> None:
    """Put a parsed line under its picture; the same box twice, or a box beside `none`, is a slip of the pen."""
    if picture not in found:
        found[picture] = [] if box is None else [box]
        return
    if box is None or not found[picture]:
        raise LabelError(f"{picture} has `{NOTHING}` beside another line")
    if box in found[picture]:
        raise LabelError(f"{picture} has the same box twice")
    found[picture].append(box)
