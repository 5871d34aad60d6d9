"""Picked points -> ground homography with its error: least squares in pixels, and words for sets that give none.

Clicks err in pixels, so the homography that is fitted maps the ground to the picture; its parameters' covariance is
s^2 (A^T A)^-1 with A the derivative of the projected pixels by the eight parameters and s the clicks' error, estimated
from the residuals (Hartley and Zisserman, Multiple View Geometry, 2nd ed., sections 4.1 and 5.2).
"""

from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

PICK_ERROR_PX = 2.0  # one sigma of a click; four points alone leave no residual that could tell
LINE_SHARE = 0.01  # a triangle flatter than that is a line: its height as a share of its longest side
POINTS_MAX = 100

Array = NDArray[np.float64]


class NotCalibrated(ValueError):
    """Points that give no ground homography; `str()` is one line with the mend."""


@dataclass(frozen=True)
class Fit:
    """`to_ground`: (3, 3) pixel -> local metres (east, north). `residuals_px`: (N,), from each point's pixel to
    where its place projects; `residuals_m`: (N,), from its place to where its pixel lies. `pick_px`: one sigma of a
    click in x and in y. `parameters`: (8, 8) covariance of the ground -> picture homography with its last element 1."""

    to_ground: Array
    to_picture: Array
    residuals_px: Array
    residuals_m: Array
    pick_px: float
    parameters: Array

    def metres(self, x: float, y: float) -> tuple[float, float]:
        """Ground (east, north) of a pixel."""
        east, north = _mapped(self.to_ground, np.array([[x, y]]))[0]
        return float(east), float(north)

    def jacobian(self, x: float, y: float) -> Array:
        """(2, 2) d(east, north) / d(x, y) at a pixel."""
        e, n, w = self.to_ground @ np.array([x, y, 1.0])
        top = self.to_ground[:2, :2]
        return np.asarray((top - np.outer([e / w, n / w], self.to_ground[2, :2])) / w, np.float64)

    def picture_covariance(self, x: float, y: float) -> Array:
        """(2, 2) px^2: how far the fitted homography itself is off at this pixel."""
        slope = _by_parameters(self.to_picture, np.array([self.metres(x, y)]))
        return np.asarray(slope @ self.parameters @ slope.T, np.float64)


def fit(pixels: Array, ground: Array) -> Fit:
    """`pixels`: (N, 2) in the picture, `ground`: (N, 2) east, north in metres near 0. Raises NotCalibrated."""
    refuse_degenerate(pixels, ground)
    found, _ = cv2.findHomography(ground, pixels, 0)
    if found is None or not np.all(np.isfinite(found)) or abs(found[2, 2]) < 1e-9:
        raise NotCalibrated("the points give no homography; pick 4 corners of an area on the ground")
    to_picture = np.asarray(found, np.float64) / found[2, 2]
    to_ground = np.linalg.inv(to_picture)
    residuals_px = np.linalg.norm(_mapped(to_picture, ground) - pixels, axis=1)
    residuals_m = np.linalg.norm(_mapped(to_ground, pixels) - ground, axis=1)
    slope = _by_parameters(to_picture, ground)
    freedom = 2 * len(pixels) - 8
    pick_px = float(np.sqrt(np.sum(residuals_px**2) / freedom)) if freedom else PICK_ERROR_PX
    parameters = np.asarray(np.linalg.pinv(slope.T @ slope, hermitian=True) * pick_px**2, np.float64)
    return Fit(to_ground, to_picture, residuals_px, residuals_m, pick_px, parameters)


def refuse_degenerate(pixels: Array, ground: Array) -> None:
    """Raises NotCalibrated for sets through which no, or more than one, homography goes."""
    if len(pixels) < 4:
        raise NotCalibrated(f"{len(pixels)} calibration points; pick at least 4 that lie on the ground")
    if len(pixels) > POINTS_MAX:
        raise NotCalibrated(f"{len(pixels)} calibration points; {POINTS_MAX} are enough")
    for name, points in (("in the picture", pixels), ("on the ground", ground)):
        if not np.all(np.isfinite(points)):
            raise NotCalibrated(f"a point {name} is no number; type it again")
        if not _four_corners(points):
            raise NotCalibrated(
                f"calibration points lie on one line {name}, or all but one do; pick 4 corners of an area on the ground"
            )


def refuse_doubtful(found: Fit, pixels: Array, ground: Array) -> None:
    """What a person at the page should mend though a homography exists. Raises NotCalibrated."""
    for name, points in (("in the picture", pixels), ("on the ground", ground)):
        same = next((pair for pair in combinations(range(len(points)), 2) if _close(points, pair)), None)
        if same is not None:
            raise NotCalibrated(f"points {same[0] + 1} and {same[1] + 1} are the same {name}; move or delete one")
    depth = np.column_stack([pixels, np.ones(len(pixels))]) @ found.to_ground[2]
    if depth.min() * depth.max() <= 0:
        raise NotCalibrated(
            "the horizon passes between the points; some pixel is not of the ground, or two are swapped"
        )
    turned = [np.linalg.det(found.jacobian(x, y)) > 0 for x, y in pixels]
    if any(turned):
        raise NotCalibrated(
            "the ground would be seen from below: two points are swapped, or latitude and longitude are"
        )


def _close(points: Array, pair: tuple[int, int]) -> bool:
    size = float(np.ptp(points, axis=0).max())
    return bool(np.linalg.norm(points[pair[0]] - points[pair[1]]) <= 1e-3 * size)


def _four_corners(points: Array) -> bool:
    """Whether some four points have no three on one line. With N points it is enough to try those around the outline
    and the rest of a small set: sets are small (POINTS_MAX), and the first four that do end the search."""
    found = cv2.convexHull(points.astype(np.float32), returnPoints=False)
    hull = [int(i) for i in found.ravel()]
    order = [*hull, *(i for i in range(len(points)) if i not in hull)][:12]
    return any(
        not any(_on_a_line(points[list(three)]) for three in combinations(four, 3)) for four in combinations(order, 4)
    )


def _on_a_line(three: Array) -> bool:
    a, b, c = three
    longest = max(np.linalg.norm(b - a), np.linalg.norm(c - a), np.linalg.norm(c - b))
    doubled = abs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))
    return bool(doubled <= LINE_SHARE * longest**2)


def _mapped(h: Array, points: Array) -> Array:
    out = np.column_stack([points, np.ones(len(points))]) @ h.T
    return np.asarray(out[:, :2] / out[:, 2:], np.float64)


def _by_parameters(h: Array, ground: Array) -> Array:
    """(2N, 8) derivative of the projected pixels by h11..h32, h33 = 1."""
    rows = []
    for x, y in ground:
        w = h[2] @ (x, y, 1.0)
        u, v = (h[:2] @ (x, y, 1.0)) / w
        rows.append(np.array([x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y]) / w)
        rows.append(np.array([0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y]) / w)
    return np.array(rows)
