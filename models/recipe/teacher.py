"""What the COCO teacher sees on the training pictures: context classes that their source does not label."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from ultralytics import YOLO

from models.recipe.sources import CLASS_ID, COCO_NAME

SURE = 0.5  # at and above: a positive
MAYBE = 0.1  # between MAYBE and SURE: neither positive nor negative


def teach(pictures: dict[str, Path], weights: Path, size: int = 480, batch: int = 8) -> dict[str, list[list[float]]]:
    """Boxes of the context classes per picture name: rows [class id, score, x1, y1, x2, y2], boxes in shares."""
    model = YOLO(str(weights))
    ours = {i: CLASS_ID[k] for k, v in COCO_NAME.items() for i, n in model.names.items() if n == v}
    todo, out = list(pictures), {}
    for start in range(0, len(todo), batch):
        part = todo[start : start + batch]
        paths = [str(pictures[name]) for name in part]
        results = model.predict(paths, imgsz=size, conf=MAYBE, classes=list(ours), device="cpu", verbose=False)
        for name, result in zip(part, results, strict=True):
            boxes = result.boxes.cpu().numpy()
            rows: Any = (
                np.column_stack([[ours[int(c)] for c in boxes.cls], boxes.conf, boxes.xyxyn]) if len(boxes) else []
            )
            out[name] = [[round(float(v), 5) for v in row] for row in rows]
    return out


def cached(pictures: dict[str, Path], weights: Path, cache: Path) -> dict[str, list[list[float]]]:
    """As `teach`, asking only for pictures that the cache file (JSON) does not hold yet."""
    known: dict[str, list[list[float]]] = json.loads(cache.read_text()) if cache.exists() else {}
    missing = {name: path for name, path in pictures.items() if name not in known}
    if missing:
        known |= teach(missing, weights)
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(json.dumps(known))
    return known
