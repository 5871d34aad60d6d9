"""Where a ray meets the ground: a level plane or a terrain model, both with the datum of their height named.

A height over mean sea level or over home is put in place of the ellipsoidal one in the geometry: the places that come
out are off by (height difference / earth radius) of the distance, 5 millionths for a geoid 30 m off. The camera's and
the ground's height must be over the SAME datum; `drone.georef.heights` sees to that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from drone.georef.geodesy import to_places
from drone.georef.refusal import NotPlaced
from drone.telemetry.sample import HeightDatum

RANGE_MAX_M = 3000.0
STEPS_MAX = 3000

Array = NDArray[np.float64]


class Ground(Protocol):
    """Anything that has a height at a place."""

    @property
    def datum(self) -> HeightDatum:
        """What its heights are measured from."""
        ...

    @property
    def sigma_m(self) -> float:
        """One sigma of its heights in metres."""
        ...

    @property
    def step_m(self) -> float | None:
        """How finely a ray has to look so that it misses no hill; None for a level plane."""
        ...

    def height_m(self, lat: Array, lon: Array) -> Array:
        """Heights at these places (degrees, WGS-84), NaN where it does not know."""
        ...


@dataclass(frozen=True, slots=True)
class Flat:
    """A level plane. By default the plane of the place of take-off."""

    level_m: float = 0.0
    datum: HeightDatum = HeightDatum.HOME
    sigma_m: float = 1.0
    step_m: float | None = None

    def height_m(self, lat: Array, lon: Array) -> Array:
        """The same everywhere."""
        return np.full(np.shape(lat), self.level_m)


def meet(ground: Ground, origins: Array, rays: Array, lift_m: Array | float = 0.0) -> Array:
    """(N, 3) origins (lat, lon, height over the ground's datum) and (N, 3) unit rays in east, north, up -> (N, 3)
    places (lat, lon, height) where the rays meet the ground raised by `lift_m`.

    Raises NotPlaced where one goes up, or meets none within RANGE_MAX_M.
    """
    if not np.all(rays[:, 2] < 0):
        raise NotPlaced("above the horizon", "the view ray goes up: the pixel shows no ground")
    here = ground.height_m(origins[:, 0], origins[:, 1]) + lift_m
    if not np.all(np.isfinite(here)):
        raise NotPlaced("outside the terrain model", "the terrain model has no height under the camera")
    if not np.all(origins[:, 2] > here):
        raise NotPlaced(
            "below the ground", "the camera's height lies below the ground: check datum and take-off height"
        )
    if ground.step_m is not None:
        along = np.array([_first(ground, o, r, lift) for o, r, lift in _each(origins, rays, lift_m)])
    else:
        along = _level(ground, origins, rays, lift_m)
    if not np.all((along > 0) & (along <= RANGE_MAX_M)):
        raise NotPlaced("too far", f"the view ray meets no ground within {RANGE_MAX_M:.0f} m")
    return at(origins, rays, along)


def _level(ground: Ground, origins: Array, rays: Array, lift_m: Array | float) -> Array:
    """As on a flat earth, then one Newton step for the round one, which falls away by 0.7 m in 3 km: what is left is
    below a tenth of a millimetre."""
    lat, lon, height = origins.T
    along: Array = np.minimum((height - ground.height_m(lat, lon) - lift_m) / -rays[:, 2], 10 * RANGE_MAX_M)
    places = at(origins, rays, along)
    return along + (places[:, 2] - ground.height_m(places[:, 0], places[:, 1]) - lift_m) / -rays[:, 2]


def at(origins: Array, rays: Array, along: Array) -> Array:
    """(N, 3) places (lat, lon, height) on the rays, `along` (N,) metres from their origins."""
    return to_places(rays * along[:, None], origins)


def _each(origins: Array, rays: Array, lift_m: Array | float) -> list[tuple[Array, Array, float]]:
    lifts = np.broadcast_to(np.asarray(lift_m, np.float64), (len(origins),))
    return [(o, r, float(lift)) for o, r, lift in zip(origins, rays, lifts, strict=True)]


def _first(ground: Ground, origin: Array, ray: Array, lift: float) -> float:
    """Metres to the first place where the ray is not above the ground: looked for in steps, then halved."""
    assert ground.step_m is not None
    step = max(ground.step_m, RANGE_MAX_M / STEPS_MAX)
    lengths = np.arange(0.0, RANGE_MAX_M + step, step)
    under = _clearance(ground, origin, ray, lengths) - lift
    hit = np.flatnonzero(~(under > 0))  # NaN, outside the model, ends the search too
    if not len(hit) or not np.isfinite(under[hit[0]]):
        raise NotPlaced("outside the terrain model", "the view ray leaves the terrain model before it meets the ground")
    far = float(lengths[hit[0]])
    near = max(0.0, far - step)
    for _ in range(40):
        middle = (near + far) / 2
        if _clearance(ground, origin, ray, np.array([middle]))[0] - lift > 0:
            near = middle
        else:
            far = middle
    return (near + far) / 2


def _clearance(ground: Ground, origin: Array, ray: Array, lengths: Array) -> Array:
    count = len(lengths)
    places = at(np.tile(origin, (count, 1)), np.tile(ray, (count, 1)), lengths)
    clearance: Array = places[:, 2] - ground.height_m(places[:, 0], places[:, 1])
    return clearance
