"""From a box in the picture to a place on the ground, with an honest error ellipse."""

import math
from dataclasses import dataclass

import numpy as np
import pymap3d
from numpy.typing import NDArray

from edge.watch.boxes import Box, foot
from edge.watch.survey import NotCalibrated as NotCalibrated
from edge.watch.survey import fit
from edge.wire import CaseClass, Place

PIXEL_ERROR = 3.0  # one sigma of a box's foot, and a share of its height
HEIGHT_ERROR_SHARE = 0.05
CALIBRATION_ERROR_M = 0.3  # of the surveyed coordinates themselves


@dataclass(frozen=True)
class Point:
    """A picked point: pixel of the camera's picture and its WGS-84 place."""

    x: float
    y: float
    lat: float
    lon: float


class Ground:
    """A camera's ground plane. With a wall's foot line, things on the wall are placed at its foot."""

    def __init__(self, points: list[Point], wall: list[tuple[float, float]] | None = None) -> None:
        """`points`: at least four, not on one line; `wall`: polygon of the wall in pixels. Raises NotCalibrated."""
        if not points:
            raise NotCalibrated("0 calibration points; pick at least 4 that lie on the ground")
        self._lat0, self._lon0 = points[0].lat, points[0].lon
        pixels = np.array([[p.x, p.y] for p in points], np.float64)
        local = np.array([self._to_local(p.lat, p.lon) for p in points], np.float64)
        self.fit = fit(pixels, local)
        self._wall = wall

    def place(self, box: Box, case_class: CaseClass) -> Place:
        """Ground place of the thing in a box of pixels; errors are one sigma in metres.

        The error of the foot's pixel and of the homography there, both through the homography's Jacobian, and the
        error of the surveyed coordinates."""
        x, y = foot(box)
        if case_class == "poster" and self._wall:
            x, y = _wall_foot(self._wall, (box[0] + box[2]) / 2)
        east, north = self.fit.metres(x, y)
        major, minor, azimuth = ellipse(self.covariance(x, y, PIXEL_ERROR + HEIGHT_ERROR_SHARE * (box[3] - box[1])))
        lat, lon, _ = pymap3d.enu2geodetic(east, north, 0.0, self._lat0, self._lon0, 0.0)
        return Place(
            lat=float(lat), lon=float(lon), error_major_m=major, error_minor_m=minor, error_azimuth_deg=azimuth
        )

    def covariance(self, x: float, y: float, sigma_px: float) -> NDArray[np.float64]:
        """(2, 2) east-north covariance in m^2 of the ground at a pixel that is known to `sigma_px`."""
        jacobian = self.fit.jacobian(x, y)
        in_picture = np.eye(2) * sigma_px**2 + self.fit.picture_covariance(x, y)
        return np.asarray(jacobian @ in_picture @ jacobian.T + np.eye(2) * CALIBRATION_ERROR_M**2, np.float64)

    def _to_local(self, lat: float, lon: float) -> tuple[float, float]:
        east, north, _ = pymap3d.geodetic2enu(lat, lon, 0.0, self._lat0, self._lon0, 0.0)
        return float(east), float(north)


def ellipse(covariance: NDArray[np.float64]) -> tuple[float, float, float]:
    """(2, 2) east-north covariance in m^2 -> one-sigma major and minor axis in m, azimuth of the major in degrees."""
    values, vectors = np.linalg.eigh(covariance)
    major, minor = math.sqrt(max(values[1], 1e-6)), math.sqrt(max(values[0], 1e-6))
    east, north = vectors[:, 1]
    return major, minor, math.degrees(math.atan2(east, north)) % 180.0


def _wall_foot(wall: list[tuple[float, float]], x: float) -> tuple[float, float]:
    """The lowest point of the wall's outline in the column x (pixels); the nearest column where x is outside."""
    edges = list(zip(wall, wall[1:] + wall[:1], strict=True))
    x = min(max(x, min(p[0] for p in wall)), max(p[0] for p in wall))
    heights = [
        y1 + (y2 - y1) * (x - x1) / (x2 - x1)
        for (x1, y1), (x2, y2) in edges
        if x1 != x2 and min(x1, x2) <= x <= max(x1, x2)
    ]
    return x, max(heights)
