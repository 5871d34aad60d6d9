"""What training starts from, and what is shipped (needs the extra `train`): norms unfolded, two heads on one trunk."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from ultralytics import YOLO

from models.labelled import CLASSES
from models.recipe.export import export, ready
from models.recipe.sources import CLASS_ID, COCO_NAME, SPEAKS
from models.recipe.start import copy_coco, unfold_norms
from models.recipe.trainer import StreetModel
from models.recipe.two_heads import TRUNK_LAYERS, TwoHeads, check_trunk

Nets = tuple[StreetModel, Any]


@pytest.fixture
def nets(shared: Path) -> Nets:
    """Our network before training, and COCO's."""
    coco = YOLO(str(shared / "weights" / "yolov8n_coco.pt")).model.float()
    ours = StreetModel("yolov8n.yaml")
    copy_coco(ours, coco)
    return ours, coco


def pictures(n: int = 4) -> torch.Tensor:
    """Smooth noise: something for the network to look at."""
    small = torch.rand(n, 3, 12, 12, generator=torch.Generator().manual_seed(5))
    return torch.nn.functional.interpolate(small, size=(160, 160), mode="bicubic").clamp(0, 1)


def test_the_start_knows_all_that_coco_knows(nets: Nets) -> None:
    ours, coco = (net.eval()(pictures())[1] for net in nets)
    assert torch.equal(ours["boxes"], coco["boxes"])
    ids = {name: i for i, name in nets[1].names.items()}
    for name, theirs in COCO_NAME.items():
        assert torch.allclose(ours["scores"][:, CLASS_ID[name]], coco["scores"][:, ids[theirs]], atol=1e-4), name


def test_unfolding_changes_nothing_at_inference(nets: Nets) -> None:
    model = nets[0].eval()
    before = model(pictures())[1]["scores"]
    assert unfold_norms(model, [pictures()]) == 57
    assert torch.allclose(model(pictures())[1]["scores"], before, atol=1e-2)


def test_only_an_unfolded_network_keeps_its_knowledge_in_training_mode(nets: Nets) -> None:
    """The folded start is rescaled by each batch's own statistics at the first step; the unfolded one is not."""
    model = nets[0].eval()
    sure = model(pictures())[1]["boxes"]
    folded = deepcopy(model).train()(pictures())["boxes"]
    unfold_norms(model, [pictures()])
    unfolded = model.train()(pictures())["boxes"]
    assert (unfolded - sure).abs().mean() < 0.05 * (folded - sure).abs().mean()


def test_the_shipped_network_says_what_its_two_heads_say(nets: Nets, tmp_path: Path) -> None:
    """Through ONNX, at a size that the export never saw: each class from the heads that speak for it."""
    for name, net in zip(("ours", "coco"), nets, strict=True):
        torch.save({"model": net, "ema": None, "train_args": {}}, tmp_path / f"{name}.pt")
    out = tmp_path / "two.onnx"
    export(tmp_path / "ours.pt", tmp_path / "coco.pt", out, "two", 640)
    image = pictures(2)
    (found,) = onnxruntime.InferenceSession(str(out)).run(None, {"images": image.numpy()})
    coco, half = ready(tmp_path / "coco.pt"), found.shape[2] // 2
    theirs = coco(image).numpy()
    assert np.allclose(found[:, :4, half:], theirs[:, :4], atol=0.05)
    rows = {n: i for i, n in coco.names.items()}
    for name in CLASSES:
        of_ours, of_coco = SPEAKS.get(name, (1.0, 0.0))
        mine, said = found[:, 4 + CLASS_ID[name], :half], found[:, 4 + CLASS_ID[name], half:]
        assert (mine > 0).any() == (of_ours > 0), name
        assert mine.max() <= of_ours
        if of_coco:
            assert np.allclose(said, of_coco * theirs[:, 4 + rows[COCO_NAME[name]]], atol=1e-3)
        else:
            assert not said.any(), name


def test_networks_with_different_first_layers_are_not_joined(nets: Nets) -> None:
    ours, coco = nets
    with torch.no_grad():
        ours.model[TRUNK_LAYERS - 1].cv1.conv.weight += 0.3
    with pytest.raises(ValueError, match="differ"):
        check_trunk(ours.eval(), coco.eval())
    with pytest.raises(ValueError, match="frozen"):
        TwoHeads(ours, coco)
