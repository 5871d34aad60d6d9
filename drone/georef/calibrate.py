"""Yaw bias, time skew and what else lasts through a flight, estimated from things that were seen more than once.

A sighting is a thing's pixel in one picture. A thing whose place is known (a map mark) ties the flight to the map; one
whose place is unknown (a tie point) still has to lie in ONE place, whichever way the drone flew and looked: that shows
yaw, pitch and time skew, but not where the whole flight lies. All in one least-squares fit, with the sensors' stated
sigmas as prior knowledge, so that what the flight does not show stays as uncertain as it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from drone.georef.camera import CameraError
from drone.georef.errors import COUNT, Correction
from drone.georef.geodesy import to_metres
from drone.georef.ground import meet
from drone.georef.locate import DEPRESSION_MIN_DEG, Locator
from drone.georef.pose import Poses
from drone.georef.refusal import NotPlaced

SIGHTINGS_MAX = 2000
SIGHTINGS_MIN = 4
MARK_SIGMA_M = 0.3
HUBER = 2.0  # whitened residuals beyond count linearly: a wrong match must not turn the compass
STEP = 0.1  # of a sigma, for differences

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A named thing at a pixel of the picture taken at `at_s` on the telemetry's clock."""

    name: str
    at_s: float
    x: float
    y: float


def calibrate(
    locator: Locator, sightings: Sequence[Sighting], marks: Mapping[str, tuple[float, float]] | None = None
) -> Correction:
    """The correction that brings all sightings of a thing together, and those of marks (name -> lat, lon) onto the map.

    Sightings that cannot be placed, and things seen once without being marks, are dropped and counted. Raises
    NotPlaced when too little is left to estimate anything.
    """
    marks = marks or {}
    usable = _usable(locator, sightings[:SIGHTINGS_MAX], marks)
    used = [one.sighting for one in usable]
    if len(used) < SIGHTINGS_MIN:
        words = f"{len(used)} of {len(sightings)} sightings can be used, {SIGHTINGS_MIN} are needed"
        raise NotPlaced("too few sightings", f"{words}: see things again from another side")
    problem = _Problem(locator, usable, marks)
    found = least_squares(problem.residuals, problem.start(), jac=problem.jacobian, loss="huber", f_scale=HUBER)
    spread = np.linalg.inv(found.jac.T @ found.jac)[:COUNT, :COUNT]
    scale = np.sqrt(np.diag(problem.prior))
    residuals = problem.residuals(found.x)[: 2 * len(used)]
    return Correction(
        errors=found.x[:COUNT] * scale,
        lasting=spread * np.outer(scale, scale),
        sightings=len(used),
        dropped=len(sightings) - len(used),
        misfit=float(np.sqrt(np.mean(residuals**2))),
    )


@dataclass(frozen=True, eq=False)
class _Usable:
    """A sighting with its pose, its ray in camera axes (1, 3) and the whitener (2, 2) of what is new in its picture."""

    sighting: Sighting
    pose: Poses
    ray: Array
    white: Array


def _usable(locator: Locator, sightings: Sequence[Sighting], marks: Mapping[str, tuple[float, float]]) -> list[_Usable]:
    found = list[_Usable]()
    fresh = replace(locator, correction=Correction(lasting=np.zeros((COUNT, COUNT))))
    for sighting in sightings:
        try:
            spot, pose = fresh.locate_with_pose(sighting.at_s, sighting.x, sighting.y)
            ray = locator.camera.rays([(sighting.x, sighting.y)])
        except (NotPlaced, CameraError):
            continue
        if spot.depression_deg >= DEPRESSION_MIN_DEG + 1:  # an estimate may turn it a little
            white = np.linalg.inv(np.linalg.cholesky(np.array(spot.covariance)))
            found.append(_Usable(sighting, pose, ray, white))
    seen = Counter(one.sighting.name for one in found)
    return [one for one in found if one.sighting.name in marks or seen[one.sighting.name] > 1]


class _Problem:
    """Unknowns: the 7 errors in prior sigmas, then east and north (m) of every thing without a known place.

    Residuals: two of every sighting, whitened by what is new in each picture, then the 7 priors, then marks' own.
    """

    def __init__(self, locator: Locator, usable: Sequence[_Usable], marks: Mapping[str, tuple[float, float]]) -> None:
        self.ground = locator.ground
        self.poses = Poses.joined([one.pose for one in usable])
        self.rays = np.concatenate([one.ray for one in usable])
        self.white = np.array([one.white for one in usable])
        used = [one.sighting for one in usable]
        self.prior = locator.sigmas.lasting
        self.scale = np.sqrt(np.diag(self.prior))
        self.anchor = self.poses.origins[0]
        self.names = sorted({s.name for s in used})
        self.index = np.array([self.names.index(s.name) for s in used])
        self.known = {self.names.index(n): self._local(np.array([marks[n]]))[0] for n in self.names if n in marks}

    def start(self) -> Array:
        """No error; every thing in the middle of where it was seen."""
        seen = self._spots(np.zeros(COUNT))
        middles = [self.known.get(i, seen[self.index == i].mean(axis=0)) for i in range(len(self.names))]
        return np.concatenate([np.zeros(COUNT), np.array(middles).ravel()])

    def residuals(self, unknowns: Array) -> Array:
        """What least_squares makes small."""
        errors, places = unknowns[:COUNT], unknowns[COUNT:].reshape(-1, 2)
        off = self._spots(errors * self.scale) - places[self.index]
        white = np.einsum("nij,nj->ni", self.white, off)
        marks = [(places[i] - at) / MARK_SIGMA_M for i, at in sorted(self.known.items())]
        return np.concatenate([white.ravel(), errors, np.array(marks).ravel()])

    def jacobian(self, unknowns: Array) -> Array:
        """Differences for the 7 errors, exact for the places, which stand in it linearly."""
        count = len(self.index)
        jacobian = np.zeros((2 * count + COUNT + 2 * len(self.known), len(unknowns)))
        for k in range(COUNT):
            step = np.zeros(len(unknowns))
            step[k] = STEP
            ahead, behind = self.residuals(unknowns + step), self.residuals(unknowns - step)
            jacobian[:, k] = (ahead - behind) / (2 * STEP)
        rows = 2 * np.arange(count)
        for axis in (0, 1):
            columns = COUNT + 2 * self.index + axis
            jacobian[rows, columns] = -self.white[:, 0, axis]
            jacobian[rows + 1, columns] = -self.white[:, 1, axis]
        for row, i in enumerate(sorted(self.known)):
            at = 2 * count + COUNT + 2 * row
            jacobian[at, COUNT + 2 * i] = jacobian[at + 1, COUNT + 2 * i + 1] = 1 / MARK_SIGMA_M
        return jacobian

    def _spots(self, errors: Array) -> Array:
        """(N, 2) east, north of every sighting under these errors."""
        origins, cast = self.poses.cast(self.rays, np.tile(errors, (len(self.rays), 1)))
        spots = meet(self.ground, origins, cast)
        return self._local(spots[:, :2])

    def _local(self, places: Array) -> Array:
        """(N, 2) lat, lon -> (N, 2) east, north of the first picture's camera in m."""
        level = np.column_stack([places, np.zeros(len(places))])
        return to_metres(level, np.array([[self.anchor[0], self.anchor[1], 0.0]]))[:, :2]
