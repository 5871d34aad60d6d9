"""YOLOv8's loss without the classes that a picture's source never labelled."""

from __future__ import annotations

from typing import Any

import torch
from ultralytics.utils.loss import v8DetectionLoss
from ultralytics.utils.tal import make_anchors

from models.labelled import CLASSES
from models.recipe.dataset import IGNORE_FROM
from models.recipe.sources import ALIKE, CLASS_ID, SOURCES, known_classes, source_of


def source_masks() -> dict[str, torch.Tensor]:
    """Per source a (classes,) float mask: 1 where the loss may look, 0 where nobody knows."""
    masks = {}
    for name, source in SOURCES.items():
        masks[name] = torch.zeros(len(CLASSES))
        masks[name][known_classes(source)] = 1.0
    return masks


def ignore_mask(
    boxes: torch.Tensor, classes: torch.Tensor, picture: torch.Tensor, points: torch.Tensor, n: int
) -> torch.Tensor:
    """(n, anchors, classes) bool: the anchor's point lies in an ignored box of that class.

    boxes (M, 4) xyxy px, classes (M,), picture (M,) index in the batch, points (anchors, 2) px.
    """
    x, y = points[:, 0][None], points[:, 1][None]
    inside = (x >= boxes[:, :1]) & (y >= boxes[:, 1:2]) & (x <= boxes[:, 2:3]) & (y <= boxes[:, 3:4])
    out = torch.zeros(n, len(points), len(CLASSES), dtype=torch.bool)
    for i in range(len(boxes)):
        out[picture[i], :, classes[i]] |= inside[i]
    return out


def exclusive() -> torch.Tensor:
    """(classes, classes) float: 1 where a thing of the row's class is certainly none of the column's."""
    out = torch.ones(len(CLASSES), len(CLASSES))
    for group in ALIKE:
        ids = [CLASS_ID[name] for name in group]
        for i in ids:
            out[i, ids] = 0.0
    return out


class MaskedLoss(v8DetectionLoss):
    """v8DetectionLoss of ultralytics 8.4 with its classification term masked by source and by ignored boxes.

    A class that the source does not label gives no gradient on its pictures, except where something else stands for
    certain: a person is no bin, whatever the source's labels leave out. A real positive is never masked.
    """

    def __init__(self, model: torch.nn.Module, masked: bool = True) -> None:
        """masked False: whatever is unlabelled counts as background; only to compare with."""
        super().__init__(model)
        self.masked = masked
        self.masks, self.exclusive = source_masks(), exclusive()

    def keep(
        self, batch: dict[str, Any], ignored: torch.Tensor, points: torch.Tensor, wh: torch.Tensor
    ) -> torch.Tensor:
        """(B, anchors, classes) float: 1 where the classification loss counts."""
        if not self.masked:
            return torch.ones(len(batch["im_file"]), len(points), len(CLASSES))
        masks = torch.stack([self.masks[source_of(f).name] for f in batch["im_file"]])
        xywh = ignored[:, 2:] * wh.repeat(2)
        boxes = torch.cat([xywh[:, :2] - xywh[:, 2:] / 2, xywh[:, :2] + xywh[:, 2:] / 2], 1)
        skip = ignore_mask(boxes, ignored[:, 1].long() - IGNORE_FROM, ignored[:, 0].long(), points, len(masks))
        return masks[:, None] * (~skip).float()

    def get_assigned_targets_and_loss(
        self, preds: dict[str, Any], batch: dict[str, Any], **assign: Any
    ) -> tuple[Any, ...]:
        """As the parent's, with `bce * keep` in place of `bce`; computed in float32 under any autocast."""
        distri = preds["boxes"].permute(0, 2, 1).contiguous().float()
        scores = preds["scores"].permute(0, 2, 1).contiguous().float()
        points, strides = make_anchors(preds["feats"], self.stride, 0.5)
        points, strides = points.float(), strides.float()
        wh = torch.tensor(preds["feats"][0].shape[:1:-1]) * self.stride[0]
        rows = torch.cat((batch["batch_idx"].view(-1, 1), batch["cls"].view(-1, 1), batch["bboxes"]), 1)
        ignored = rows[:, 1] >= IGNORE_FROM
        padded = self.preprocess(rows[~ignored], len(scores), scale_tensor=wh.repeat(2))
        labels, truth = padded.split((1, 4), 2)
        boxes = self.bbox_decode(points, distri)
        _, target_boxes, target_scores, positive, index = self.assigner(
            scores.detach().sigmoid(),
            boxes.detach() * strides,
            points * strides,
            labels,
            truth,
            truth.sum(2, keepdim=True).gt_(0.0),
            **assign,
        )
        total = target_scores.sum().clamp_(min=1)
        here = (target_scores > 0).float()
        keep = torch.maximum(self.keep(batch, rows[ignored], points * strides, wh), here)
        keep = torch.maximum(keep, (here @ self.exclusive).clamp(max=1))
        loss = torch.zeros(3)
        loss[1] = (self.bce(scores, target_scores) * keep).sum() / total * self.hyp.cls
        box, dfl = self.bbox_loss(
            distri, boxes, points, target_boxes / strides, target_scores, total, positive, wh.flip(0), strides
        )
        loss[0], loss[2] = box * self.hyp.box, dfl * self.hyp.dfl
        found = (positive, index, target_boxes, points, strides)
        return found, loss, dict(zip(self.loss_names, loss.detach(), strict=True))
