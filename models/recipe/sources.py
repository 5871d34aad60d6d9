"""Which picture source labels which classes, so that the loss never learns from what nobody looked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.city.judged import PREFIX as CITY
from models.labelled import CLASSES, FACADE, LABELLED

CLASS_ID: dict[str, int] = {name: i for i, name in enumerate(CLASSES)}

# Our class -> its name in the COCO teacher (../shared/weights/yolov8n_coco.pt).
COCO_NAME: dict[str, str] = {
    "person": "person",
    "bicycle": "bicycle",
    "motorbike": "motorbike",
    "car": "car",
    "bus": "bus",
    "truck": "truck",
    "umbrella": "umbrella",
    "chair": "chair",
    "dining_table": "diningtable",
    "bench": "bench",
    "suitcase": "suitcase",
}
LITTER = ("litter_heap", "bin_overflow", "litter_item")
SMALL = (*LITTER, "bin", "chair", "dining_table", "bench", "suitcase")  # a few pixels at most from a plane
# Practically no stall or poster stands in any real source (looked at on sheets), so both are learned as absent there.
COMPOSED = ("stall", "poster")
# What the score of our head and of COCO's (never trained further; see two_heads.py) counts for a class. A class that is
# not named here is ours alone. Our pictures hardly show the context classes, but they show the street's own people;
# they show bicycles and motorbikes in a few streets alone.
SPEAKS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("car", "bus", "truck", "umbrella", "chair", "dining_table", "bench", "suitcase"), (0.0, 1.0)),
    "person": (0.5, 1.0),
    **dict.fromkeys(("bicycle", "motorbike"), (1.0, 0.5)),
}
# Kinds of rubbish that can be the same thing under two names; any other two classes exclude each other in one place.
ALIKE = (
    LITTER,
    ("window", "window_ad"),
    ("signboard", "window_ad", "poster"),
    ("stall", "umbrella", "vendor_umbrella_air"),
)


@dataclass(frozen=True, slots=True)
class Source:
    """One origin of pictures.

    labelled: classes whose boxes are complete enough to learn from, positive and negative.
    absent: classes that cannot occur here or practically do not, learned as negative.
    teacher: whether the COCO teacher's boxes say the truth about context classes (not from the air).
    weight: how often a picture is drawn, beside those of other sources.
    """

    name: str
    labelled: tuple[str, ...]
    absent: tuple[str, ...] = ()
    teacher: bool = True
    weight: float = 1.0


AIR = ("vendor_umbrella_air",)
SOURCES: dict[str, Source] = {
    s.name: s
    for s in (
        Source("litter_cn", LABELLED["litter_cn"], (*AIR, *COMPOSED), weight=1.5),
        Source("litter_items", LABELLED["litter_items"], (*AIR, *FACADE, *COMPOSED), weight=2.0),
        Source("bicycles", LABELLED["bicycles"], (*AIR, *COMPOSED), weight=2.5),
        Source("vehicles_in", LABELLED["vehicles_in"], (*AIR, *LITTER, *COMPOSED), weight=2.0),
        Source("bogota_air", LABELLED["bogota_air"], (*FACADE, *COMPOSED, *SMALL), teacher=False, weight=0.8),
        Source("facade_ads", FACADE, (*AIR, *LITTER, *COMPOSED), weight=1.5),
        Source("nograffiti", (), (*AIR, *COMPOSED), weight=0.5),
        Source("graffiti", ("poster",), (*AIR, "stall"), weight=2.0),
        Source("pasted", ("poster",), (*AIR, "stall"), teacher=False, weight=0.7),
        Source(
            "street_sim",
            LABELLED["street_sim"],
            ("motorbike", "bus", "truck"),  # umbrellas from above are drawn, as parts of stalls
            teacher=False,
            weight=0.3,
        ),
        # Pictures of `zhuomu model label`, one source for each class, because in each people judged that class alone.
        *(Source(f"{CITY}{name}", (name,), weight=2.0) for name in CLASSES),
    )
}


def source_of(path: str | Path) -> Source:
    """Source of a picture by its file name, `<source>_<number>.jpg`."""
    name = Path(path).stem.rpartition("_")[0]
    if name not in SOURCES:
        raise ValueError(
            f"{path}: unknown source '{name}'; known: {', '.join(s for s in SOURCES if not s.startswith(CITY))}"
        )
    return SOURCES[name]


def known_classes(source: Source) -> list[int]:
    """Class ids that the loss may use on a picture of this source (the rest is masked out)."""
    known = set(source.labelled) | set(source.absent) | (set(COCO_NAME) if source.teacher else set())
    return sorted(CLASS_ID[name] for name in known)
