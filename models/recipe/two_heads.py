"""One network out of two that share their first layers: ours for the city's things, COCO's for everyday ones.

Training on street photographs makes a small network forget chairs, tables and suitcases, which these photographs hardly
show. So the first layers stay as COCO taught them, our part of the rest is trained, and COCO's own part is kept beside
it: one input, one pass, one output, and the context classes are exactly as good as COCO's network.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from models.labelled import CLASSES
from models.recipe.sources import CLASS_ID, COCO_NAME, SPEAKS

TRUNK_LAYERS = 5  # of YOLOv8: up to the features at stride 8


class TwoHeads(nn.Module):
    """(B, 3, H, W) float32 RGB in 0..1 -> (B, 4 + classes, 2 x anchors): our head's anchors, then COCO's.

    boxes xywh px of the input; a class has score 0 at the anchors of a head that does not speak for it.
    """

    def __init__(self, ours: Any, coco: Any, speaks: dict[str, tuple[float, float]] = SPEAKS) -> None:
        super().__init__()
        check_trunk(ours, coco)
        self.trunk = ours.model[:TRUNK_LAYERS]
        self.ours, self.coco = ours.model[TRUNK_LAYERS:], coco.model[TRUNK_LAYERS:]
        ids = {name: i for i, name in coco.names.items()}
        spoken, spread = torch.ones(len(CLASSES)), torch.zeros(len(CLASSES), len(ids))
        for name, (of_ours, of_coco) in speaks.items():  # a matrix, because exporters know no scatter into rows
            spoken[CLASS_ID[name]], spread[CLASS_ID[name], ids[COCO_NAME[name]]] = of_ours, of_coco
        self.register_buffer("spoken", spoken.view(1, -1, 1))
        self.register_buffer("spread", spread.unsqueeze(0))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Both heads on one trunk."""
        features = run(self.trunk, image, {})
        known = {TRUNK_LAYERS - 1: features}
        mine, theirs = run(self.ours, features, dict(known)), run(self.coco, features, dict(known))
        boxes = torch.cat((mine[:, :4], theirs[:, :4]), 2)
        scores = torch.cat((mine[:, 4:] * self.spoken, torch.matmul(self.spread, theirs[:, 4:])), 2)
        return torch.cat((boxes, scores), 1)


def run(layers: Any, x: Any, outputs: dict[int, Any]) -> Any:
    """Layers of an Ultralytics network one after another; each takes from `outputs` what its `f` names."""
    for layer in layers:
        if layer.f != -1:
            wanted = [layer.f] if isinstance(layer.f, int) else layer.f
            taken = [x if j == -1 else outputs[j] for j in wanted]
            x = taken[0] if isinstance(layer.f, int) else taken
        x = layer(x)
        outputs[layer.i] = x
    return x


def check_trunk(ours: Any, coco: Any) -> None:
    """ValueError unless the two networks really share their first layers (up to rounding of stored weights)."""
    probe = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        a, b = (run(m.model[:TRUNK_LAYERS], probe, {}) for m in (ours, coco))
    apart = float((a - b).abs().max() / b.abs().max().clamp(min=1e-6))
    if apart > 0.02:
        raise ValueError(
            f"the first {TRUNK_LAYERS} layers differ by {apart:.3f}: train with them frozen, from COCO's weights"
        )
