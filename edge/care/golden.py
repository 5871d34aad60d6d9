"""The golden picture: does a network still find what it must? Run beside the kiosk, in a process of its own.

`python -m edge.care.golden FOLDER` ends with 0 and a JSON line when it does. A network that brings its runtime down
takes this process with it, not the kiosk's.
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np

from detectors import Detections, Detector, DetectorError, load_detector
from detectors.types import Image
from edge.care.release import Golden, Release, ReleaseRefused, Thing, read_release

SCORE_MIN = 0.15  # as the kiosk's own detector


def check_golden(detector: Detector, picture: Path, golden: Golden) -> str:
    """What is wrong with the network's view of the picture, in words, or ""."""
    image = cv2.imread(str(picture), cv2.IMREAD_COLOR)
    if image is None:
        return f"{picture.name} is no picture that can be read"
    return differences(detector.detect(np.asarray(image, np.uint8)), golden)


def differences(found: Detections, golden: Golden) -> str:
    """Where what was found differs from what must be found, the first of it in words, or ""."""
    left = list(found)
    for thing in golden.things:
        named = f"the golden picture's {thing.name} at {_where(thing)}"
        best = max(
            (one for one in left if one.name == thing.name), key=lambda one: _iou(one.box, thing.box), default=None
        )
        if best is None or _iou(best.box, thing.box) < golden.iou_min:
            return f"{named} was not found"
        if abs(best.score - thing.score) > golden.score_off_max:
            return f"{named} scores {best.score:.2f}, not {thing.score:.2f}"
        left.remove(best)
    extra = [one for one in left if one.score >= golden.extra_score]
    if len(extra) > golden.extra_max:
        return f"the golden picture shows {len(extra)} things too many, {extra[0].name} first ({golden.extra_max} may)"
    return ""


def expected(detector: Detector, image: Image, score_min: float = 0.4) -> list[Thing]:
    """What this network finds in a picture, for a new release's manifest."""
    return [
        Thing(name=one.name, score=round(one.score, 4), box=_rounded(one.box))
        for one in detector.detect(image)
        if one.score >= score_min
    ]


def run(folder: Path, release: Release) -> str:
    """The test itself, in this process: what is wrong, or "". Raises DetectorError."""
    detector = load_detector(
        folder / release.network, backend=release.backend, min_score=SCORE_MIN, threads=1, size=release.size or None
    )
    return check_golden(detector, folder / release.golden.picture, release.golden)


def main(folder: Path) -> int:
    """For the process: exit status."""
    try:
        release = read_release(folder)
        wrong = run(folder, release)
    except (ReleaseRefused, DetectorError) as error:
        wrong = str(error)
    if wrong:
        sys.stderr.write(f"error: {wrong}\n")
        return 1
    sys.stdout.write(json.dumps({"event": "golden.passed", "release": release.name}) + "\n")
    return 0


def _iou(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(0.0, width) * max(0.0, height)
    whole = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
    return common / whole if whole > 0 else 0.0


def _rounded(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    return (round(box[0], 1), round(box[1], 1), round(box[2], 1), round(box[3], 1))


def _where(thing: Thing) -> str:
    return f"({thing.box[0]:.0f}, {thing.box[1]:.0f})"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
