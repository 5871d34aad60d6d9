"""Paint a solid model as one camera sees it: shading, grain, and an exact coverage mask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.sim.camera import NEAR_M, Camera
from edge.sim.solid import Decal, Floats, Model, Stroke
from edge.sim.texture import Image, noise

Draw = Callable[[Image], object]  # puts one part onto a canvas
Job = tuple[float, Draw]  # depth in metres, what to draw there
Pixels = NDArray[np.int32]
SUB = 4  # fractional bits of pixel coordinates handed to OpenCV
COVERED = 128  # a pixel belongs to a thing when it is covered at least half


@dataclass(frozen=True)
class Light:
    """Sun direction (3,) unit vector towards the sun, and how much the sun, the sky and the shadows weigh."""

    sun: NDArray[np.float64]
    direct: float = 0.45
    sky: float = 0.68
    shadow: float = 0.5
    softness_m: float = 0.05

    @staticmethod
    def seeded(rng: np.random.Generator) -> Light:
        """A sun somewhere in the south, now and then behind thick cloud."""
        azimuth, height = np.radians(rng.uniform(120, 240)), np.radians(rng.uniform(32, 68))
        sun = np.array([np.sin(azimuth) * np.cos(height), np.cos(azimuth) * np.cos(height), np.sin(height)])
        cloudy = rng.random() < 0.5
        direct = rng.uniform(0.12, 0.25) if cloudy else rng.uniform(0.35, 0.55)
        return Light(
            sun,
            direct,
            1.08 - direct,
            rng.uniform(0.15, 0.3) if cloudy else rng.uniform(0.4, 0.6),
            0.25 if cloudy else 0.05,
        )


@dataclass(frozen=True)
class Sprite:
    """A painted thing: its top left corner (px), premultiplied BGRA (h, w, 4), tight box and covered pixel count."""

    x: int
    y: int
    bgra: Image
    box: tuple[int, int, int, int]
    area: int

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(h, w) pixels that belong to the thing."""
        return self.bgra[..., 3] >= COVERED


