"""A checkpoint as ONNX (float32, any batch, any multiple of 32 px) with its manifest."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import onnx
from ultralytics import YOLO

from detectors.manifest import sha256_of
from models.recipe.sources import CLASSES
from models.recipe.train import ARGS

OPSET = 17
TRAINING_DATA: tuple[dict[str, str], ...] = (
    {"source": "litter_cn", "licence": "CC BY 4.0", "origin": "github ATANU0023/garbage_detection_dataset"},
    {"source": "litter_items", "licence": "MIT / CC BY 4.0", "origin": "github Harsh9524/AquaTrash, subset of TACO"},
    {"source": "bicycles", "licence": "CC BY 4.0", "origin": "github ShaminAsfaq/PythonProject-YOLO"},
    {"source": "vehicles_in", "licence": "CC BY 4.0", "origin": "github nervewastaken/VehicleDetection"},
    {"source": "bogota_air", "licence": "CC BY 4.0", "origin": "github Ingenieco/pesquisaMMQ"},
    {"source": "facade_ads", "licence": "CC0", "origin": "Urban-Research-Lab/building-facades-advertising-dataset"},
    {"source": "nograffiti", "licence": "CC BY 4.0", "origin": "github smr2002/graffiti, every second plain picture"},
    {"source": "street_sim", "licence": "AGPL-3.0-or-later", "origin": "rendered by edge/sim of this project"},
    {"source": "start weights", "licence": "AGPL-3.0", "origin": "Ultralytics YOLOv8n trained on COCO"},
)


def export(checkpoint: Path, out: Path, name: str, size: int) -> Path:
    """Write `out` (.onnx) and the manifest beside it; returns the manifest's path. size: default inference size px."""
    work = out.parent / f".{out.stem}.pt"
    shutil.copy(checkpoint, work)
    try:
        options = {"dynamic": True, "simplify": False, "opset": OPSET, "imgsz": size, "device": "cpu"}
        made = YOLO(str(work)).export(format="onnx", **options)
        shutil.move(made, out)
        describe(out, name)
    finally:
        work.unlink(missing_ok=True)
    path = out.with_suffix(".json")
    path.write_text(json.dumps(manifest(out, name, size), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def describe(network: Path, name: str) -> None:
    """Name the network in its own metadata, where Ultralytics puts a path of the training machine."""
    model = onnx.load(network)
    for entry in model.metadata_props:
        entry.value = f"{name}, YOLOv8n of zhuomu" if entry.key == "description" else entry.value
    onnx.save(model, network)


def manifest(network: Path, name: str, size: int) -> dict[str, Any]:
    """What a reader and the loader need to know about the network file; figures are added by `model eval --record`."""
    return {
        "name": name,
        "sha256": sha256_of(network),
        "date": datetime.now(UTC).date().isoformat(),
        "classes": list(CLASSES),
        "input": {"size_px": size, "stride_px": 32, "layout": "NCHW float32 RGB 0..1, letterboxed with 114"},
        "output": "(batch, 4 + classes, anchors) float32: centre x, centre y, width, height px, then class scores",
        "architecture": "YOLOv8n",
        "licence": "AGPL-3.0-or-later",
        "training_data": list(TRAINING_DATA),
        "recipe_args_sha256": sha256(json.dumps(ARGS, sort_keys=True).encode()).hexdigest(),
        "figures": {},
    }
