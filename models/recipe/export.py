"""A checkpoint as ONNX (float32, any batch, any multiple of 32 px) with its manifest."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import onnx
import torch
from ultralytics import YOLO

from detectors.manifest import sha256_of
from models.labelled import CLASSES
from models.recipe.sources import SPEAKS
from models.recipe.train import ARGS
from models.recipe.two_heads import TwoHeads

OPSET = 17
HEADS = ", two heads on one trunk: our own, and COCO's for " + ", ".join(SPEAKS)
TRAINING_DATA: tuple[dict[str, str], ...] = (
    {"source": "litter_cn", "licence": "CC BY 4.0", "origin": "github ATANU0023/garbage_detection_dataset"},
    {"source": "litter_items", "licence": "MIT / CC BY 4.0", "origin": "github Harsh9524/AquaTrash, subset of TACO"},
    {"source": "bicycles", "licence": "CC BY 4.0", "origin": "github ShaminAsfaq/PythonProject-YOLO"},
    {"source": "vehicles_in", "licence": "CC BY 4.0", "origin": "github nervewastaken/VehicleDetection"},
    {"source": "bogota_air", "licence": "CC BY 4.0", "origin": "github Ingenieco/pesquisaMMQ"},
    {"source": "facade_ads", "licence": "CC0", "origin": "Urban-Research-Lab/building-facades-advertising-dataset"},
    {"source": "nograffiti", "licence": "CC BY 4.0", "origin": "github smr2002/graffiti, every second plain picture"},
    {"source": "graffiti", "licence": "CC BY 4.0", "origin": "github smr2002/graffiti, labels/graffiti_train.txt"},
    {"source": "pasted", "licence": "AGPL-3.0-or-later", "origin": "rendered ads on nograffiti and facade_ads"},
    {"source": "street_sim", "licence": "AGPL-3.0-or-later", "origin": "rendered by edge/sim of this project"},
    {"source": "start weights", "licence": "AGPL-3.0", "origin": "Ultralytics YOLOv8n trained on COCO"},
)


def export(checkpoint: Path, coco: Path | None, out: Path, name: str, size: int) -> Path:
    """Write `out` (.onnx), our head and COCO's on their shared trunk, and the manifest beside it; returns its path.

    checkpoint: of `model train`; coco: the weights that it started from, None for our head alone; size: default
    inference size px. Raises ValueError when the two do not share their first layers.
    """
    network = TwoHeads(ready(checkpoint), ready(coco)).eval() if coco else ready(checkpoint)
    temporary = out.with_suffix(".onnx.part")
    probe = torch.zeros(1, 3, 96, 64)
    axes = {"images": {0: "batch", 2: "height", 3: "width"}, "output0": {0: "batch", 2: "anchors"}}
    names: dict[str, Any] = {"input_names": ["images"], "output_names": ["output0"], "dynamic_axes": axes}
    try:
        torch.onnx.export(network, (probe,), str(temporary), opset_version=OPSET, dynamo=False, **names)
        describe(temporary, name)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    path = out.with_suffix(".json")
    about = manifest(out, name, size, HEADS if coco else "")
    path.write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def ready(weights: Path) -> Any:
    """A network for export: float32, norms folded into the convolutions, anchors made for any input size."""
    model = YOLO(str(weights)).model.float().eval().fuse(verbose=False)
    head = model.model[-1]
    head.export, head.dynamic, head.format = True, True, "onnx"
    return model.requires_grad_(False)


def describe(network: Path, name: str) -> None:
    """Name the network in its own metadata, in the form that Ultralytics reads."""
    model = onnx.load(network)
    about = {
        "description": f"{name}, YOLOv8n with two heads, of zhuomu",
        "task": "detect",
        "stride": "32",
        "batch": "1",
        "imgsz": "[640, 640]",
        "names": repr(dict(enumerate(CLASSES))),
        "license": "AGPL-3.0",
    }
    onnx.helper.set_model_props(model, about)
    onnx.save(model, network)


def manifest(network: Path, name: str, size: int, heads: str = "") -> dict[str, Any]:
    """What a reader and the loader need to know about the network file; figures are added by `model eval --record`."""
    return {
        "name": name,
        "sha256": sha256_of(network),
        "date": datetime.now(UTC).date().isoformat(),
        "classes": list(CLASSES),
        "input": {"size_px": size, "stride_px": 32, "layout": "NCHW float32 RGB 0..1, letterboxed with 114"},
        "output": "(batch, 4 + classes, anchors) float32: centre x, centre y, width, height px, then class scores",
        "architecture": "YOLOv8n" + heads,
        "licence": "AGPL-3.0-or-later",
        "training_data": list(TRAINING_DATA),
        "recipe_args_sha256": sha256(json.dumps(ARGS, sort_keys=True).encode()).hexdigest(),
        "figures": {},
    }
