"""YOLOv8's loss without the classes that a picture's source never labelled."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import smooth_l1_loss
from ultralytics.utils.loss import v8DetectionLoss
from ultralytics.utils.tal import make_anchors

from models.recipe.dataset import IGNORE_FROM
from models.recipe.distil import Teacher, distilled_masks
from models.recipe.sources import CLASSES, SOURCES, known_classes, source_of

LOGIT_GAIN = 1.0
ASKED_SHARE = 0.5  # of the pictures: the teacher costs as much as a third of a training step


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


class MaskedLoss(v8DetectionLoss):
    """v8DetectionLoss of ultralytics 8.4 with its classification term masked by source and by ignored boxes.

    A class that the source does not label gives no gradient at all on its pictures, unless it is a context class: then
    the teacher's score at each anchor is the target, in place of 0. A real positive is never masked.
    """

    def __init__(self, model: torch.nn.Module, teacher: Teacher | None = None) -> None:
        super().__init__(model)
        self.masks, self.distilled, self.teacher = source_masks(), distilled_masks(), teacher

    def class_loss(
        self, scores: torch.Tensor, hard: torch.Tensor, keep: torch.Tensor, batch: dict[str, Any]
    ) -> torch.Tensor:
        """The classification loss of logits (B, anchors, classes) against the assigned targets and the teacher's word.

        On half of the pictures, where the teacher speaks, its score is the target in place of 0, and its logit is a
        second target: small scores tell more about what a network knows than their cross entropy can pass on.
        """
        spoken = torch.stack([self.distilled[source_of(f).name] for f in batch["im_file"]])[:, None]
        spoken = spoken * (torch.rand(len(spoken), 1, 1) < ASKED_SHARE)
        total, asked = hard.sum().clamp(min=1), spoken[:, 0].any(1)
        if self.teacher is None or not asked.any():
            return (self.bce(scores, hard) * keep).sum() / total * self.hyp.cls
        logits, heard = self.teacher.logits(batch["img"][asked]), spoken[asked]
        soft = torch.zeros_like(hard)
        soft[asked] = logits.sigmoid() * heard
        bce = self.bce(scores, torch.where(hard > 0, hard, soft)) * torch.maximum(keep, spoken)
        apart = smooth_l1_loss(scores[asked], logits, reduction="none") * heard
        recalled = apart.sum() / (heard.sum() * scores.shape[1]).clamp(min=1)
        return bce.sum() / total * self.hyp.cls + recalled * LOGIT_GAIN * float(asked.float().mean())

    def keep(
        self, batch: dict[str, Any], ignored: torch.Tensor, points: torch.Tensor, wh: torch.Tensor
    ) -> torch.Tensor:
        """(B, anchors, classes) float: 1 where the classification loss counts."""
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
        keep = torch.maximum(self.keep(batch, rows[ignored], points * strides, wh), (target_scores > 0).float())
        loss = torch.zeros(3)
        loss[1] = self.class_loss(scores, target_scores, keep, batch)
        box, dfl = self.bbox_loss(
            distri, boxes, points, target_boxes / strides, target_scores, total, positive, wh.flip(0), strides
        )
        loss[0], loss[2] = box * self.hyp.box, dfl * self.hyp.dfl
        found = (positive, index, target_boxes, points, strides)
        return found, loss, dict(zip(self.loss_names, loss.detach(), strict=True))
