"""One thing on the ground as all flights have seen it: its place with an honest error, how surely, since when.

Sightings of one flight share its lasting errors (compass, GPS, clock, height of the ground): those do not average away.
Sighting i says z_i = p + A_i b + e_i, with the flight's own b ~ N(0, I8) and e_i ~ N(0, F_i) new in every picture. With
weights w_i that sum to 1 the mean is off by sum(w_i A_i) b + sum(w_i e_i), so its covariance is M'M + sum(w_i^2 F_i)
with M = sum(w_i A_i): exact for any number of sightings, and sums are all that has to be kept. Seen from opposite sides
a compass error cancels in M, as it does in truth; a GPS error never does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from drone.georef.geodesy import to_metres, to_places
from drone.georef.locate import Located, Sensed
from drone.seeing.sizes import SIZES
from drone.telemetry.sample import HeightDatum
from edge.watch.places import PRIOR_LOOKS
from edge.wire import CaseClass

PASSES_MAX = 24
MOMENTS_MAX = 200
GPS = np.array([3, 4, 5])  # of the eight lasting errors: new when the era is another; the rest may be the drone's own
REST = np.array([0, 1, 2, 6, 7])

Array = NDArray[np.float64]
Rows = list[list[float]]


@dataclass(frozen=True, eq=False)
class Placed:
    """One detection with its place; box in px of the frame."""

    case_class: CaseClass
    label: str
    score: float
    box: tuple[float, float, float, float]
    sensed: Sensed


class Pass(Struct):
    """The sightings under one set of lasting errors, as sums: weight = sum a, mean in metres from the thing's anchor,
    fresh = sum a^2 F (2, 2), lasting = sum a A (8, 2)."""

    era: str
    weight: float
    mean: list[float]
    fresh: Rows
    lasting: Rows
    hits: int = 0

    def add(self, at: Array, sensed: Sensed) -> None:
        """One more sighting at (2,) metres from the anchor."""
        weight = 1.0 / float(np.trace(np.array(sensed.located.covariance)))
        share = weight / (self.weight + weight)
        mean = np.array(self.mean)
        self.mean = (mean + (at - mean) * share).tolist()
        self.fresh = (np.array(self.fresh) + weight**2 * sensed.fresh).tolist()
        self.lasting = (np.array(self.lasting) + weight * sensed.lasting).tolist()
        self.weight += weight
        self.hits += 1

    def rebase(self, shift: Array, turn: Array) -> None:
        """The lasting errors are known better: `shift` (8,) what they are, and `turn` (8, 8) what is left, in the
        sigmas of before. z = p + A b: the mean moves by what it was off, and carries what is left."""
        lasting = np.array(self.lasting)
        self.mean = (np.array(self.mean) + shift @ lasting / self.weight).tolist()
        self.lasting = (turn.T @ lasting).tolist()

    @property
    def parts(self) -> tuple[Array, Array, Array]:
        """(mean (2,), fresh covariance of the mean (2, 2), lasting columns of the mean (8, 2))."""
        fresh, lasting = np.array(self.fresh) / self.weight**2, np.array(self.lasting) / self.weight
        return np.array(self.mean), fresh, lasting


class Thing(Struct):
    """What is remembered. lat0, lon0: the anchor, where it was seen first; looks: pictures on which it could have been
    seen; missed: of the last ones in a row on which it was not; moments: microseconds of sightings, the newest.

    box, frame: of the sighting whose picture tells most; second_looks: detours that were flown for it.
    """

    thing_id: str
    case_class: CaseClass
    lat0: float
    lon0: float
    first_seen: datetime
    last_seen: datetime
    passes: list[Pass] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    hits: int = 0
    looks: int = 0
    missed: int = 0
    score: float = 0.0
    state: str = "watching"
    candidate_id: str = ""
    moments: list[int] = field(default_factory=list)
    height_px: float = 0.0
    second_looks: int = 0

    @property
    def label(self) -> str:
        """What the network called it most often."""
        return max(self.labels, key=lambda name: self.labels[name])

    @property
    def presence(self) -> float:
        """Seen / could have been seen, 0 to 1."""
        return self.hits / max(1, self.looks)

    @property
    def evidence(self) -> float:
        """Mean score over all looks, as if it had been overlooked PRIOR_LOOKS times before, 0 to 1."""
        return self.score * self.hits / (self.looks + PRIOR_LOOKS)

    def add(self, placed: Placed, era: str, at: datetime) -> None:
        """A sighting."""
        found = next((p for p in self.passes if p.era == era), None)
        if found is None:
            found = Pass(era, 0.0, [0.0, 0.0], [[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0]] * 8)
            self.passes = [*self.passes, found][-PASSES_MAX:]
        found.add(self.metres(placed.sensed.located), placed.sensed)
        self.hits += 1
        self.looks += 1
        self.missed = 0
        self.score += (placed.score - self.score) / self.hits
        self.labels[placed.label] = self.labels.get(placed.label, 0) + 1
        self.first_seen, self.last_seen = min(at, self.first_seen), max(at, self.last_seen)
        self.height_px = placed.box[3] - placed.box[1]
        self.moments = [*self.moments, round(at.timestamp() * 1e6)][-MOMENTS_MAX:]

    def miss(self) -> None:
        """It could have been seen and was not."""
        self.looks += 1
        self.missed += 1

    def metres(self, at: Located) -> Array:
        """(2,) east, north of a place from the anchor."""
        return to_metres(np.array([[at.lat, at.lon, 0.0]]), np.array([[self.lat0, self.lon0, 0.0]]))[0, :2]

    def estimate(self) -> Located:
        """Its place over all passes. GPS errors of different eras are independent; everything else is taken to be the
        same in all of them (a mount that is turned by a degree stays so)."""
        mean, covariance = fused(self.passes)
        lat, lon, _ = to_places(np.array([[*mean, 0.0]]), np.array([[self.lat0, self.lon0, 0.0]]))[0].tolist()
        (ee, en), (_, nn) = (covariance + np.eye(2) * SIZES[self.case_class].extent_m ** 2).tolist()
        return Located(lat, lon, 0.0, HeightDatum.UNSTATED, 0.0, 90.0, ((ee, en), (en, nn)))

    def distance(self, placed: Placed, era: str) -> tuple[float, float]:
        """(squared Mahalanobis distance, log of the determinant) of a sighting against what is known.

        In the same era the common error cancels as far as both were seen from the same side: neighbours stay two things
        although neither is known to better than the GPS."""
        at = self.metres(placed.sensed.located)
        same = next((p for p in self.passes if p.era == era), None)
        if same is not None:
            mean, fresh, lasting = same.parts
            apart = placed.sensed.lasting - lasting
            spread = fresh + placed.sensed.fresh + apart.T @ apart
        else:
            mean, spread = fused(self.passes)
            spread = spread + np.array(placed.sensed.located.covariance)
        spread = spread + np.eye(2) * SIZES[self.case_class].extent_m ** 2
        off = at - mean
        return float(off @ np.linalg.solve(spread, off)), float(np.log(np.linalg.det(spread)))


def fused(passes: Sequence[Pass]) -> tuple[Array, Array]:
    """(mean (2,), covariance (2, 2)) of passes of one thing, in metres from its anchor."""
    parts = [p.parts for p in passes]
    weights = np.array([1.0 / np.trace(fresh + lasting.T @ lasting) for _, fresh, lasting in parts])
    weights /= weights.sum()
    mean = np.sum([w * m for w, (m, _, _) in zip(weights, parts, strict=True)], axis=0)
    covariance = np.zeros((2, 2))
    common = np.zeros((len(REST), 2))
    for w, (_, fresh, lasting) in zip(weights, parts, strict=True):
        covariance += w**2 * (fresh + lasting[GPS].T @ lasting[GPS])
        common += w * lasting[REST]
    return mean, covariance + common.T @ common
