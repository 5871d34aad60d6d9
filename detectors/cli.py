"""`zhuomu detect`: detections of pictures, folders and videos, as lines of JSON, a table, or annotated pictures."""

from __future__ import annotations

import json
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import cv2
import typer
from rich.console import Console
from rich.table import Table

from detectors.draw import draw
from detectors.errors import DetectorError, ImageError
from detectors.inputs import VIDEOS, Frame, iter_inputs
from detectors.load import load_detector
from detectors.tiling import OVERLAP, TiledDetector
from detectors.types import Detections


class Backend(StrEnum):
    """What runs the network."""

    openvino = "openvino"
    onnx = "onnx"
    ultralytics = "ultralytics"


def detect(
    paths: Annotated[list[Path], typer.Argument(help="Pictures, folders (searched through), videos.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")] = False,
    min_score: Annotated[float, typer.Option(min=0.0, max=1.0, help="Leave out detections below this score.")] = 0.25,
    save: Annotated[Path | None, typer.Option(help="Write annotated pictures into this folder.")] = None,
    size: Annotated[int | None, typer.Option(min=32, max=4096, help="Longer side for the network, px.")] = None,
    backend: Annotated[Backend, typer.Option(help="What runs the network.")] = Backend.openvino,
    model: Annotated[Path | None, typer.Option(help="Another network: a file, or the name of one that ships.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Only every n-th frame of a video.")] = 1,
    tile: Annotated[
        int | None, typer.Option(min=64, max=4096, help="Look tile by tile, px a side: small things from a drone.")
    ] = None,
    overlap: Annotated[
        float, typer.Option(min=0.05, max=0.5, help="Share that neighbouring tiles see both.")
    ] = OVERLAP,
) -> None:
    """Find stalls, posters, bikes, litter and what stands around them.

    With --json: {"path", "frame", "width", "height", "detections": [{"class", "score", "box": [x1, y1, x2, y2]}]},
    boxes in the picture's own pixels, frame 0 for a picture. Exit status 1 when any input failed; the others are done.

    With --tile the network sees every tile and once the whole picture: at 640 px 9 looks for 1920x1080, 33 for
    3840x2160; `zhuomu bench detect` measures what a look costs here.
    """
    errors, failures = Console(stderr=True, soft_wrap=True, highlight=False), list[DetectorError]()

    def failed(error: DetectorError) -> None:
        failures.append(error)
        errors.print(str(error), markup=False)

    try:
        detector = load_detector(model, backend.value, min_score, size=size)
        if tile:
            detector = TiledDetector(detector, tile, overlap)
        saver = Saver(save) if save else None
        report: JsonLines | Summary = JsonLines() if as_json else Summary()
        for frame in iter_inputs(paths, every, failed):
            try:
                found = detector.detect(frame.image)
            except ImageError as error:
                failed(ImageError(f"{frame.path}: {error}"))
                continue
            report.add(frame, found)
            if saver:
                saver.add(frame, found)
        report.close()
    except DetectorError as error:
        failed(error)
    raise typer.Exit(1 if failures else 0)


def record(frame: Frame, found: Detections) -> dict[str, Any]:
    """One frame's detections as the plain values of one JSON line."""
    height, width = frame.image.shape[:2]
    rows = [{"class": d.name, "score": round(d.score, 4), "box": [round(v, 2) for v in d.box]} for d in found]
    return {"path": str(frame.path), "frame": frame.frame, "width": width, "height": height, "detections": rows}


class JsonLines:
    """Each frame as soon as it is done."""

    def add(self, frame: Frame, found: Detections) -> None:
        """Print one line."""
        typer.echo(json.dumps(record(frame, found), ensure_ascii=False))

    def close(self) -> None:
        """Nothing is kept back."""


class Summary:
    """A table of what was found where."""

    def __init__(self) -> None:
        self.table = Table("picture", "frame", "size", "found")
        self.total: Counter[str] = Counter()
        self.frames = 0

    def add(self, frame: Frame, found: Detections) -> None:
        """One row: classes with their scores, best first."""
        height, width = frame.image.shape[:2]
        cells = ", ".join(f"{d.name} {d.score:.2f}" for d in found) or "-"
        self.table.add_row(frame.path.name, str(frame.frame), f"{width}x{height}", cells)
        self.total.update(d.name for d in found)
        self.frames += 1

    def close(self) -> None:
        """Print the table and the count per class."""
        console = Console()
        console.print(self.table)
        counts = ", ".join(f"{n} {name}" for name, n in self.total.most_common()) or "nothing found"
        console.print(f"{self.frames} frames: {counts}")


class Saver:
    """Annotated copies in one folder; a name that occurs twice gets a number."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.owners = folder, dict[str, Path]()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = f"cannot make this folder ({error.strerror}); choose another for --save"
            raise ImageError(f"{folder}: {reason}") from None

    def name_of(self, path: Path) -> str:
        """A file stem that no other input has."""
        stem, n = path.stem, 1
        while self.owners.setdefault(stem, path) != path:
            n += 1
            stem = f"{path.stem}-{n}"
        return stem

    def add(self, frame: Frame, found: Detections) -> None:
        """Write one annotated picture."""
        number = f"_{frame.frame:06d}" if frame.path.suffix.lower() in VIDEOS else ""
        file = self.folder / f"{self.name_of(frame.path)}{number}.jpg"
        if not cv2.imwrite(str(file), draw(frame.image, found)):
            raise ImageError(f"{file}: cannot write; is the disk full or the folder read-only?")
