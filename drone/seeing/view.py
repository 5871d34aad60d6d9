"""One frame over the ground: which pixel shows a place, which places it shows, how finely and from how steep."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drone.georef.camera import Intrinsics
from drone.georef.frames import CAMERA
from drone.georef.geodesy import to_metres
from drone.georef.ground import Ground
from drone.georef.locate import DEPRESSION_MIN_DEG, Locator
from drone.georef.pose import Poses

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shown:
    """Of N places: pixel (N, 2), cm_px (N,) ground centimetres a pixel along the line of sight's own plane, the coarser
    of across and along it, depression_deg (N,), inside (N,): the picture holds it, steeply enough."""

    pixel: Array
    cm_px: Array
    depression_deg: Array
    inside: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FrameView:
    """The camera's pose at one moment over a ground. shift_m: one sigma of how far all of it may lie beside."""

    pose: Poses
    camera: Intrinsics
    ground: Ground
    shift_m: float

    @classmethod
    def of(cls, locator: Locator, at_s: float) -> FrameView:
        """The view at a moment of the telemetry's clock. Raises NotPlaced."""
        pose, sigmas = locator.pose(at_s)
        covariance = locator.correction.covariance(sigmas)
        height = float(pose.origins[0, 2] - _level(locator.ground, pose)[0])
        late = float(np.linalg.norm(pose.turns[0])) ** 2 * covariance[6, 6]
        turned = math.sqrt(covariance[0, 0] + covariance[1, 1] + late) * max(height, 0.0)
        moved = float(np.linalg.norm(pose.velocities[0])) * math.sqrt(covariance[6, 6])
        shift = math.hypot(math.sqrt(max(covariance[3, 3], covariance[4, 4])), math.hypot(turned, moved))
        return cls(pose, locator.camera, locator.ground, shift)

    @property
    def height_m(self) -> float:
        """Of the camera above the ground below it."""
        return float(self.pose.origins[0, 2] - _level(self.ground, self.pose)[0])

    @property
    def reach_m(self) -> float:
        """How far from the point below the camera the picture shows ground that counts, as on level ground and a fifth
        more for what is not."""
        w, h = self.camera.width - 1, self.camera.height - 1
        share = np.linspace(0, 1, 9)
        edges = [(x * w, y * h) for s in share for x, y in ((s, 0), (s, 1), (0, s), (1, s))]
        ned = CAMERA.apply(self.camera.rays(edges)) @ self.pose.rotations[0].T
        steep = np.maximum(np.arcsin(np.clip(ned[:, 2], -1, 1)), np.radians(DEPRESSION_MIN_DEG))
        return 1.2 * float((max(self.height_m, 0.0) / np.tan(steep)).max())

    @property
    def _wide(self) -> float:
        """Tangent of the angle to the farthest corner."""
        w, h = self.camera.width - 1, self.camera.height - 1
        rays = self.camera.rays([(0, 0), (w, 0), (0, h), (w, h)])
        return float((np.hypot(rays[:, 0], rays[:, 1]) / rays[:, 2]).max()) * 1.02

    def show(self, lat: Array, lon: Array, border_px: float = 0.0) -> Shown:
        """Where and how the picture shows places on the ground, given in degrees (N,)."""
        places = np.column_stack([lat, lon, self.ground.height_m(lat, lon)])
        enu = to_metres(places, self.pose.origins[:1])
        slant = np.maximum(np.linalg.norm(enu, axis=1), 1e-6)
        ned = np.column_stack([enu[:, 1], enu[:, 0], -enu[:, 2]])
        own = ned @ self.pose.rotations[0]
        cam = CAMERA.inv().apply(own)
        depth = cam[:, 2]
        wide = np.hypot(cam[:, 0], cam[:, 1]) / np.maximum(depth, 1e-6)
        ahead = (depth > 0.1) & (wide <= self._wide)  # a distortion polynomial folds back beyond the corners
        safe = np.where(ahead[:, None], cam, [0.0, 0.0, 1.0])
        pixel = self.camera.project(safe)
        depression = np.degrees(np.arcsin(np.clip(-enu[:, 2] / slant, -1, 1)))
        width, height = self.camera.width, self.camera.height
        fits = (
            (pixel[:, 0] >= border_px)
            & (pixel[:, 0] <= width - 1 - border_px)
            & (pixel[:, 1] >= border_px)
            & (pixel[:, 1] <= height - 1 - border_px)
        )
        across = 100 * depth / min(self.camera.fx, self.camera.fy)
        steep = np.sin(np.radians(np.clip(depression, 1.0, 90.0)))
        return Shown(pixel, across / np.sqrt(steep), depression, ahead & fits & (depression >= DEPRESSION_MIN_DEG))


def _level(ground: Ground, pose: Poses) -> Array:
    return ground.height_m(pose.origins[:1, 0], pose.origins[:1, 1])
