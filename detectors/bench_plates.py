"""Measures which plates are found for hiding: `python -m detectors.bench_plates <street/val> --plates 120`, as JSON.

The figures are COMPOSED: rendered plates laid on photographs of real vehicles, whose own plates are mostly not Chinese.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from detectors.images import read_image
from detectors.plates import PROVINCES, VEHICLES, PlateBox, PlateFinder
from detectors.types import Detections, Image

FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc")  # Debian's fonts-noto-cjk
SIMPLIFIED = 2
PAINT = {  # paper and ink, RGB
    "blue": ((20, 70, 190), (245, 245, 245)),
    "green": ((120, 215, 150), (15, 15, 15)),
    "yellow": ((240, 185, 30), (15, 15, 15)),
    "white": ((240, 240, 240), (15, 15, 15)),
}
SOURCES = ("vehicles_in", "coco_context")
ROADWORTHY = ("car", "bus", "truck")
VEHICLE_MIN_PX = 60
WIDTHS_PX = ((10, 30), (30, 60), (60, 120), (120, 400))  # of the plate
HIDDEN_MIN = 0.9  # of the plate's pixels inside boxes that are hidden

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A photograph with one rendered plate. plate: (H, W) bool, its pixels; width_px: the plate's."""

    image: Image
    vehicles: Detections
    plate: np.ndarray
    colour: str
    width_px: float


def plate_picture(rng: Rng, colour: str) -> Image:
    """A flat plate, (140, 440 or 480, 3) uint8 BGR."""
    letters, marks = "ABCDEFGHJKLMNPQRSTUVWXYZ", "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789012345678901234567890"
    count = 6 if colour == "green" else 5
    paper, ink = PAINT[colour]
    picture = Pillow.new("RGB", (480 if colour == "green" else 440, 140), paper)
    draw, font = ImageDraw.Draw(picture), ImageFont.truetype(str(FONT), 84, index=SIMPLIFIED)
    draw.rectangle((4, 4, picture.width - 5, 135), outline=ink, width=3)
    text = str(rng.choice(list(PROVINCES[:-1]))) + str(rng.choice(list(letters)))
    rest = "".join(rng.choice(list(marks), count))
    step = (picture.width - 30) / (len(text + rest) + 0.4)
    for i, char in enumerate(text + rest):
        draw.text((14 + step * (i + (0.4 if i > 1 else 0.0) + 0.5), 70), char, font=font, fill=ink, anchor="mm")
    return np.ascontiguousarray(np.asarray(picture)[..., ::-1])


def composed(rng: Rng, image: Image, vehicles: Detections, index: int, colour: str) -> Scene:
    """A plate laid on vehicle `index` where plates sit, lit like its surroundings, through noise and JPEG."""
    x1, y1, x2, y2 = vehicles.boxes[index]
    flat = plate_picture(rng, colour)
    width = (x2 - x1) * rng.uniform(0.18, 0.32)
    height = width * rng.uniform(0.3, 0.36)
    centre = np.array([x1 + (x2 - x1) * rng.uniform(0.3, 0.7), y1 + (y2 - y1) * rng.uniform(0.6, 0.85)])
    corners = centre + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (width / 2, height / 2)
    corners = corners + rng.normal(0, 0.03, (4, 2)) * (width, height)
    corners[1:3, 1] += rng.normal(0, 0.06) * width
    whole = np.array([[0, 0], [flat.shape[1], 0], [flat.shape[1], 140], [0, 140]], np.float32)
    matrix = cv2.getPerspectiveTransform(whole, corners.astype(np.float32))
    size = image.shape[1::-1]
    soft = cv2.GaussianBlur(flat, (0, 0), max(0.35 * flat.shape[1] / width, 0.1))
    alpha = cv2.warpPerspective(np.ones(flat.shape[:2], np.float32), matrix, size)[..., None]
    laid = cv2.warpPerspective(soft, matrix, size) * rng.uniform(0.55, 1.05)
    mixed = cv2.GaussianBlur(np.clip(image * (1 - alpha) + laid * alpha, 0, 255), (0, 0), 0.5)
    out = np.where(alpha > 0, mixed + rng.normal(0, 4, image.shape), image).clip(0, 255).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 95))])
    seen = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return Scene(seen, vehicles, alpha[..., 0] > 0.5, colour, float(width))


