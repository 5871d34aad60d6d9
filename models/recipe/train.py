"""One training run, resumable, from the shared data to a checkpoint."""

from __future__ import annotations

from pathlib import Path

from models.recipe.trainer import StreetTrainer
from models.recipe.two_heads import TRUNK_LAYERS

# Everything that shapes the result; the manifest keeps a hash of this table.
ARGS: dict[str, object] = {
    "batch": 16,
    "nbs": 16,
    "optimizer": "AdamW",
    "lr0": 6e-4,
    "lrf": 0.02,
    "cos_lr": True,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "warmup_epochs": 0.2,
    "warmup_bias_lr": 0.0,
    "mosaic": 0.0,
    "mixup": 0.0,
    "copy_paste": 0.0,
    "close_mosaic": 0,
    "scale": 0.5,
    "translate": 0.1,
    "fliplr": 0.5,
    "hsv_h": 0.015,
    "hsv_s": 0.6,
    "hsv_v": 0.4,
    "amp": False,
    "seed": 7,
    "deterministic": False,
    "freeze": TRUNK_LAYERS,
    "val": False,
    "plots": False,
    "device": "cpu",
    "pretrained": True,
}


def run(
    yaml: Path,
    weights: Path,
    out: Path,
    epochs: int,
    size: int,
    threads: int = 2,
    masked: bool = True,
    **changes: object,
) -> Path:
    """Train and return the last checkpoint (EMA weights). `out/weights/last.pt` is written after every epoch.

    masked False: what a source does not label counts as background, to compare with.
    """
    StreetTrainer.threads, StreetTrainer.masked = threads, masked
    where = {"project": str(out.parent), "name": out.name, "exist_ok": True}
    overrides = ARGS | {"model": str(weights), "data": str(yaml), "epochs": epochs, "imgsz": size}
    StreetTrainer(overrides=overrides | where | changes).train()
    return out / "weights" / "last.pt"


def resume(checkpoint: Path, threads: int = 2) -> Path:
    """Go on with a run that was stopped, from its last finished epoch."""
    StreetTrainer.threads = threads
    StreetTrainer(overrides={"resume": str(checkpoint), "model": str(checkpoint)}).train()
    return checkpoint
