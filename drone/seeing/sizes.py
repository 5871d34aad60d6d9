"""What each class of thing measures on the ground, and how finely it has to be seen before its absence means much."""

from __future__ import annotations

from dataclasses import dataclass

from edge.wire import CaseClass

# Across a thing. On renders of the sample street from 15 m at 45 degrees, shrunk to 3.8 cm/px, the network that ships
# still found every bicycle, stall and heap (scores 0.59 to 0.94).
PX_MIN = 16.0


@dataclass(frozen=True, slots=True)
class Size:
    """across_m: the smaller side on the ground; extent_m: one sigma of where "it" is, which no number of looks makes
    smaller: the lower edge of a box is the near side of the thing, and every heading has another near side."""

    across_m: float
    extent_m: float

    @property
    def cm_px_max(self) -> float:
        """The coarsest picture on which the thing would have been found, centimetres of ground a pixel."""
        return 100 * self.across_m / PX_MIN


SIZES: dict[CaseClass, Size] = {
    "stall": Size(1.2, 0.6),
    "bike": Size(0.6, 0.4),
    "litter": Size(0.6, 0.3),
    "poster": Size(0.5, 0.5),
}
ON_GROUND: frozenset[CaseClass] = frozenset({"stall", "bike", "litter"})  # a poster hangs on a wall that no cell shows
