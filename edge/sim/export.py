"""Training pictures in YOLO's format: any street, camera, light and crowd of things, each with exact boxes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edge.sim.backdrop import Atlas, backdrop
from edge.sim.camera import Camera
from edge.sim.crowd import random_camera, random_things
from edge.sim.paint import Light
from edge.sim.scene import Seen, compose
from edge.sim.sensor import random_camera_faults
from edge.sim.surface import Look, Marking
from edge.sim.texture import Rng
from edge.sim.things import LABELS

CLASS_NAMES = tuple(label for label in LABELS if label != "car")
PICTURES_PER_LOOK = 4
VISIBLE_MIN = 0.4
SIDE_PX_MIN = 7


def export_training(
    folder: str | Path, count: int, seed: int, names: Sequence[str] = CLASS_NAMES, start: int = 0
) -> Path:
    """Write images/NNNNNN.jpg, labels/NNNNNN.txt and data.yaml; return the path of data.yaml.

    `names` is the network's class list in order; things of other names are drawn but not labelled, names that the
    street does not draw keep their place in the list. A thing is labelled with the box of its visible pixels when at
    least VISIBLE_MIN of it can be seen. Picture i depends on (seed, i) alone: several processes may share the work by
    `start`. About 0.3 s a picture. Raises ValueError when the street draws none of the names.
    """
    if not set(names) & set(LABELS):
        raise ValueError(f"the street draws none of: {', '.join(names)}; it draws {', '.join(LABELS)}")
    if count < 1 or start < 0 or seed < 0:
        raise ValueError(
            f"count {count}, start {start}, seed {seed}: give a count above 0, start and seed from 0 upwards"
        )
    root = Path(folder)
    for part in ("images", "labels"):
        (root / part).mkdir(parents=True, exist_ok=True)
    atlas: Atlas | None = None
    for number in range(start, start + count):
        if atlas is None or number % PICTURES_PER_LOOK == 0:
            atlas = _atlas(seed, number // PICTURES_PER_LOOK)
        _write(root, number, atlas, np.random.default_rng([seed, number, 31]), names)
    listing = "\n".join(f"  {i}: {name}" for i, name in enumerate(names))
    data = root / "data.yaml"
    data.write_text(f"path: .\ntrain: images\nval: images\nnames:\n{listing}\n", encoding="utf-8")
    return data


def _atlas(seed: int, group: int) -> Atlas:
    rng = np.random.default_rng([seed, group, 32])
    bay, permit = rng.uniform(-9, 6, 2)
    markings = (
        Marking("bike_bay", bay, bay + rng.uniform(2, 6), -3.9, -2.3),
        Marking("permit_place", permit, permit + 2.5, -3.9, -2.5),
    )
    return Atlas.drawn(Look.seeded(int(rng.integers(1 << 30)), markings[: int(rng.integers(0, 3))], 12.0, 72.0))


def _write(root: Path, number: int, atlas: Atlas, rng: Rng, names: Sequence[str]) -> None:
    camera, light = random_camera(rng), Light.seeded(rng)
    street = backdrop(atlas, camera, light, 1.5 if camera.width < 1000 else 1.0)
    layers = compose(street, random_things(camera, rng), camera, light)
    image = random_camera_faults(layers.image, rng)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(45, 96))]
    cv2.imwrite(str(root / "images" / f"{number:06d}.jpg"), image, quality)
    lines = [line for seen in layers.seen() if (line := _label(seen, names, camera))]
    (root / "labels" / f"{number:06d}.txt").write_text("".join(lines), encoding="utf-8")


def _label(seen: Seen, names: Sequence[str], camera: Camera) -> str | None:
    """One line of a YOLO label file: class, centre x, centre y, width, height as shares of the picture."""
    if seen.thing.label not in names or seen.visible < VISIBLE_MIN or seen.visible_box is None:
        return None
    x0, y0, x1, y1 = seen.visible_box
    if min(x1 - x0, y1 - y0) < SIDE_PX_MIN:
        return None
    w, h = camera.width, camera.height
    shares = ((x0 + x1) / 2 / w, (y0 + y1) / 2 / h, (x1 - x0) / w, (y1 - y0) / h)
    return f"{names.index(seen.thing.label)} " + " ".join(f"{share:.6f}" for share in shares) + "\n"