def photographs(folder: Path) -> Iterator[tuple[Image, Detections]]:
    """Photographs with labelled vehicles large enough to carry a plate, from a folder in YOLO form."""
    names = (folder.parent / "classes.txt").read_text(encoding="utf-8").split()
    for label in sorted((folder / "labels").glob("*.txt")):
        if not label.name.startswith(SOURCES):
            continue
        rows = np.array([line.split()[:5] for line in label.read_text().splitlines() if line], np.float32).reshape(
            -1, 5
        )
        if not any(names[int(row[0])] in ROADWORTHY for row in rows):
            continue
        image = read_image(folder / "images" / f"{label.stem}.jpg")
        size = np.array(image.shape[1::-1], np.float32)
        boxes = np.hstack([rows[:, 1:3] - rows[:, 3:] / 2, rows[:, 1:3] + rows[:, 3:] / 2]) * np.tile(size, 2)
        found = Detections.of(boxes, np.ones(len(rows)), rows[:, 0], names).of_class(*VEHICLES)
        yield image, found


def scenes(folder: Path, count: int, seed: int) -> Iterator[Scene]:
    """That many composed scenes, going round the photographs."""
    rng = np.random.default_rng(seed)
    usable = []
    for image, found in photographs(folder):
        large = [
            i for i, one in enumerate(found) if one.name in ROADWORTHY and one.box[2] - one.box[0] >= VEHICLE_MIN_PX
        ]
        if large:
            usable.append((image, found, large))
    for i in range(count):
        image, found, large = usable[i % len(usable)]
        yield composed(rng, image, found, int(rng.choice(large)), list(PAINT)[i % len(PAINT)])


def hidden(scene: Scene, plates: Sequence[PlateBox]) -> bool:
    """Whether the boxes together cover the plate."""
    cover = np.zeros(scene.plate.shape, bool)
    for plate in plates:
        (x1, y1), (x2, y2) = np.floor(plate.box[:2]).astype(int), np.ceil(plate.box[2:]).astype(int)
        cover[y1:y2, x1:x2] = True
    return bool(cover[scene.plate].mean() >= HIDDEN_MIN)


def measure(folder: Path, count: int, seed: int = 1) -> dict[str, object]:
    """Share of plates hidden by each way alone, by all ways, and without any vehicle box."""
    finder = PlateFinder(threads=1)
    rows: list[dict[str, float | str | bool]] = []
    spent_s: list[float] = []
    for scene in scenes(folder, count, seed):
        begun = time.perf_counter()
        found = finder.find(scene.image, scene.vehicles)
        spent_s.append(time.perf_counter() - begun)
        row: dict[str, float | str | bool] = {"width": scene.width_px, "colour": scene.colour}
        for how in ("text", "shape", "region"):
            row[how] = hidden(scene, [plate for plate in found if plate.how == how])
        row["all"] = hidden(scene, found)
        row["no vehicle box"] = hidden(scene, finder.find(scene.image))
        rows.append(row)
    return {
        "what": "COMPOSED: rendered plates on photographs of vehicles; vehicle boxes from the labels",
        "machine": {"cpu": platform.processor() or platform.machine(), "python": platform.python_version()},
        "versions": {name: version(name) for name in ("rapidocr", "onnxruntime")},
        "seed": seed,
        "ms_per_picture_median": round(1e3 * float(np.median(spent_s))),
        "all": _shares(rows),
        "by_plate_width_px": {
            f"{a}-{b}": _shares([row for row in rows if a <= float(row["width"]) < b]) for a, b in WIDTHS_PX
        },
        "by_colour": {colour: _shares([row for row in rows if row["colour"] == colour]) for colour in PAINT},
    }


def _shares(rows: Sequence[dict[str, float | str | bool]]) -> dict[str, float | int]:
    ways = ("text", "shape", "region", "all", "no vehicle box")
    shares = {way: round(sum(bool(row[way]) for row in rows) / len(rows), 3) for way in ways} if rows else {}
    return {"plates": len(rows), **shares}


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m detectors.bench_plates", description=__doc__)
    parser.add_argument("photos", type=Path, help="folder with images/ and labels/ of street photographs")
    parser.add_argument("--plates", type=int, default=120, help="how many are composed")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    json.dump(measure(options.photos, options.plates, options.seed), sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
