"""Ultralytics' trainer with our data set, our loss, and the class rows that COCO already knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from ultralytics.data import build_dataloader
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import colorstr

from models.labelled import CLASSES
from models.recipe.dataset import StreetDataset
from models.recipe.loss import MaskedLoss
from models.recipe.start import COCO_CLASSES, copy_coco, give_classes, unfold_norms

HAS_BFLOAT16 = "avx512_bf16" in (Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else "")
SAMPLE_BATCH, SAMPLE_BATCHES = 16, 8  # pictures for the norms' statistics
SPEED = {"backbone": 0.5, "neck": 1.0, "head": 2.0}  # learning rate as a share of lr0
BACKBONE_LAYERS, HEAD_LAYER = 10, 22  # of YOLOv8


def part_of(parameter: str) -> str:
    """Which part of the network a parameter `model.<layer>...` belongs to."""
    layer = int(parameter.split(".")[1])
    return "backbone" if layer < BACKBONE_LAYERS else "head" if layer == HEAD_LAYER else "neck"


class StreetModel(DetectionModel):
    """YOLOv8 with our classes and our loss; its training forward runs in bfloat16 on a CPU that has it."""

    def __init__(self, cfg: Any, ch: int = 3, nc: int | None = None, verbose: bool = False) -> None:
        super().__init__(cfg, ch=ch, nc=COCO_CLASSES, verbose=verbose)
        give_classes(self)

    def loss(self, batch: dict[str, Any], preds: Any = None) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The masked loss in float32 of a forward pass in bfloat16, weights and optimizer staying float32."""
        if getattr(self, "criterion", None) is None:
            self.criterion = MaskedLoss(self)
        if preds is None:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=HAS_BFLOAT16):
                preds = self.forward(batch["img"])
        return self.criterion(preds, batch)


class StreetTrainer(DetectionTrainer):
    """Trains on CPU; bfloat16 and channels-last memory are three times as fast where the CPU has AVX512-BF16."""

    threads = 2
    masked = True

    def _setup_train(self) -> None:
        """As the parent's, on all the threads asked for: Ultralytics leaves one core of a CPU idle."""
        super()._setup_train()
        torch.set_num_threads(self.threads)

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> StreetDataset:
        """The masked data set; rectangular batches are off because draws are shuffled."""
        return StreetDataset(
            img_path=img_path,
            imgsz=self.args.imgsz,
            batch_size=batch or 16,
            augment=mode == "train",
            hyp=self.args,
            rect=False,
            cache=False,
            single_cls=False,
            stride=32,
            pad=0.0,
            prefix=colorstr(f"{mode}: "),
            task="detect",
            data=self.data,
        )

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> DetectionModel:
        """Our network with the weights of a checkpoint, or with all that COCO's network knows."""
        model = StreetModel(cfg, ch=self.data["channels"])
        if weights is None:
            return model
        if len(weights.names) == len(CLASSES):
            model.load(weights)
            return model
        copy_coco(model, weights)
        unfold_norms(model, self._samples())
        return model

    def _samples(self) -> Iterator[torch.Tensor]:
        """A few batches of training pictures, augmented as in training."""
        dataset = self.build_dataset(self.data["train"], "train", SAMPLE_BATCH)
        for start in range(SAMPLE_BATCHES):
            picks = range(start, len(dataset), max(1, len(dataset) // SAMPLE_BATCH))
            images = torch.stack([dataset[i]["img"] for i in list(picks)[:SAMPLE_BATCH]])
            yield images.float() / 255

    def get_dataloader(self, dataset_path: str, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:
        """Shuffled draws prepared by one worker process (Ultralytics allows none on a CPU)."""
        dataset = self.build_dataset(dataset_path, mode, batch_size)
        return build_dataloader(dataset, batch=batch_size, workers=1, shuffle=mode == "train", rank=rank)

    def set_model_attributes(self) -> None:
        """Attach the masked loss once the hyperparameters are known."""
        super().set_model_attributes()
        self.model.criterion = MaskedLoss(self.model, self.masked)

    def build_optimizer(self, model: Any, *args: Any, **kwargs: Any) -> torch.optim.Optimizer:
        """Ultralytics' optimizer with a slower backbone, which knows COCO already, and a faster head."""
        optimizer = super().build_optimizer(model, *args, **kwargs)
        part = {id(p): part_of(name) for name, p in model.named_parameters()}
        groups = []
        for group in optimizer.param_groups:
            for name, speed in SPEED.items():
                params = [p for p in group["params"] if part[id(p)] == name and p.requires_grad]
                groups.append(group | {"params": params, "lr": group["lr"] * speed})
        optimizer.param_groups[:] = [group for group in groups if group["params"]]
        return optimizer

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Pictures to [0, 1] in the network's memory layout."""
        batch = super().preprocess_batch(batch)
        batch["img"] = batch["img"].contiguous(memory_format=torch.channels_last)
        return batch

    def validate(self) -> tuple[dict[str, float], None]:
        """Nothing: Ultralytics would look at the training pictures again after the last epoch."""
        return {}, None

    def final_eval(self) -> None:
        """Nothing: figures come from `zhuomu model eval`, on each source's own classes only."""
