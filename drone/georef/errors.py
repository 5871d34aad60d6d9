"""How wrong each sensor may be, and what is left of it after an estimate in flight."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from drone.telemetry.sample import Fix

Array = NDArray[np.float64]
COUNT = 7  # of drone.georef.pose.ERRORS


@dataclass(frozen=True, slots=True)
class Sigmas:
    """One sigma of each error. The defaults are a consumer drone's. jitter: the share of each that is new in
    every picture; the rest stays through a flight and can be estimated."""

    yaw_deg: float = 1.0
    pitch_deg: float = 0.5
    roll_deg: float = 0.5
    horizontal_m: float = 1.5  # each of east and north
    vertical_m: float = 1.5
    time_s: float = 0.05
    pixel_px: float = 3.0
    jitter: float = 0.3

    def of_fix(self, fix: Fix | None) -> Sigmas:
        """The same with the receiver's own accuracies where they are worse than ours: receivers flatter themselves."""
        if fix is None:
            return self
        return replace(
            self,
            horizontal_m=max(self.horizontal_m, fix.horizontal_m or 0.0),
            vertical_m=max(self.vertical_m, fix.vertical_m or 0.0),
        )

    @property
    def covariance(self) -> Array:
        """(7, 7) of yaw, pitch, roll in rad, east, north, up in m, time in s."""
        angles = np.radians([self.yaw_deg, self.pitch_deg, self.roll_deg])
        metres = [self.horizontal_m, self.horizontal_m, self.vertical_m]
        return np.diag(np.concatenate([angles, metres, [self.time_s]]) ** 2)

    @property
    def lasting(self) -> Array:
        """(7, 7): the part that stays through a flight."""
        kept: Array = self.covariance * (1 - self.jitter**2)
        return kept

    @property
    def fresh(self) -> Array:
        """(7, 7): the part that is new in every picture."""
        new: Array = self.covariance * self.jitter**2
        return new


def _zeros() -> Array:
    return np.zeros(COUNT)


@dataclass(frozen=True, eq=False)
class Correction:
    """What was estimated: the error vector to apply (7,), and the covariance (7, 7) of what lasts of it, None while
    nothing was estimated. sightings and dropped count what it rests on; misfit: root mean square of the whitened
    residuals, about 1 when sigmas and sightings agree. prior: the sigmas that it was estimated with."""

    errors: Array = field(default_factory=_zeros)
    lasting: Array | None = None
    sightings: int = 0
    dropped: int = 0
    misfit: float = 0.0
    prior: Sigmas | None = None

    def covariance(self, sigmas: Sigmas) -> Array:
        """(7, 7) of a single picture's errors after the correction."""
        return self.kept(sigmas) + sigmas.fresh

    def kept(self, sigmas: Sigmas) -> Array:
        """(7, 7) of what lasts after it. Where the receiver says that it is worse now than when it was estimated, that
        much comes on top."""
        if self.lasting is None:
            return sigmas.lasting
        worse = sigmas.lasting - self.prior.lasting if self.prior is not None else np.zeros((COUNT, COUNT))
        return self.lasting + np.maximum(worse, 0.0)


def change_of(before: Correction, after: Correction, sigmas: Sigmas) -> tuple[Array, Array]:
    """What an estimate says of places that were found under the one before: (8,) the lasting errors in the sigmas of
    before, and (8, 8) whose columns are one sigma of what is left, in the same; the eighth, the ground's height, stays.

    The sigmas are the independent steps that `Locator` takes: the columns of the covariance's Cholesky factor.
    """
    old, new = (np.linalg.cholesky(c.kept(sigmas) + np.eye(COUNT) * 1e-18) for c in (before, after))
    shift, turn = np.zeros(COUNT + 1), np.eye(COUNT + 1)
    shift[:COUNT] = np.linalg.solve(old, after.errors - before.errors)
    turn[:COUNT, :COUNT] = np.linalg.solve(old, new)
    return shift, turn