def paint(
    model: Model, camera: Camera, light: Light, seed: int, supersample: int = 2, grain: float = 0.07
) -> Sprite | None:
    """Paint a placed model; None when nothing of it is in front of the camera or near the frame."""
    frame = _region(model, camera)
    if frame is None:
        return None
    x0, y0, x1, y1 = frame
    canvas = np.zeros(((y1 - y0) * supersample, (x1 - x0) * supersample, 4), np.uint8)
    origin = np.array([x0 - 0.5, y0 - 0.5])
    for _, draw in sorted(_jobs(model, camera, light, origin, supersample), key=lambda job: -job[0]):
        draw(canvas)
    small = cv2.resize(canvas, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    return _sprite(_grained(small, seed, grain) if grain else small, x0, y0)


def _region(model: Model, camera: Camera) -> tuple[int, int, int, int] | None:
    px, depth = camera.project(model.points())
    ahead = depth > NEAR_M
    if not ahead.any():
        return None
    pad = 3 + camera.focal_px * 0.1 / float(depth[ahead].min())
    low, high = px[ahead].min(0) - pad, px[ahead].max(0) + pad
    size = np.array([camera.width, camera.height])
    low, high = np.maximum(low, -0.5 * size), np.minimum(high, 1.5 * size)
    if (high <= np.maximum(low, 0)).any() or (low >= size).any() or (high - low < 2).any():
        return None
    return int(low[0]), int(low[1]), int(high[0]) + 1, int(high[1]) + 1


def _jobs(model: Model, camera: Camera, light: Light, origin: Floats, scale: int) -> Iterator[Job]:
    """Drawing jobs as (depth in metres, function of the canvas)."""
    if model.quads:
        yield from _quad_jobs(model, camera, light, origin, scale)
    for stroke in model.strokes:
        yield from _stroke_jobs(stroke, camera, light, origin, scale)
    for decal in model.decals:
        px, depth = camera.project(decal.corners)
        if (depth > NEAR_M).all():
            yield float(depth.mean()), _decal_job(decal, (px - origin) * scale - 0.5, light)


def _quad_jobs(model: Model, camera: Camera, light: Light, origin: Floats, scale: int) -> Iterator[Job]:
    quads = np.concatenate(model.quads)
    colors, gloss, closed = np.concatenate(model.colors), np.concatenate(model.gloss), np.concatenate(model.closed)
    px, depth = camera.project(quads)
    center = quads.mean(1)
    normal = np.cross(quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    facing = ((camera.position - center) * normal).sum(1)
    keep = (depth > NEAR_M).all(1) & ((facing > 0) | ~closed)
    normal = np.where(facing[:, None] < 0, -normal, normal)
    shaded = shade(normal, center, colors, gloss, camera.position, light)
    points = np.round(((px - origin) * scale - 0.5) * 2**SUB).astype(np.int32)
    order = depth.mean(1)
    for i in np.flatnonzero(keep):
        color = (*shaded[i].tolist(), 255)
        yield float(order[i]), _face_job(points[i], color)


def shade(normal: Floats, center: Floats, colors: Floats, gloss: Floats, eye: Floats, light: Light) -> Floats:
    """(k, 3) BGR of faces under sun and sky: Lambert's law plus a Blinn highlight."""
    lit = np.maximum(normal @ light.sun, 0)
    sky = light.sky * (0.72 + 0.28 * normal[:, 2])
    view = eye - center
    half = view / np.linalg.norm(view, axis=1, keepdims=True) + light.sun
    half /= np.maximum(np.linalg.norm(half, axis=1, keepdims=True), 1e-9)
    highlight = gloss * np.maximum((normal * half).sum(1), 0) ** 24
    diffuse = colors * (sky + light.direct * lit)[:, None]
    shaded: Floats = np.clip(diffuse + 255 * (highlight * (0.3 + light.direct))[:, None], 0, 255)
    return shaded


def _face_job(points: Pixels, color: tuple[float, ...]) -> Draw:
    return lambda canvas: cv2.fillConvexPoly(canvas, points, color, cv2.LINE_8, SUB)


def _stroke_jobs(stroke: Stroke, camera: Camera, light: Light, origin: Floats, scale: int) -> Iterator[Job]:
    px, depth = camera.project(stroke.points)
    width = 2 * stroke.radius_m * camera.focal_px / np.maximum(depth, NEAR_M) * scale
    points = np.round(((px - origin) * scale - 0.5) * 2**SUB).astype(np.int32)
    base = np.asarray(stroke.color) * (light.sky * 0.8 + light.direct * 0.25)
    bright = np.clip(np.asarray(stroke.color) * (light.sky + light.direct * 0.8) + 12, 0, 255)
    for i in range(len(points) - 1):
        if depth[i] > NEAR_M and depth[i + 1] > NEAR_M:
            middle, thick = float(depth[i] + depth[i + 1]) / 2, float(width[i])
            yield middle, _line_job(points[i], points[i + 1], thick, base)
            if thick >= 2.5:
                lift = np.array([0, round(thick * 0.2 * 2**SUB)])
                yield middle - 0.12, _line_job(points[i] - lift, points[i + 1] - lift, thick * 0.4, bright)


def _line_job(a: Pixels, b: Pixels, width: float, color: Floats) -> Draw:
    def draw(canvas: Image) -> None:
        cv2.line(canvas, a.tolist(), b.tolist(), (*color.tolist(), 255), max(1, round(width)), cv2.LINE_8, SUB)

    return draw


def _decal_job(decal: Decal, px: Floats, light: Light) -> Draw:
    def draw(canvas: Image) -> None:
        height, width = decal.image.shape[:2]
        low = np.maximum(np.floor(px.min(0)).astype(int) - 1, 0)
        high = np.minimum(np.ceil(px.max(0)).astype(int) + 2, canvas.shape[1::-1])
        if (high <= low).any():
            return
        source = np.array(
            [[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]], np.float32
        )
        warp = cv2.getPerspectiveTransform(source, (px - low).astype(np.float32))
        shrink = max(width / max(float(np.ptp(px[:, 0])), 1), height / max(float(np.ptp(px[:, 1])), 1))
        image = cv2.blur(decal.image, (int(shrink),) * 2) if shrink >= 2 else decal.image
        patch = cv2.warpPerspective(image, warp, tuple(int(n) for n in high - low), flags=cv2.INTER_LINEAR).astype(
            np.float32
        )
        alpha = patch[..., 3:] / 255
        patch[..., :3] *= alpha * (light.sky * 0.9 + light.direct * 0.5)
        roi = canvas[low[1] : high[1], low[0] : high[0]]
        roi[:] = np.clip(roi * (1 - alpha) + patch, 0, 255)

    return draw


def _grained(image: Image, seed: int, grain: float) -> Image:
    """Uneven dirt and weave over a painted thing, so that no face is one flat colour."""
    rng = np.random.default_rng(seed)
    height, width = image.shape[:2]
    field = 1 + grain * 0.6 * noise(height, width, rng, 5, 4) + grain * 0.6 * rng.standard_normal((height, width))
    rough = image.copy()
    rough[..., :3] = np.minimum(np.clip(image[..., :3] * field[..., None], 0, 255), image[..., 3:])
    return rough


def _sprite(image: Image, x: int, y: int) -> Sprite | None:
    mask = image[..., 3] >= COVERED
    if not mask.any():
        return None
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    box = (x + int(columns[0]), y + int(rows[0]), x + int(columns[-1]) + 1, y + int(rows[-1]) + 1)
    return Sprite(x, y, image, box, int(mask.sum()))
