"""Put painted things into a street picture in the right order, and say exactly what of each can be seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.sim.camera import Camera
from edge.sim.paint import Light, Sprite, paint
from edge.sim.shadow import darken, shadow_map
from edge.sim.solid import Model
from edge.sim.texture import FloatImage, Image
from edge.sim.things import Thing, standing_model

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Seen:
    """A thing in one picture: its full silhouette's box and its visible box (px, x2/y2 exclusive, clipped to the
    frame), and the exact share
    of its silhouette that is neither covered nor outside the frame."""

    thing: Thing
    box: Box
    visible: float
    visible_box: Box | None = None


@dataclass
class Layers:
    """A picture in the making: colours, the distance of the topmost thing per pixel, and its number (-1 = bare
    street)."""

    image: Image
    distance: FloatImage
    owner: NDArray[np.int16]
    sprites: list[tuple[Thing, Sprite]] = field(default_factory=list)

    @staticmethod
    def over(image: Image) -> Layers:
        """Start with the bare street."""
        return Layers(
            image.copy(), np.full(image.shape[:2], np.inf, np.float32), np.full(image.shape[:2], -1, np.int16)
        )

    def copy(self) -> Layers:
        """An independent copy: movers are put into the copy, the still part is kept."""
        return Layers(self.image.copy(), self.distance.copy(), self.owner.copy(), list(self.sprites))

    def put(self, thing: Thing, sprite: Sprite, distance_m: float) -> None:
        """Blend a sprite in behind whatever is nearer."""
        height, width = self.image.shape[:2]
        x0, y0 = max(sprite.x, 0), max(sprite.y, 0)
        x1, y1 = min(sprite.x + sprite.bgra.shape[1], width), min(sprite.y + sprite.bgra.shape[0], height)
        self.sprites.append((thing, sprite))
        if x1 <= x0 or y1 <= y0:
            return
        part, here = sprite.bgra[y0 - sprite.y : y1 - sprite.y, x0 - sprite.x : x1 - sprite.x], np.s_[y0:y1, x0:x1]
        behind = self.distance[here] < distance_m
        over = np.where(behind, 0, part[..., 3]).astype(np.uint16)[..., None]
        color = np.where(behind[..., None], 0, part[..., :3])
        self.image[here] = ((self.image[here] * (255 - over) + 127) // 255 + color).clip(0, 255)
        covered = over[..., 0] >= 128
        self.distance[here][covered] = distance_m
        self.owner[here][covered] = len(self.sprites) - 1

    def seen(self) -> list[Seen]:
        """What can be seen of every thing put in so far."""
        height, width = self.image.shape[:2]
        found = []
        for number, (thing, sprite) in enumerate(self.sprites):
            x0, y0, x1, y1 = sprite.box
            box = (max(x0, 0), max(y0, 0), min(x1, width), min(y1, height))
            if box[2] <= box[0] or box[3] <= box[1]:
                continue
            mine = self.owner[box[1] : box[3], box[0] : box[2]] == number
            found.append(Seen(thing, box, round(float(mine.sum()) / sprite.area, 4), _tight(mine, box)))
        return found


def _tight(mine: NDArray[np.bool_], box: Box) -> Box | None:
    if not mine.any():
        return None
    columns, rows = np.flatnonzero(mine.any(0)), np.flatnonzero(mine.any(1))
    return box[0] + int(columns[0]), box[1] + int(rows[0]), box[0] + int(columns[-1]) + 1, box[1] + int(rows[-1]) + 1


Painter = Callable[[Thing, Model], Sprite | None]


def compose(
    street: Image, things: Sequence[Thing], camera: Camera, light: Light, painter: Painter | None = None
) -> Layers:
    """Paint things with their shadows onto a picture of the bare street; a painter may remember sprites."""
    models = [(thing, standing_model(thing)) for thing in things]
    left = shadow_map((model for thing, model in models if thing.label != "poster"), camera, light)
    layers = Layers.over(cv2.multiply(street, cv2.merge([left] * 3), dtype=cv2.CV_8U))
    _put_all(layers, models, camera, painter or (lambda thing, model: paint(model, camera, light, thing.seed)))
    return layers


def add_movers(layers: Layers, things: Sequence[Thing], camera: Camera, light: Light) -> None:
    """Put movers into a picture: each shadow first, then the movers from far to near; quick, without grain."""
    models = [(thing, thing.model()) for thing in things]
    for _, model in models:
        darken(layers.image, model, camera, light)
    _put_all(layers, models, camera, lambda thing, model: paint(model, camera, light, thing.seed, grain=0.0))


def _put_all(layers: Layers, models: list[tuple[Thing, Model]], camera: Camera, painter: Painter) -> None:
    for thing, model in sorted(models, key=lambda pair: -depth_m(pair[0], pair[1], camera)):
        sprite = painter(thing, model)
        if sprite is not None:
            layers.put(thing, sprite, depth_m(thing, model, camera))


def depth_m(thing: Thing, model: Model, camera: Camera) -> float:
    """The distance by which things are ordered: that of the middle of the footprint, the wall's for posters."""
    if thing.label == "poster":
        return camera.distance_m(thing.east_m, thing.north_m, thing.up_m) + 50.0
    return camera.distance_m(
        thing.east_m, thing.north_m, 0.0 if camera.pitch_deg > -60 else float(model.points()[:, 2].mean())
    )
