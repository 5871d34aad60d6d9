"""The COCO teacher's opinion at every anchor: soft targets for context classes that a source does not label."""

from __future__ import annotations

from pathlib import Path

import torch
from ultralytics import YOLO

from models.recipe.sources import CLASS_ID, CLASSES, COCO_NAME, SOURCES

ABSENT = -30.0  # a logit whose score is 0


class Teacher:
    """YOLOv8n with COCO's classes, frozen; its anchors are the student's, since both have the same strides."""

    def __init__(self, weights: Path) -> None:
        self.model = YOLO(str(weights)).model.float().eval().fuse(verbose=False)
        self.model = self.model.to(memory_format=torch.channels_last).requires_grad_(False)
        ids = {name: i for i, name in self.model.names.items()}
        self.ours = [CLASS_ID[ours] for ours in COCO_NAME]
        self.theirs = [ids[theirs] for theirs in COCO_NAME.values()]

    @torch.no_grad()
    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) in 0..1 -> (B, anchors, classes) class logits; ABSENT for classes that COCO does not have."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            scores = self.model(images)[1]["scores"]
        out = torch.full((scores.shape[0], scores.shape[2], len(CLASSES)), ABSENT)
        out[..., self.ours] = scores[:, self.theirs].permute(0, 2, 1).float()
        return out


def distilled_masks() -> dict[str, torch.Tensor]:
    """Per source a (classes,) float mask: 1 where the teacher speaks because the source's labels do not."""
    masks = {}
    for name, source in SOURCES.items():
        masks[name] = torch.zeros(len(CLASSES))
        spoken_for = {*source.labelled, *source.absent}
        masks[name][[CLASS_ID[c] for c in COCO_NAME if source.teacher and c not in spoken_for]] = 1.0
    return masks
