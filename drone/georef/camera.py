"""The lens: pixel to ray and back, with distortion; OpenCV does the arithmetic."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

DIAGONAL_35MM = math.hypot(36.0, 24.0)
EXACT_PX = 1e-4
STEPS_MAX = 100

Array = NDArray[np.float64]


class CameraError(ValueError):
    """A camera description that cannot be used, or a pixel that it cannot place; `str()` is one line."""


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole with OpenCV's distortion (k1, k2, p1, p2[, k3[, k4, k5, k6]]). Pixels; (0, 0) is the centre of the top
    left pixel. Camera axes: right, down, forward."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        numbers = (self.width, self.height, self.fx, self.fy)
        if not all(math.isfinite(v) and v > 0 for v in numbers) or len(self.distortion) not in (0, 4, 5, 8):
            raise CameraError(f"camera {self}: give width, height, fx, fy above 0 and 0, 4, 5 or 8 distortion numbers")

    @classmethod
    def from_hfov(cls, width: int, height: int, hfov_deg: float) -> Intrinsics:
        """From the horizontal field of view, square pixels, principal point in the middle. Raises CameraError."""
        if not 1 <= hfov_deg <= 170:
            raise CameraError(f"field of view {hfov_deg} degrees: give 1 to 170, horizontally")
        focal = width / 2 / math.tan(math.radians(hfov_deg) / 2)
        return cls(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)

    @classmethod
    def from_35mm(cls, width: int, height: int, focal_mm: float) -> Intrinsics:
        """From the focal length of a 35 mm camera with the same diagonal field of view (CIPA DCG-001)."""
        focal = focal_mm / DIAGONAL_35MM * math.hypot(width, height)
        return cls(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)

    @property
    def matrix(self) -> Array:
        """(3, 3) camera matrix K."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1.0]])

    def rays(self, pixels: ArrayLike) -> Array:
        """(N, 2) px -> (N, 3) unit vectors in camera axes. Raises CameraError for a pixel that no ray falls on."""
        px = np.asarray(pixels, np.float64).reshape(-1, 2)
        flat = (px - (self.cx, self.cy)) / (self.fx, self.fy)
        if self.distortion:
            flat = self._unbent(px)
        rays = np.column_stack([flat, np.ones(len(flat))])
        unit: Array = rays / np.linalg.norm(rays, axis=1, keepdims=True)
        return unit

    def project(self, points: ArrayLike) -> Array:
        """(N, 3) points in camera axes, before the camera -> (N, 2) px."""
        xyz = np.asarray(points, np.float64).reshape(-1, 1, 3)
        bent = np.array(self.distortion or (0.0,) * 4, np.float64)
        px, _ = cv2.projectPoints(xyz, np.zeros(3), np.zeros(3), self.matrix, bent)
        return np.asarray(px, np.float64).reshape(-1, 2)

    def holds(self, x: float, y: float) -> bool:
        """Whether the pixel lies in the picture."""
        return -0.5 <= x <= self.width - 0.5 and -0.5 <= y <= self.height - 0.5

    def _unbent(self, px: Array) -> Array:
        """(N, 2) px -> (N, 2) undistorted, at distance 1: OpenCV's answer, whose five steps stay short at the edge,
        improved until projecting it gives the pixel back. A distortion polynomial folds back beyond the picture's edge;
        there it never does."""
        bent = np.array(self.distortion, np.float64)
        flat = np.asarray(cv2.undistortPoints(px.reshape(-1, 1, 2), self.matrix, bent), np.float64).reshape(-1, 2)
        for _ in range(STEPS_MAX):
            off = px - self.project(np.column_stack([flat, np.ones(len(flat))]))
            if np.max(np.abs(off)) < EXACT_PX:
                return flat
            flat = flat + off / (self.fx, self.fy)
        raise CameraError("a pixel outside what the distortion model describes; calibrate to the picture's edge")


def read_camera(path: Path) -> Intrinsics:
    """A JSON file with width, height, fx, fy, cx, cy and distortion (a list). Raises CameraError."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        fx, fy, cx, cy = (float(given[name]) for name in ("fx", "fy", "cx", "cy"))
        bent = tuple(float(v) for v in given.get("distortion", ()))
        return Intrinsics(int(given["width"]), int(given["height"]), fx, fy, cx, cy, bent)
    except OSError as error:
        raise CameraError(f"{path}: cannot be read ({error.strerror})") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        words = "give JSON with width, height, fx, fy, cx, cy in px and distortion as a list"
        raise CameraError(f"{path}: no camera ({error}); {words}") from None


def scaled(camera: Intrinsics, width: int, height: int, source: str) -> Intrinsics:
    """The same lens at the video's size; only where the shape is the same. Raises CameraError."""
    factor = width / camera.width
    if abs(camera.height * factor - height) > 1:
        raise CameraError(f"{source}: is for {camera.width} x {camera.height}, the picture is {width} x {height}")
    centre = ((camera.cx + 0.5) * factor - 0.5, (camera.cy + 0.5) * factor - 0.5)
    return Intrinsics(width, height, camera.fx * factor, camera.fy * factor, *centre, camera.distortion)
