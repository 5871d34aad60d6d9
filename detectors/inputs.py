"""Everything a person may name on a command line: pictures, folders, videos, as one stream of frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from detectors.errors import ImageError
from detectors.images import read_image
from detectors.types import Image

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
VIDEOS = frozenset({".mp4", ".avi", ".mkv", ".mov", ".m4v", ".ts", ".webm", ".mpg", ".mpeg", ".flv", ".3gp"})


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture (H, W, 3) uint8 BGR. frame: its number in the video from 0; always 0 for a picture file."""

    path: Path
    frame: int
    image: Image


def expand(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as they are, folders as the sorted pictures and videos anywhere below them."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURES | VIDEOS and p.is_file())
        if not inside:
            raise ImageError(f"{path}: no picture and no video in this folder")
        yield from inside


def video_frames(path: Path, every: int = 1) -> Iterator[Frame]:
    """Every n-th frame of a video, upright; raises ImageError for a file that is no video or breaks off."""
    if not path.is_file():
        raise ImageError(f"{path}: no such file")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise ImageError(f"{path}: there is no video in this file")
            for number, frame in enumerate(container.decode(video=0)):
                if number % every == 0:
                    turns = round(getattr(frame, "rotation", 0) / 90) % 4
                    yield Frame(path, number, np.ascontiguousarray(np.rot90(frame.to_ndarray(format="bgr24"), turns)))
    except av.FFmpegError as error:
        raise ImageError(f"{path}: not a video that can be read ({error.strerror})") from None


def frames_of(path: Path, every: int = 1) -> Iterator[Frame]:
    """The frames of one file, by its suffix."""
    if path.suffix.lower() in VIDEOS:
        yield from video_frames(path, every)
    else:
        yield Frame(path, 0, read_image(path))


def iter_inputs(
    paths: Iterable[Path], every: int = 1, on_error: Callable[[ImageError], None] | None = None
) -> Iterator[Frame]:
    """Frames of all inputs in order. on_error is told of each input that fails, and the rest goes on; without it,
    the first failure is raised."""
    for path in paths:
        try:
            for file in expand([path]):
                yield from guarded(file, every, on_error)
        except ImageError as error:
            if on_error is None:
                raise
            on_error(error)


def guarded(file: Path, every: int, on_error: Callable[[ImageError], None] | None) -> Iterator[Frame]:
    """One file's frames; a failure goes to on_error where there is one."""
    try:
        yield from frames_of(file, every)
    except ImageError as error:
        if on_error is None:
            raise
        on_error(error)
