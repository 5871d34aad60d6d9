"""The class list, and which classes each picture source labels: all that a figure may be taken from."""

from __future__ import annotations

from models import MODELS_DIR

CLASSES: tuple[str, ...] = tuple((MODELS_DIR / "classes.txt").read_text(encoding="utf-8").split())

CONTEXT = (
    "person",
    "bicycle",
    "motorbike",
    "car",
    "bus",
    "truck",
    "umbrella",
    "chair",
    "dining_table",
    "bench",
    "suitcase",
)
FACADE = ("signboard", "sign_cantilever", "window_ad", "window", "door")
RENDERED = ("stall", "poster", "bicycle", "litter_heap", "bin_overflow", "bin", "person", "car")

LABELLED: dict[str, tuple[str, ...]] = {
    "litter_cn": ("litter_heap", "bin", "bin_overflow"),
    "litter_items": ("litter_item",),
    "bicycles": ("bicycle",),
    "vehicles_in": ("motorbike", "car", "bus"),
    "bogota_air": ("vendor_umbrella_air",),
    "facade_ads": FACADE,
    "coco_context": CONTEXT,
    "street_sim": RENDERED,
    "pasted": ("poster",),
}
FROM_THE_AIR = ("bogota_air",)


def view_of(source: str) -> str:
    """`air` for pictures taken from above, else `ground`."""
    return "air" if source in FROM_THE_AIR else "ground"
