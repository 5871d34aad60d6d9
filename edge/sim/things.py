"""Everything that can stand on the street, by name: what it is called, how large it may be, and how to build it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from edge.sim import bikes, furniture, litter, people, posters, stalls
from edge.sim.solid import Model

LABELS = ("stall", "poster", "bicycle", "litter_heap", "bin_overflow", "bin", "person", "car")
CASE_CLASS = {
    "stall": "stall",
    "poster": "poster",
    "bicycle": "bike",
    "litter_heap": "litter",
    "bin_overflow": "litter",
}
KINDS = {
    "stall": stalls.KINDS,
    "poster": posters.KINDS,
    "bicycle": bikes.KINDS,
    "litter_heap": litter.HEAPS,
    "bin_overflow": litter.BINS,
    "bin": litter.BINS,
    "person": people.POSES,
    "car": ("car",),
}


@dataclass(frozen=True)
class Thing:
    """One thing at a place: ground metres, height of its foot, heading (degrees counter-clockwise from east)."""

    id: str
    label: str
    kind: str
    seed: int
    east_m: float
    north_m: float
    yaw_deg: float = 0.0
    up_m: float = 0.0
    lean_deg: float = 0.0
    phase: float = field(default=0.0)
    size_m: tuple[float, float] = (0.5, 0.7)  # posters alone: width, height

    @property
    def case_class(self) -> str | None:
        """stall, poster, bike or litter; None for what is never a case."""
        return CASE_CLASS.get(self.label)

    def model(self) -> Model:
        """The thing's solid, placed in the world."""
        return _build(self).placed(self.east_m, self.north_m, self.yaw_deg, self.up_m, self.lean_deg)


@lru_cache(maxsize=96)
def standing_model(thing: Thing) -> Model:
    """The solid of a thing that stands still, remembered; do not change it."""
    return thing.model()


def _build(thing: Thing) -> Model:
    match thing.label:
        case "stall":
            return stalls.stall(thing.kind, thing.seed)
        case "poster":
            return posters.poster(thing.kind, thing.seed, *thing.size_m)
        case "bicycle":
            return bikes.bicycle(thing.kind, thing.seed, thing.phase or None)
        case "litter_heap":
            return litter.heap(thing.kind, thing.seed)
        case "bin" | "bin_overflow":
            return litter.bin_(thing.kind, thing.seed, thing.label == "bin_overflow")
        case "person":
            return people.person(thing.seed, thing.kind, thing.phase)
        case _:
            return furniture.furniture(thing.kind, thing.seed)
