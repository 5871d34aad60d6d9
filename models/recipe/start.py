"""The network before training: YOLOv8n that knows COCO, its norms taken apart again, with rows for our classes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from models.labelled import CLASSES
from models.recipe.sources import CLASS_ID, COCO_NAME

COCO_CLASSES = 80  # the width of the classification branch depends on it, so ours keeps it


def give_classes(model: Any) -> None:
    """Replace the last classification layers of a YOLOv8 with 80 classes by layers for our class list, in place."""
    head = model.model[-1]
    for branch, stride in zip(head.cv3, head.stride, strict=True):
        branch[-1] = nn.Conv2d(branch[-1].in_channels, len(CLASSES), 1)
        branch[-1].bias.data[:] = math.log(5 / len(CLASSES) / (640 / float(stride)) ** 2)  # as Detect.bias_init
    head.nc, head.no = len(CLASSES), len(CLASSES) + 4 * head.reg_max


def copy_coco(model: Any, coco: Any) -> None:
    """Copy all that COCO's network knows into ours: every layer, and the class rows that both have, in place."""
    own = model.state_dict()
    fitting = {k: v.float() for k, v in coco.state_dict().items() if k in own and own[k].shape == v.shape}
    model.load_state_dict(fitting, strict=False)
    ids = {name: i for i, name in coco.names.items()}
    with torch.no_grad():
        for mine, theirs in zip(model.model[-1].cv3, coco.model[-1].cv3, strict=True):
            for ours, name in COCO_NAME.items():
                mine[-1].weight[CLASS_ID[ours]] = theirs[-1].weight[ids[name]].float()
                mine[-1].bias[CLASS_ID[ours]] = theirs[-1].bias[ids[name]].float()


@torch.no_grad()
def unfold_norms(model: nn.Module, batches: Iterable[torch.Tensor]) -> int:
    """Give every batch norm the statistics of what really comes in, without changing what comes out; returns how many.

    The start weights come from a file in which the norms were folded into the convolutions, so theirs say mean 0 and
    variance 1. In training a norm uses the batch's own statistics: with such a norm the first step would rescale every
    layer and wipe out what the network knows. batches: (B, 3, H, W) float32 in 0..1.
    """
    seen: dict[nn.BatchNorm2d, list[torch.Tensor]] = {}

    def watch(norm: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        x = inputs[0].float()
        n, mean, square = seen.setdefault(norm, [torch.zeros(1), torch.zeros(x.shape[1]), torch.zeros(x.shape[1])])  # type: ignore[arg-type]
        n += 1
        mean += x.mean((0, 2, 3))
        square += x.square().mean((0, 2, 3))

    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(watch) for norm in norms]
    was_training = model.training
    model.eval()
    for batch in batches:
        model(batch)
    model.train(was_training)
    for hook in hooks:
        hook.remove()
    for norm, (n, total, squares) in seen.items():
        _restate(norm, total / n, squares / n - (total / n).square())
    return len(seen)


def _restate(norm: nn.BatchNorm2d, mean: torch.Tensor, variance: torch.Tensor) -> None:
    assert norm.running_mean is not None and norm.running_var is not None
    variance = variance.clamp(min=1e-6)
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    norm.bias += scale * (mean - norm.running_mean)
    norm.weight.copy_(scale * (variance + norm.eps).sqrt())
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
