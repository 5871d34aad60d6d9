"""Soft shadows of solid models on the ground and on the wall behind the pavement."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.sim.camera import NEAR_M, Camera
from edge.sim.paint import Light
from edge.sim.solid import Floats, Model
from edge.sim.texture import FloatImage, Image

HALF = 2  # shadows are drawn at half the picture's size: they are soft anyway
WALL_NORTH_M = 0.0
FINE_M = 0.005  # spokes and wires cast no shadow worth drawing


def cast(points: Floats, sun: Floats) -> Floats:
    """(..., 3) points -> where their shadow falls: the ground up = 0, or the wall plane north = 0 in front of it."""
    to_ground = points[..., 2] / sun[2]
    to_wall = np.where(sun[1] < -1e-6, (points[..., 1] - WALL_NORTH_M + 0.01) / min(sun[1], -1e-6), np.inf)
    to_wall = np.where(points[..., 1] < WALL_NORTH_M, to_wall, np.inf)
    reach = np.minimum(to_ground, to_wall)
    fallen: Floats = points - np.maximum(reach, 0)[..., None] * sun
    return fallen


def shadow_map(models: Iterable[Model], camera: Camera, light: Light) -> FloatImage:
    """(H, W) float32 share of light that is left, 1 in the open."""
    shape = (-(-camera.height // HALF), -(-camera.width // HALF))
    sun, contact = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    for model in models:
        _cast_model(model, camera, light, sun)
        _contact(model, camera, contact)
    return cv2.resize(_left(sun, contact, camera, light), (camera.width, camera.height), interpolation=cv2.INTER_LINEAR)


def darken(image: Image, model: Model, camera: Camera, light: Light) -> None:
    """Put one mover's shadow into a picture, touching only the pixels around it."""
    points = model.points()
    px, depth = camera.project(np.concatenate([cast(points, light.sun), points * (1, 1, 0)]))
    if (depth <= NEAR_M).any():
        return
    low = np.maximum(px.min(0) - 12, 0).astype(int) // HALF * HALF
    high = np.minimum(px.max(0) + 12, (camera.width, camera.height)).astype(int)
    if (high - low < 2 * HALF).any():
        return
    masks = np.zeros((2, -(-(high[1] - low[1]) // HALF), -(-(high[0] - low[0]) // HALF)), np.uint8)
    _cast_model(model, camera, light, masks[0], low)
    _contact(model, camera, masks[1], low)
    left = cv2.resize(_left(masks[0], masks[1], camera, light), (int(high[0] - low[0]), int(high[1] - low[1])))
    roi = image[low[1] : high[1], low[0] : high[0]]
    roi[:] = (roi * left[..., None]).astype(np.uint8)


def _left(sun: Image, contact: Image, camera: Camera, light: Light) -> FloatImage:
    """Blur both masks and turn them into the share of light that is left."""
    scale = camera.focal_px / 8 / HALF
    sun = cv2.GaussianBlur(sun, (0, 0), max(0.7, light.softness_m * scale))
    contact = cv2.GaussianBlur(contact, (0, 0), max(1.0, 0.09 * scale))
    return (1 - light.shadow * sun.astype(np.float32) / 255) * (1 - 0.55 * contact.astype(np.float32) / 255)


def _pixels(px: Floats, origin: ArrayLike) -> NDArray[np.int32]:
    half = np.clip((px - np.asarray(origin)) / HALF, -9999, 9999)
    whole: NDArray[np.int32] = np.round(half).astype(np.int32)
    return whole


def _cast_model(model: Model, camera: Camera, light: Light, mask: Image, origin: ArrayLike = (0, 0)) -> None:
    if model.quads:
        _fill(cast(np.concatenate(model.quads), light.sun), camera, mask, origin)
    for decal in model.decals:
        if decal.corners[:, 1].max() < WALL_NORTH_M - 0.05:
            _fill(cast(decal.corners, light.sun)[None], camera, mask, origin)
    for stroke in model.strokes:
        if stroke.radius_m < FINE_M:
            continue
        px, depth = camera.project(cast(stroke.points, light.sun))
        if (depth > NEAR_M).all():
            width = 2 * stroke.radius_m * camera.focal_px / float(depth.mean()) / HALF
            line = _pixels(px, origin)
            cv2.polylines(mask, [line], False, min(255, int(255 * width)) if width < 1 else 255, max(1, round(width)))


def _fill(quads: Floats, camera: Camera, mask: Image, origin: ArrayLike) -> None:
    px, depth = camera.project(quads)
    points = _pixels(px, origin)
    for i in np.flatnonzero((depth > NEAR_M).all(1)):
        cv2.fillConvexPoly(mask, points[i], 255)


def _contact(model: Model, camera: Camera, mask: Image, origin: ArrayLike = (0, 0)) -> None:
    """The dark line where a thing meets the ground."""
    points = model.points()
    low = points[points[:, 2] < 0.12]
    if len(low) < 3:
        return
    px, depth = camera.project(np.column_stack([low[:, :2], np.zeros(len(low))]))
    if (depth > NEAR_M).all():
        hull = cv2.convexHull(_pixels(px, origin))
        cv2.fillConvexPoly(mask, hull, 160)
