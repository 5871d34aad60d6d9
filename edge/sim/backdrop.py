"""The still street without anything on it, seen by a camera: every pixel's ray is met with ground, wall, roof or
sky."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.sim.camera import Camera
from edge.sim.facade import wall
from edge.sim.paint import Light
from edge.sim.surface import WALL_M, Look, ground
from edge.sim.texture import FloatImage, Image, noise, tiled, tinted, to_bytes


@dataclass(frozen=True)
class Atlas:
    """The drawn surfaces of one look: ground and wall pictures at px_per_m, and a strip of roof."""

    look: Look
    ground: Image
    wall: Image
    roof: Image

    @staticmethod
    def drawn(look: Look) -> Atlas:
        """Draw all surfaces of a look."""
        rng = np.random.default_rng([look.seed, 14])
        size = round(8 * look.px_per_m), round(2 * look.half_m * look.px_per_m)
        roof = tinted(1 + (tiled("gravel", *size, 0.4 * look.px_per_m) - 1) * 0.3, (110, 112, 118))
        roof *= (1 + 0.1 * noise(size[0], size[1], rng, 10, 4))[..., None]
        return Atlas(look, ground(look), wall(look), to_bytes(roof))


def backdrop(atlas: Atlas, camera: Camera, light: Light, supersample: float = 1.0) -> Image:
    """(H, W, 3) uint8 picture of the bare street under a light."""
    rays = camera.rays(supersample)
    reach = _reach(rays, camera)
    nearest = reach.argmin(0)
    best = reach.min(0)
    point = camera.position.astype(np.float32) + rays * np.where(np.isfinite(best), best, 0)[..., None]
    image = np.zeros(rays.shape, np.uint8) if np.isfinite(best).all() else _sky(rays, atlas.look.seed)
    brightness = (
        light.sky + light.direct * max(0.0, float(light.sun[2])),
        light.sky * 0.8 + light.direct * max(0.0, -float(light.sun[1])),
        0.9,
    )
    surfaces = ((atlas.ground, -point[..., 1]), (atlas.wall, WALL_M - point[..., 2]), (atlas.roof, point[..., 1]))
    for index, (picture, down) in enumerate(surfaces):
        hit = (nearest == index) & np.isfinite(best)
        if hit.any():
            _sample(image, hit, picture, atlas.look, point[..., 0], down, brightness[index])
    size = (camera.width, camera.height)
    return image if supersample == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _reach(rays: FloatImage, camera: Camera) -> FloatImage:
    """(3, H, W) how far along each ray ground, wall and roof are met; inf where they are missed."""
    with np.errstate(divide="ignore", invalid="ignore"):
        down, north = rays[..., 2], rays[..., 1]
        to_ground = np.where(down < -1e-6, -camera.up_m / down, np.inf)
        to_wall = np.where(north > 1e-6, -camera.north_m / north, np.inf)
        height = camera.up_m + to_wall * down
        to_wall = np.where((height >= 0) & (height <= WALL_M), to_wall, np.inf)
        to_roof = np.where(down < -1e-6, (WALL_M - camera.up_m) / down, np.inf)
        to_roof = np.where((to_roof > 0) & (camera.north_m + to_roof * north > 0), to_roof, np.inf)
    return np.stack([to_ground, to_wall, to_roof]).astype(np.float32)


def _sky(rays: FloatImage, seed: int) -> Image:
    rng = np.random.default_rng([seed, 15])
    height, width = rays.shape[:2]
    rise = np.clip(rays[..., 2] / np.linalg.norm(rays, axis=-1), 0, 1)[..., None]
    horizon, zenith = (
        np.array([225, 222, 215], np.float32),
        np.array([215, 180, 140], np.float32) * rng.uniform(0.8, 1.1),
    )
    clouds = np.clip(noise(height, width, rng, 3, 4), 0, 2)[..., None] * 18
    return to_bytes(horizon * (1 - rise) + zenith * rise + clouds)


def _sample(
    image: Image,
    hit: NDArray[np.bool_],
    picture: Image,
    look: Look,
    east: FloatImage,
    down: FloatImage,
    brightness: float,
) -> None:
    """Look a surface up for the pixels that hit it, inside their bounding rows."""
    rows = np.flatnonzero(hit.any(1))
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    x = ((east[part] + look.half_m) * look.px_per_m - 0.5).astype(np.float32)
    y = (down[part] * look.px_per_m - 0.5).astype(np.float32)
    far = 2.5 * max(picture.shape)
    found = cv2.remap(
        picture, np.clip(x, -far, far), np.clip(y, -far, far), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    chosen = hit[part]
    image[part][chosen] = cv2.convertScaleAbs(found, alpha=brightness)[chosen]
