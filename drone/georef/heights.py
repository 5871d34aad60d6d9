"""Heights over one datum from heights over another; nothing is assumed that was not stated.

Geoid undulation N = ellipsoidal height minus height over mean sea level (EGM96), -106 to +86 m on the earth, 20 to
30 m off in much of China. PROJ's EGM96 grid does not come with pyproj's wheel, so N is stated by whoever knows it, told
by a receiver that sends both heights, or read from the grid where somebody installed it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

from pyproj import Transformer
from pyproj.exceptions import ProjError
from pyproj.transformer import TransformerGroup

from drone.georef.refusal import NotPlaced
from drone.telemetry.sample import HeightDatum, Position

UNDULATION_MIN_M, UNDULATION_MAX_M = -110.0, 90.0


@dataclass(frozen=True, slots=True)
class Heights:
    """What is known beside the telemetry. undulation_m: N here; home_m with home_datum: the height of the place of
    take-off; unstated_is: what a person says a height without a datum is measured from."""

    undulation_m: float | None = None
    home_m: float | None = None
    home_datum: HeightDatum = HeightDatum.MSL
    unstated_is: HeightDatum | None = None

    def __post_init__(self) -> None:
        if self.undulation_m is not None and not UNDULATION_MIN_M <= self.undulation_m <= UNDULATION_MAX_M:
            raise ValueError(f"geoid undulation {self.undulation_m} m: no place on earth has it; give -110 to 90")

    def height_m(self, position: Position, datum: HeightDatum) -> float:
        """The position's height over `datum`. Raises NotPlaced, saying what is missing."""
        known = self._known(position)
        if datum in known:
            return known[datum]
        told = ", ".join(d.value for d, _ in position.heights) or "none"
        raise NotPlaced("height datum", f"no height over {datum.value} (told: {told}); {self._ask(datum, known)}")

    def _known(self, position: Position) -> dict[HeightDatum, float]:
        known = dict(position.heights)
        unstated = known.pop(HeightDatum.UNSTATED, None)
        if unstated is not None and self.unstated_is is not None:
            known.setdefault(self.unstated_is, unstated)
        undulation = self._undulation(known)
        home = self._home(undulation)
        for datum, home_m in home.items():  # above home -> absolute, and back
            if HeightDatum.HOME in known:
                known.setdefault(datum, known[HeightDatum.HOME] + home_m)
            elif datum in known:
                known[HeightDatum.HOME] = known[datum] - home_m
        if undulation is not None and HeightDatum.MSL in known:
            known.setdefault(HeightDatum.ELLIPSOID, known[HeightDatum.MSL] + undulation)
        if undulation is not None and HeightDatum.ELLIPSOID in known:
            known.setdefault(HeightDatum.MSL, known[HeightDatum.ELLIPSOID] - undulation)
        if HeightDatum.HOME not in known:
            for datum, home_m in home.items():
                if datum in known:
                    known[HeightDatum.HOME] = known[datum] - home_m
        return known

    def _undulation(self, known: dict[HeightDatum, float]) -> float | None:
        if self.undulation_m is not None:
            return self.undulation_m
        if {HeightDatum.ELLIPSOID, HeightDatum.MSL} <= known.keys():
            return known[HeightDatum.ELLIPSOID] - known[HeightDatum.MSL]
        return None

    def _home(self, undulation: float | None) -> dict[HeightDatum, float]:
        if self.home_m is None:
            return {}
        found = {self.home_datum: self.home_m}
        if undulation is not None:
            other = HeightDatum.ELLIPSOID if self.home_datum is HeightDatum.MSL else HeightDatum.MSL
            found[other] = self.home_m + (undulation if other is HeightDatum.ELLIPSOID else -undulation)
        return found

    def _ask(self, datum: HeightDatum, known: dict[HeightDatum, float]) -> str:
        if {HeightDatum.ELLIPSOID, HeightDatum.MSL} - {datum} & known.keys() and datum is not HeightDatum.HOME:
            return "state the geoid undulation (--undulation)"
        if HeightDatum.HOME in (datum, *known):
            return "state the height of the place of take-off (--home)"
        return "state what the height is measured from (--height-datum)"

    def with_grid(self, lat: float, lon: float) -> Heights:
        """The same with N from PROJ's EGM96 grid where it is installed and N was not stated; else unchanged."""
        if self.undulation_m is not None:
            return self
        found = grid_undulation_m(lat, lon)
        return self if found is None else replace(self, undulation_m=found)


def grid_undulation_m(lat: float, lon: float) -> float | None:
    """N by EGM96 from PROJ's grid, None where the grid is not on this machine. PROJ then silently offers a
    transformation that changes nothing, so the best one must be there or none is used."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that the grid is missing is the answer, not a warning
        group = TransformerGroup("EPSG:4979", "EPSG:4326+5773", always_xy=True)
    if not group.best_available or not group.transformers:
        return None
    best: Transformer = group.transformers[0]
    if "vgridshift" not in best.definition:
        return None
    try:
        return -float(best.transform(lon, lat, 0.0, errcheck=True)[2])
    except ProjError:
        return None
