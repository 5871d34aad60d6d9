"""Tie points of a flight: the same ground in several pictures, and what they say of compass, mount, clock, height.

A tie point has one unknown place and height. A part of each picture's error of pose stays through the flight and is
asked for; the rest is new in every picture and SHARED by all that is seen in it: a picture with a hundred ties tells no
more of the compass than its own jitter allows. Both are in one Gauss-Newton adjustment with the sensors' stated sigmas
as prior knowledge: what the flight does not show stays as uncertain as it was. Wrong matches are weighted down by their
leave-one-out residuals (Huber). `Adjustment` does the arithmetic on what is collected here.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from drone.georef.camera import CameraError, Intrinsics
from drone.georef.errors import COUNT, Correction, Sigmas
from drone.georef.ground import Ground
from drone.georef.locate import DEPRESSION_MIN_DEG, Locator
from drone.georef.pose import Poses, pose_at
from drone.georef.refusal import NotPlaced
from drone.telemetry.buffer import Gap

PICTURES_MAX = 80
IN_A_PICTURE_MAX = 16
PICTURES_MIN = 4
TIES_MIN = 6
MOTION_S = 1.0  # telemetry's jitter over a tenth of a second looks like metres a second

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Look:
    """A tie point in a picture: pixel, and one sigma of it."""

    name: str
    x: float
    y: float
    sigma_px: float


@dataclass(frozen=True, eq=False)
class Picture:
    """names: of its N looks; rays: (N, 3, 3) in camera axes, the pixel and one sigma to the right and down."""

    names: tuple[str, ...]
    pose: Poses
    rays: Array


class Ties:
    """The pictures of one flight, the newest PICTURES_MAX. Looks that cannot be placed are dropped and counted."""

    def __init__(self) -> None:
        self.pictures: deque[Picture] = deque(maxlen=PICTURES_MAX)
        self.dropped = 0
        self.ground: Ground | None = None
        self.sigmas: Sigmas | None = None

    def add(self, locator: Locator, at_s: float, looks: Iterable[Look]) -> bool:
        """One picture's looks at a moment of the telemetry's clock; whether any was kept. The locator's correction
        plays no part."""
        given = list(looks)[:IN_A_PICTURE_MAX]
        ground = locator.ground
        try:
            pose, sample = pose_at(locator.buffer, at_s, locator.mount, locator.heights, ground.datum, MOTION_S)
        except (Gap, NotPlaced):
            self.dropped += len(given)
            return False
        seen = [(look.name, rays) for look in given if (rays := _rays(locator.camera, look)) is not None]
        if seen:
            steep = _steep(pose, np.array([rays[0] for _, rays in seen]))
            seen = [one for one, enough in zip(seen, steep, strict=True) if enough]
        self.dropped += len(given) - len(seen)
        if not seen:
            return False
        self.ground, self.sigmas = ground, locator.sigmas.of_fix(sample.fix)
        self.pictures.append(Picture(tuple(name for name, _ in seen), pose, np.array([rays for _, rays in seen])))
        return True

    def estimate(self) -> Correction:
        """The errors that bring all looks at a tie together, with what is left uncertain.

        Raises NotPlaced with the reason where the flight determines none of them: the prior holds on.
        """
        from drone.georef.adjust import Adjustment

        if self.ground is None or self.sigmas is None:
            raise NotPlaced("too few tie points", "no ground was seen twice; fly lines that overlap")
        counted = seen_twice(self.pictures)
        pictures = [p for p in (_of(one, counted) for one in self.pictures) if p is not None]
        if len(counted) < TIES_MIN or len(pictures) < PICTURES_MIN:
            words = f"{len(counted)} of {TIES_MIN} ties in {len(pictures)} of {PICTURES_MIN} pictures"
            raise NotPlaced("too few tie points", f"{words}; fly lines that overlap")
        return Adjustment(pictures, self.ground, self.sigmas).solve(self.dropped)


def _rays(camera: Intrinsics, look: Look) -> Array | None:
    """(3, 3) the pixel's ray, and those one sigma to the right and down; None outside the lens model."""
    s = look.sigma_px
    try:
        return camera.rays([(look.x, look.y), (look.x + s, look.y), (look.x, look.y + s)])
    except CameraError:
        return None


def _steep(pose: Poses, rays: Array) -> list[bool]:
    """Whether each ray goes down steeply enough, an estimate that turns it a little included."""
    _, cast = pose.repeat(len(rays)).cast(rays, np.zeros((len(rays), COUNT)))
    steep: list[bool] = (cast[:, 2] < -math.sin(math.radians(DEPRESSION_MIN_DEG + 5))).tolist()
    return steep


def seen_twice(pictures: Iterable[Picture]) -> frozenset[str]:
    """Names in more than one picture."""
    once, twice = set[str](), set[str]()
    for picture in pictures:
        names = set(picture.names)
        twice |= once & names
        once |= names
    return frozenset(twice)


def _of(picture: Picture, names: frozenset[str]) -> Picture | None:
    """What of a picture ties it to others."""
    kept = [k for k, name in enumerate(picture.names) if name in names]
    if not kept:
        return None
    return replace(picture, names=tuple(picture.names[k] for k in kept), rays=picture.rays[kept])
