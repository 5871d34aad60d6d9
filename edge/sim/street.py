"""The sample street: one object that renders any second of a seeded street and knows the truth about it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.sim.backdrop import Atlas, backdrop
from edge.sim.camera import Camera
from edge.sim.geo import Anchor
from edge.sim.layout import layout
from edge.sim.life import moved
from edge.sim.paint import Light, Sprite, paint
from edge.sim.scene import Layers, Seen, add_movers, compose
from edge.sim.sensor import Grain, daylight, defocus
from edge.sim.solid import Model
from edge.sim.surface import KERB_M, PAVEMENT_M, ROAD_M
from edge.sim.texture import Image
from edge.sim.things import LABELS, Thing
from edge.sim.timetable import Event, Timetable, bin_of

STILLS_KEPT = 6
SPRITES_KEPT = 64
Polygon = list[list[float]]
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class Zone:
    """A named area: outline in image pixels, and on the ground in local metres and WGS-84 [lat, lon] (a wall's
    ground is its foot line)."""

    name: str
    image: Polygon
    local_m: Polygon
    wgs84: Polygon


class Street:
    """A rendered street with exact truth. The same seed gives the same street, events and (to the pixel) the same
    pictures.

    The guarantees of place (in view, large enough, unhidden) are made for pictures of 16:9; other shapes show more
    or less at the edges.
    """

    def __init__(self, seed: int = 1, width: int = 1280, height: int = 720, anchor: Anchor | None = None) -> None:
        if not (160 <= width <= 7680 and 90 <= height <= 4320 and width % 2 == 0 and height % 2 == 0):
            raise ValueError(f"picture size {width}x{height}: give even numbers between 160x90 and 7680x4320")
        if seed < 0:
            raise ValueError(f"seed {seed}: give a whole number from 0 upwards")
        self.seed, self.anchor = seed, anchor or Anchor()
        self.layout = layout(seed)
        self.camera: Camera = replace(self.layout.camera, width=width, height=height)
        self.timetable = Timetable(self.layout)
        self.light = Light.seeded(np.random.default_rng([seed, 61]))
        self.atlas = Atlas.drawn(self.layout.look)
        self._bare = backdrop(self.atlas, self.camera, self.light, 1.5)
        self._grain = Grain(width, height, seed)
        self._stills: OrderedDict[tuple[str, ...], Layers] = OrderedDict()
        self._sprites: OrderedDict[str, Sprite | None] = OrderedDict()

    def render(self, t_s: float) -> Image:
        """(H, W, 3) uint8 BGR, the kiosk camera's picture at a second of the street's time."""
        return self._exposed(self.layers(t_s), t_s)

    def boxes(self, t_s: float) -> list[Seen]:
        """Every thing of a case class, bin, person and car in the picture at that second, with exact box and
        visible share."""
        return _told(self.layers(t_s))

    def shot(self, t_s: float) -> tuple[Image, list[Seen]]:
        """`render` and `boxes` in one go, at the cost of one picture."""
        layers = self.layers(t_s)
        return self._exposed(layers, t_s), _told(layers)

    def events(self, until_s: float, from_s: float = 0.0) -> list[Event]:
        """Everything that touches [from_s, until_s), by start time."""
        return self.timetable.between(from_s, until_s)

    def layers(self, t_s: float, without: frozenset[str] = frozenset()) -> Layers:
        """The composed picture before the sensor, with its owner map; `without` leaves things out by id."""
        still, movers = self._things(t_s)
        layers = self._still([thing for thing in still if thing.id not in without]).copy()
        add_movers(layers, [thing for thing in movers if thing.id not in without], self.camera, self.light)
        return layers

    def still_layers(self, t_s: float) -> Layers:
        """The composed picture of what stands at that second, without movers."""
        return self._still(self._things(t_s)[0]).copy()

    def view(self, camera: Camera, t_s: float, without: frozenset[str] = frozenset()) -> tuple[Image, list[Seen]]:
        """The same street at the same second from anywhere, such as a drone: picture (H, W, 3) uint8 BGR and
        truth. `without` leaves things out by id. About 0.5 s."""
        still, movers = self._things(t_s)
        things = [thing for thing in still + movers if thing.id not in without]
        layers = compose(backdrop(self.atlas, camera, self.light, 1.5), things, camera, self.light)
        image = daylight(self.seed, t_s).apply(layers.image)
        grain = Grain(camera.width, camera.height, self.seed)
        return grain.apply(defocus(image, 0.5), round(t_s * 1000)), _told(layers)

    def homography(self) -> NDArray[np.float64]:
        """(3, 3) image px -> local (east_m, north_m) on the ground plane."""
        return self.camera.ground_homography()

    def calibration_points(self) -> list[dict[str, list[float]]]:
        """Six ground points as {"image": [x, y] px, "local_m": [east, north], "wgs84": [lat, lon]}; exact, all
        in view."""
        shares = ((0.1, 0.72), (0.9, 0.72), (0.1, 0.97), (0.9, 0.97), (0.5, 0.7), (0.5, 0.9))
        pixels = np.array(shares) * (self.camera.width, self.camera.height)
        return [
            {"image": px.tolist(), "local_m": ground.tolist(), "wgs84": list(self.anchor.to_wgs84(*ground.tolist()))}
            for px, ground in zip(pixels, self.camera.to_ground(pixels), strict=True)
        ]

    def zones(self) -> list[Zone]:
        """pavement, road, wall, bike_bay and permit_place."""
        left, right = self._span()
        kerb = -PAVEMENT_M
        far = max(kerb - KERB_M - ROAD_M, self._lowest_north())
        found = [
            self._flat("pavement", left, right, kerb, 0.0),
            self._flat("road", left, right, far, kerb - KERB_M),
            self._wall(left, right),
        ]
        found += [self._flat(m.kind, m.east0, m.east1, m.north0, m.north1) for m in self.layout.look.markings]
        return found

    def air_camera(self, height_m: float = 20.0, pitch_deg: float = -90.0, yaw_deg: float = 0.0) -> Camera:
        """A camera above the pavement looking down at it, for `view`."""
        back = height_m / np.tan(np.radians(-pitch_deg)) if pitch_deg > -90 else 0.0
        yaw = np.radians(yaw_deg)
        return Camera(
            -back * np.sin(yaw),
            -PAVEMENT_M / 2 - back * np.cos(yaw),
            height_m,
            yaw_deg,
            pitch_deg,
            60.0,
            self.camera.width,
            self.camera.height,
        )

    def _exposed(self, layers: Layers, t_s: float) -> Image:
        image = daylight(self.seed, t_s).apply(layers.image)
        return self._grain.apply(defocus(image, 0.5), round(t_s * 1000))

    def _things(self, t_s: float) -> tuple[list[Thing], list[Thing]]:
        """What stands and what moves at that second."""
        active = [e for e in self.timetable.between(t_s, t_s + 1e-6) if e.active(t_s)]
        still = [thing for e in active if e.path is None for thing in e.things]
        full = {(t.east_m, t.north_m) for t in still if t.label == "bin_overflow"}
        bins = [bin_of(self.layout, p) for p in self.layout.places if p.wanted.label == "bin_overflow"]
        still += [b for b in bins if (b.east_m, b.north_m) not in full] + list(self.layout.fixed)
        movers = [moved(thing, e.path, t_s - e.from_s, 0.0) for e in active if e.path is not None for thing in e.things]
        return still, [thing for thing in movers if self._near(thing)]

    def _near(self, thing: Thing) -> bool:
        """Whether a mover can reach into the picture; saves building those that cannot."""
        px, depth = self.camera.project([thing.east_m, thing.north_m, 0.8])
        return bool(depth > 0.5 and -0.35 < px[0] / self.camera.width < 1.35)

    def _still(self, things: list[Thing]) -> Layers:
        key = tuple(sorted(thing.id for thing in things))
        if key not in self._stills:
            self._stills[key] = compose(self._bare, things, self.camera, self.light, self._sprite)
        return _keep(self._stills, key, STILLS_KEPT)

    def _sprite(self, thing: Thing, model: Model) -> Sprite | None:
        if thing.id not in self._sprites:
            self._sprites[thing.id] = paint(model, self.camera, self.light, thing.seed)
        return _keep(self._sprites, thing.id, SPRITES_KEPT)

    def _span(self) -> tuple[float, float]:
        """East metres that are in view at the wall's foot."""
        right, _, forward = self.camera.rotation
        slopes = [(x - self.camera.intrinsics[0, 2]) / self.camera.focal_px for x in (0.0, self.camera.width - 1.0)]
        planes = [right - slope * forward for slope in slopes]  # the plane of one pixel column; north = up = 0 on it
        west, east = (float(plane @ self.camera.position / plane[0]) for plane in planes)
        return west, east

    def _lowest_north(self) -> float:
        """North metres where the picture's lower edge meets the ground, at its southern end."""
        row = self.camera.height - 1.0
        return float(self.camera.to_ground([[0.0, row], [self.camera.width - 1.0, row]])[:, 1].min())

    def _flat(self, name: str, east0: float, east1: float, north0: float, north1: float) -> Zone:
        ground = [[east0, north0], [east1, north0], [east1, north1], [east0, north1]]
        image = self.camera.project([[*p, 0.0] for p in ground])[0]
        return Zone(name, image.tolist(), ground, [list(self.anchor.to_wgs84(*p)) for p in ground])

    def _wall(self, left: float, right: float) -> Zone:
        corners = [[left, 0.0, 0.0], [right, 0.0, 0.0], [right, 0.0, 2.6], [left, 0.0, 2.6]]
        foot = [[left, 0.0], [right, 0.0]]
        return Zone(
            "wall", self.camera.project(corners)[0].tolist(), foot, [list(self.anchor.to_wgs84(*p)) for p in foot]
        )


def _told(layers: Layers) -> list[Seen]:
    """Leaves out what no label names: trees, lamp posts, bollards."""
    return [seen for seen in layers.seen() if seen.thing.label in LABELS]


def _keep(cache: OrderedDict[K, V], key: K, most: int) -> V:
    """The newest use goes to the end; the oldest entries fall out."""
    cache.move_to_end(key)
    while len(cache) > most:
        cache.popitem(last=False)
    return cache[key]
