"""Ultralytics' data set with ignored boxes, and draws weighted by source."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
from ultralytics.data.dataset import YOLODataset

from models.labelled import CLASSES
from models.recipe.prepare import read_rows
from models.recipe.sources import source_of

IGNORE_FROM = len(CLASSES)  # a box of class id c + IGNORE_FROM marks where class c is neither positive nor negative
EPOCH_SHARE = 0.25


class StreetDataset(YOLODataset):
    """Ignored boxes ride along as extra classes, so that every geometric augmentation moves them too.

    Mosaic, mixup and copy-paste must be off: they put pictures of several sources into one, and the loss masks
    classes by the picture's one source. With the few epochs that two CPU cores allow, they would cost more than help.
    """

    def get_labels(self) -> list[dict[str, Any]]:
        """Labels with the ignored boxes appended, (N, 1) class and (N, 4) xywh as shares."""
        labels = super().get_labels()
        for label in labels:
            path = Path(label["im_file"])
            rows = read_rows(path.parent.parent / "ignore" / f"{path.stem}.txt").astype(np.float32)
            label["cls"] = np.concatenate([label["cls"], rows[:, :1] + IGNORE_FROM])
            label["bboxes"] = np.concatenate([label["bboxes"], rows[:, 1:]])
        self.slots = weighted_slots([label["im_file"] for label in labels])
        return labels

    def __len__(self) -> int:
        """Draws in one epoch."""
        return len(self.slots)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """One draw: any picture of the slot's source."""
        return super().__getitem__(random.choice(self.slots[index]))


def weighted_slots(files: list[str]) -> list[list[int]]:
    """For each draw of an epoch, the picture numbers to choose from: all of one source.

    A source has slots in proportion to its pictures and its weight. EPOCH_SHARE makes epochs short, so that the
    learning rate, which changes once an epoch, falls smoothly within a training of few epochs.
    """
    by_source: dict[str, list[int]] = {}
    for i, file in enumerate(files):
        by_source.setdefault(source_of(file).name, []).append(i)
    slots: list[list[int]] = []
    for members in by_source.values():
        weight = source_of(files[members[0]]).weight
        slots += [members] * round(len(members) * weight * EPOCH_SHARE)
    return slots
