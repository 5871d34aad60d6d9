"""The adjustment of a flight's tie points (`drone.georef.ties`): Gauss-Newton with Huber weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drone.georef.errors import COUNT, Correction, Sigmas
from drone.georef.geodesy import to_metres, to_places
from drone.georef.ground import Ground, meet
from drone.georef.pose import ERRORS, Poses
from drone.georef.refusal import NotPlaced

if TYPE_CHECKING:
    from drone.georef.ties import Picture

ROUNDS = 6
HUBER = 2.0
STEP = 0.2  # of a sigma, for differences
HEIGHT_SIGMA_M = 0.4  # of a tie over the ground: kerbs, tables, cars
WEIGHT_MIN = 1e-3
MISFIT_MAX = 2.0
FAR = 5.0  # sigmas: no step goes farther
CHI2_999 = 24.32  # seven degrees of freedom
LEARNT = 0.75  # an error is determined where less than so much of its sigma is left
SHARED = COUNT + 1  # the lasting errors, then the height of the ground

Array = NDArray[np.float64]
# Of a picture: design matrix, its columns, offsets, covariance, and each look's own part of it.
Part = tuple[Array, NDArray[np.intp], Array, Array, Array]


class Adjustment:
    """Unknowns: the lasting errors and the ground's height, in sigmas; then east, north, height of every tie in m."""

    def __init__(self, pictures: Sequence[Picture], ground: Ground, sigmas: Sigmas) -> None:
        self._ground, self._sigmas = ground, sigmas
        self._scale = np.sqrt(np.diag(sigmas.lasting))
        counts = [len(p.names) for p in pictures]
        ends = np.cumsum(counts)
        self._blocks = [slice(end - count, end) for end, count in zip(ends.tolist(), counts, strict=True)]
        self._poses = Poses.joined([p.pose.repeat(len(p.names)) for p in pictures])
        self._rays = np.concatenate([p.rays for p in pictures])
        names = [name for p in pictures for name in p.names]
        order = {name: k for k, name in enumerate(sorted(set(names)))}
        self._tie = np.array([order[name] for name in names])
        self._ties = len(order)
        self._anchor = self._poses.origins[0]
        self._fresh = np.concatenate([np.diag(sigmas.fresh), [0.0]]) / np.concatenate([self._scale**2, [1.0]])
        self._weights = np.ones(len(names))
        self._places: Array | None = None

    def solve(self, dropped: int = 0) -> Correction:
        """Raises NotPlaced where the looks do not agree, or determine nothing."""
        errors, shared = np.zeros(COUNT), np.eye(SHARED)
        misfit = 1.0
        try:
            for _ in range(ROUNDS):
                errors, shared, misfit = self._round(np.clip(errors, -FAR, FAR))
        except NotPlaced as refusal:
            raise NotPlaced("tie points disagree", f"{refusal} under what they would have it be") from None
        far = float(errors @ errors)
        if misfit > MISFIT_MAX or far > CHI2_999:
            words = f"they miss each other by {misfit:.1f} times what the sensors are said to be wrong by"
            more = f"and want them {math.sqrt(far):.1f} sigmas off: a hilly ground, a wrong lens or wrong times"
            raise NotPlaced("tie points disagree", f"{words}, {more}")
        left = np.sqrt(np.diag(shared))[:COUNT]
        if not (left < LEARNT).any():
            told = ", ".join(f"{name} {share:.0%}" for name, share in zip(ERRORS, left, strict=True))
            raise NotPlaced("not determined", f"left of each sigma: {told}; fly a line back, or across")
        lasting = shared[:COUNT, :COUNT] * np.outer(self._scale, self._scale)
        lost = dropped + int((self._weights < 0.2).sum())
        return Correction(errors * self._scale, lasting, len(self._tie), lost, misfit, self._sigmas)

    def _round(self, errors: Array) -> tuple[Array, Array, float]:
        """One linear step from these errors (in sigmas): the new ones, the covariance of all that is shared, and the
        root mean square of the whitened residuals."""
        spots, slopes, pixels = self._linear(errors)
        size = SHARED + 3 * self._ties
        normal, right = np.zeros((size, size)), np.zeros(size)
        start = np.concatenate([errors, [0.0]])
        parts = list[Part]()
        for block in self._blocks:
            rows, columns = self._rows(slopes[block], self._tie[block])
            own = np.einsum("nka,nkb->nab", pixels[block], pixels[block]) + np.eye(2) * 1e-6
            spread = _spread(slopes[block] * np.sqrt(self._fresh)[:, None], own, self._weights[block])
            off: Array = spots[block].ravel() - slopes[block].transpose(0, 2, 1).reshape(-1, SHARED) @ start
            told = np.linalg.solve(spread, np.column_stack([rows, off]))
            normal[np.ix_(columns, columns)] += rows.T @ told[:, :-1]
            right[columns] -= rows.T @ told[:, -1]
            parts.append((rows, columns, off, spread, own))
        prior = np.concatenate([np.ones(SHARED), np.tile([1e-8, 1e-8, HEIGHT_SIGMA_M**-2], self._ties)])
        normal[np.diag_indices(size)] += prior
        unknown = np.asarray(np.linalg.solve(normal, right), np.float64)
        self._places = unknown[SHARED:].reshape(-1, 3)
        misfit = self._judge(parts, unknown)
        spread_all = np.asarray(np.linalg.inv(normal)[:SHARED, :SHARED], np.float64)
        if misfit > 1.0:  # looks that agree less than stated teach less than stated
            learnt = (np.linalg.inv(spread_all) - np.eye(SHARED)) / misfit**2
            spread_all = np.asarray(np.linalg.inv(learnt + np.eye(SHARED)), np.float64)
        return unknown[:COUNT], spread_all, misfit

    def _linear(self, errors: Array) -> tuple[Array, Array, Array]:
        """(N, 2) where looks lie under these errors; (N, 8, 2) metres a sigma of what is shared; (N, 2, 2) metres a
        sigma of the pixel to the right and down.

        Slopes are those towards the ties' estimated places. Taken towards the looks themselves they would carry the
        looks' noise, and whatever pulls all looks together, a lower height most of all, would seem to be the truth."""
        base = errors * self._scale
        here = self._spots(self._rays[:, 0], base)
        rays = self._rays[:, 0] if self._places is None else self._towards(self._places, base)
        aim = here if self._places is None else self._spots(rays, base)
        slopes = np.zeros((len(here), SHARED, 2))
        for k in range(COUNT):
            step = np.zeros(COUNT)
            step[k] = STEP * self._scale[k]
            ahead, behind = self._spots(rays, base + step), self._spots(rays, base - step)
            slopes[:, k] = (ahead - behind) / (2 * STEP)
        lift = self._spots(rays, base, 0.5) - self._spots(rays, base, -0.5)
        slopes[:, COUNT] = lift * self._ground.sigma_m
        aside = [self._rays[:, k] - self._rays[:, 0] for k in (1, 2)]
        pixels = np.stack([self._spots(_unit(rays + off), base) - aim for off in aside], axis=1)
        return here, slopes, pixels

    def _towards(self, places: Array, errors: Array) -> Array:
        """(N, 3) rays in camera axes to the ties' places (T, 3) as they are estimated."""
        flat = np.column_stack([places[:, :2], np.zeros(len(places))])
        spots = to_places(flat, np.tile([[self._anchor[0], self._anchor[1], 0.0]], (len(places), 1)))
        spots[:, 2] = self._ground.height_m(spots[:, 0], spots[:, 1]) + places[:, 2]
        every = np.tile(errors, (len(self._tie), 1))
        origins, _ = self._poses.cast(self._rays[:, 0], every)
        return self._poses.uncast(to_metres(spots[self._tie], origins), every)

    def _spots(self, rays: Array, errors: Array, lift_m: float = 0.0) -> Array:
        """(N, 2) east, north of the first picture's camera in m. Raises NotPlaced."""
        origins, cast = self._poses.cast(rays, np.tile(errors, (len(rays), 1)))
        places = meet(self._ground, origins, cast, lift_m)
        level = np.column_stack([places[:, :2], np.zeros(len(places))])
        return to_metres(level, np.array([[self._anchor[0], self._anchor[1], 0.0]]))[:, :2]

    def _rows(self, slopes: Array, ties: NDArray[np.intp]) -> tuple[Array, NDArray[np.intp]]:
        """A picture's (2N, 8 + 3N) design matrix and which unknowns its columns are: spot(shared, height) = place."""
        count = len(ties)
        known, local = np.unique(ties, return_inverse=True)
        rows = np.zeros((2 * count, SHARED + 3 * len(known)))
        rows[:, :SHARED] = slopes.transpose(0, 2, 1).reshape(-1, SHARED)
        at = np.arange(count)
        for axis in (0, 1):
            rows[2 * at + axis, SHARED + 3 * local + axis] = -1.0
            rows[2 * at + axis, SHARED + 3 * local + 2] = slopes[:, COUNT, axis] / self._ground.sigma_m
        columns = np.concatenate([np.arange(SHARED), (SHARED + 3 * known[:, None] + np.arange(3)).ravel()])
        return rows, columns

    def _judge(self, parts: Sequence[Part], unknown: Array) -> float:
        """New weights from each look's leave-one-out residual in its picture; the misfit of all, as weighted."""
        square, count = 0.0, 0
        for block, (rows, columns, off, spread, own) in zip(self._blocks, parts, strict=True):
            left = rows @ unknown[columns] + off
            inverse = np.linalg.inv(spread)
            told = inverse @ left
            square, count = square + float(left @ told), count + len(left)
            for k in range(len(own)):
                pair = slice(2 * k, 2 * k + 2)
                alone = np.linalg.inv(inverse[pair, pair])  # covariance of this look's miss, told by the others
                miss = alone @ told[pair]
                whole = alone + own[k] * (1.0 - 1.0 / self._weights[block.start + k])  # as if it had full weight
                size = math.sqrt(float(miss @ np.linalg.solve(whole, miss)))
                self._weights[block.start + k] = max(min(1.0, (HUBER / max(size, 1e-9)) ** 2), WEIGHT_MIN)
        free = max(count - 2 * self._ties, 1)
        return float(np.sqrt(square / free))


def _unit(rays: Array) -> Array:
    found: Array = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    return found


def _spread(jitter: Array, own: Array, weights: Array) -> Array:
    """(2N, 2N) covariance of what is new in a picture: its pose's jitter (N, 8, 2), shared by all looks, and each
    look's own (N, 2, 2) by its weight."""
    flat = jitter.transpose(0, 2, 1).reshape(-1, jitter.shape[1])
    spread: Array = flat @ flat.T
    for k, block in enumerate(own / weights[:, None, None]):
        spread[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] += block
    return spread
