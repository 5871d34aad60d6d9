"""A pinhole camera over the street: exact projection, pixel rays and the homography of the ground plane."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.sim.texture import FloatImage

NEAR_M = 0.15


@dataclass(frozen=True)
class Camera:
    """Pinhole without distortion. Local axes are east, north, up in metres; pixel (0, 0) is the centre of the top
    left pixel.

    yaw_deg is the compass heading of the view (0 = north, 90 = east), pitch_deg is positive upwards (-90 = straight
    down), fov_deg is the horizontal field of view.
    """

    east_m: float
    north_m: float
    up_m: float
    yaw_deg: float
    pitch_deg: float
    fov_deg: float
    width: int = 1280
    height: int = 720

    @property
    def focal_px(self) -> float:
        """Focal length in pixels, the same along both axes."""
        return self.width / 2 / float(np.tan(np.radians(self.fov_deg) / 2))

    @cached_property
    def position(self) -> NDArray[np.float64]:
        """(3,) east, north, up in metres."""
        return np.array([self.east_m, self.north_m, self.up_m])

    @cached_property
    def rotation(self) -> NDArray[np.float64]:
        """(3, 3) rows right, down, forward: world vector -> camera vector."""
        yaw, pitch = np.radians(self.yaw_deg), np.radians(self.pitch_deg)
        forward = np.array([np.sin(yaw) * np.cos(pitch), np.cos(yaw) * np.cos(pitch), np.sin(pitch)])
        right = np.array([np.cos(yaw), -np.sin(yaw), 0.0])
        return np.stack([right, np.cross(forward, right), forward])

    @cached_property
    def intrinsics(self) -> NDArray[np.float64]:
        """(3, 3) camera matrix K."""
        f = self.focal_px
        return np.array([[f, 0, (self.width - 1) / 2], [0, f, (self.height - 1) / 2], [0, 0, 1.0]])

    def project(self, points: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(..., 3) world metres -> ((..., 2) px, (...) depth in metres along the view axis; <= 0 means behind)."""
        seen = (np.asarray(points, float) - self.position) @ self.rotation.T
        depth = seen[..., 2]
        safe = np.where(np.abs(depth) < 1e-9, 1e-9, depth)
        px = seen[..., :2] / safe[..., None] * self.focal_px + self.intrinsics[:2, 2]
        return px, depth

    def rays(self, scale: float = 1.0) -> FloatImage:
        """(H*scale, W*scale, 3) float32 view directions in world axes, not normalised, one per pixel centre."""
        columns = (np.arange(round(self.width * scale)) + 0.5) / scale - 0.5
        rows = (np.arange(round(self.height * scale)) + 0.5) / scale - 0.5
        x = (columns - self.intrinsics[0, 2]) / self.focal_px
        y = (rows - self.intrinsics[1, 2]) / self.focal_px
        grid = np.stack(np.broadcast_arrays(x[None, :], y[:, None], 1.0), axis=-1)
        return (grid @ self.rotation).astype(np.float32)

    def ground_homography(self) -> NDArray[np.float64]:
        """(3, 3) image px -> local (east_m, north_m) on the ground plane up = 0, scaled so that its largest
        entry is 1."""
        columns = np.column_stack([self.rotation[:, 0], self.rotation[:, 1], -self.rotation @ self.position])
        inverse = np.linalg.inv(self.intrinsics @ columns)
        scaled: NDArray[np.float64] = inverse / inverse.flat[np.abs(inverse).argmax()]
        return scaled

    def to_ground(self, px: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) px -> (..., 2) local metres on the ground plane; px must lie below the horizon."""
        px = np.asarray(px, float)
        mapped = np.concatenate([px, np.ones((*px.shape[:-1], 1))], axis=-1) @ self.ground_homography().T
        return mapped[..., :2] / mapped[..., 2:]

    def distance_m(self, east_m: float, north_m: float, up_m: float = 0.0) -> float:
        """Distance from the camera to a point, metres: the order in which things are painted."""
        return float(np.linalg.norm(np.array([east_m, north_m, up_m]) - self.position))
