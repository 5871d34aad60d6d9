"""A pixel at a moment -> a place on the ground with its error ellipse, or NotPlaced with the reason."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from drone.georef.camera import CameraError, Intrinsics
from drone.georef.errors import COUNT, Correction, Sigmas
from drone.georef.frames import Mount
from drone.georef.geodesy import to_metres
from drone.georef.ground import Flat, Ground, meet
from drone.georef.heights import Heights
from drone.georef.pose import ERRORS, Poses, fastest_turn, pose_at
from drone.georef.refusal import NotPlaced
from drone.telemetry.buffer import Buffer, Gap
from drone.telemetry.sample import HeightDatum
from edge.watch.ground import ellipse
from edge.wire import Place

DEPRESSION_MIN_DEG = 15.0  # below, half a degree of pitch is more than 12 % of the distance
TURN_UNSURE_MAX_DEG = 4.0  # a turn that the clock leaves open by more in one sigma is no straight line any more
TIME = ERRORS.index("time")
CHI2_95 = 5.991464547107979  # two degrees of freedom

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Located:
    """A place: lat, lon WGS-84 degrees; height_m over `datum`; covariance ((ee, en), (en, nn)) in m^2."""

    lat: float
    lon: float
    height_m: float
    datum: HeightDatum
    slant_m: float
    depression_deg: float
    covariance: tuple[tuple[float, float], tuple[float, float]]

    @property
    def ellipse95(self) -> tuple[float, float, float]:
        """(major, minor) half axes in m of the ellipse that holds the truth in 95 % of cases, azimuth of the major in
        degrees."""
        major, minor, azimuth = ellipse(np.array(self.covariance))
        scale = math.sqrt(CHI2_95)
        return major * scale, minor * scale, azimuth

    def place(self) -> Place:
        """For the wire: one sigma."""
        major, minor, azimuth = ellipse(np.array(self.covariance))
        return Place(lat=self.lat, lon=self.lon, error_major_m=major, error_minor_m=minor, error_azimuth_deg=azimuth)

    def holds(self, lat: float, lon: float) -> bool:
        """Whether a place lies inside the 95 % ellipse."""
        off = to_metres(np.array([[lat, lon, 0.0]]), np.array([[self.lat, self.lon, 0.0]]))[0, :2]
        return bool(off @ np.linalg.solve(np.array(self.covariance), off) <= CHI2_95)


@dataclass(frozen=True, eq=False)
class Sensed:
    """A place whose error is told in two parts, for those who fuse many sightings of one thing.

    lasting: (8, 2) metres east, north for one sigma of each of the eight errors that stay through a flight (the seven
    of `drone.georef.pose.ERRORS` and the ground's height): all sightings of a flight share the same eight numbers.
    fresh: (2, 2) m^2, what is new in every picture. poses: the camera's pose of that moment.
    """

    located: Located
    lasting: Array
    fresh: Array
    poses: Poses


@dataclass(frozen=True, eq=False)
class Locator:
    """Everything that stays the same from pixel to pixel."""

    buffer: Buffer
    camera: Intrinsics
    ground: Ground = field(default_factory=Flat)
    heights: Heights = field(default_factory=Heights)
    mount: Mount = None
    sigmas: Sigmas = field(default_factory=Sigmas)
    correction: Correction = field(default_factory=Correction)

    def locate(self, at_s: float, x: float, y: float, pixel_px: float | None = None) -> Located:
        """The ground place of pixel (x, y) at a moment of the telemetry's clock. pixel_px: one sigma of the pixel.

        Raises NotPlaced with the reason; never a place without an ellipse.
        """
        return self.locate_with_pose(at_s, x, y, pixel_px)[0]

    def locate_with_pose(self, at_s: float, x: float, y: float, pixel_px: float | None = None) -> tuple[Located, Poses]:
        """The same with the camera's pose as the telemetry tells it. Raises NotPlaced."""
        pose, fix_sigmas = self.pose(at_s)
        rays = self._rays(x, y, self.sigmas.pixel_px if pixel_px is None else pixel_px)
        errors = self._errors[None]
        origin, ray = pose.cast(rays[:1], errors)
        depression = math.degrees(math.asin(float(np.clip(-ray[0, 2], -1, 1))))
        if depression <= 0:
            raise NotPlaced("above the horizon", f"the view ray goes {-depression:.1f} degrees up: it shows no ground")
        if depression < DEPRESSION_MIN_DEG:
            words = f"{depression:.1f} degrees below the horizon; from {DEPRESSION_MIN_DEG:g} on the error is bounded"
            raise NotPlaced("too shallow", f"the view ray lies {words}")
        spot = meet(self.ground, origin, ray)[0]
        covariance = self._spread(pose, rays, self.correction.covariance(fix_sigmas), spot)
        slant = float(np.linalg.norm(to_metres(spot[None], origin)))
        (ee, en), (_, nn) = covariance.tolist()
        lat, lon, height = spot.tolist()
        return Located(lat, lon, height, self.ground.datum, slant, depression, ((ee, en), (en, nn))), pose

    def sense(self, at_s: float, x: float, y: float, pixel_px: float | None = None) -> Sensed:
        """`locate` with the parts of its error kept apart. Raises NotPlaced."""
        located, pose = self.locate_with_pose(at_s, x, y, pixel_px)
        sigmas = self.pose(at_s)[1]
        rays = self._rays(x, y, self.sigmas.pixel_px if pixel_px is None else pixel_px)
        spot = np.array([located.lat, located.lon, located.height_m])
        kept = self.correction.kept(sigmas)
        lasting = self._columns(pose, rays, kept, spot)
        fresh = self._columns(pose, rays, sigmas.fresh, spot)[: COUNT + 2]
        return Sensed(located, lasting[[*range(COUNT), COUNT + 2]], fresh.T @ fresh + np.eye(2) * 1e-6, pose)

    def pose(self, at_s: float) -> tuple[Poses, Sigmas]:
        """The camera's pose of a picture stamped `at_s`, the clock put right as far as its error is estimated, and the
        sigmas that hold there. Its turn is the fastest that the clock's uncertainty reaches. Raises NotPlaced."""
        moment = at_s + float(self.correction.errors[TIME])
        try:
            pose, sample = pose_at(self.buffer, moment, self.mount, self.heights, self.ground.datum)
            sigmas = self.sigmas.of_fix(sample.fix)
            sigma_s = math.sqrt(self.correction.covariance(sigmas)[TIME, TIME])
            turn = fastest_turn(self.buffer, moment, self.mount, 2 * sigma_s)
        except Gap as gap:
            raise NotPlaced("telemetry gap", str(gap)) from None
        rate = math.degrees(float(np.linalg.norm(turn)))
        if rate * sigma_s > TURN_UNSURE_MAX_DEG:
            words = f"{rate:.0f} degrees a second, and the clock is known to {sigma_s * 1000:.0f} ms"
            raise NotPlaced("turning", f"the view turns by {words}: where it looked is not known")
        return replace(pose, turns=turn[None]), sigmas

    @property
    def _errors(self) -> Array:
        """(7,) of the correction; time is in the pose already."""
        errors = self.correction.errors.copy()
        errors[TIME] = 0.0
        return errors

    def _rays(self, x: float, y: float, sigma_px: float) -> Array:
        """(5, 3): the pixel, and one sigma to the right, left, down and up."""
        if not self.camera.holds(x, y):
            size = f"{self.camera.width} x {self.camera.height}"
            raise NotPlaced("outside the picture", f"pixel ({x:.1f}, {y:.1f}) lies outside the picture of {size}")
        s = sigma_px
        try:
            return self.camera.rays([(x, y), (x + s, y), (x - s, y), (x, y + s), (x, y - s)])
        except CameraError as error:
            raise NotPlaced("outside the lens model", str(error)) from None

    def _spread(self, pose: Poses, rays: Array, covariance: Array, spot: Array) -> Array:
        """(2, 2) east-north, pixel and ground height included."""
        columns = self._columns(pose, rays, covariance, spot)
        spread: Array = columns.T @ columns + np.eye(2) * 1e-6
        return spread

    def _columns(self, pose: Poses, rays: Array, covariance: Array, spot: Array) -> Array:
        """(10, 2) metres east, north: central differences one sigma to each side along every independent error (the
        divided difference filter of Norgaard, Poulsen and Ravn, 2000), then the pixel's two, then the ground's
        height."""
        steps = np.linalg.cholesky(covariance + np.eye(COUNT) * 1e-18).T  # rows: independent steps of one sigma
        errors = self._errors + np.concatenate([steps, -steps, np.zeros((6, COUNT))])
        lifts = np.zeros(len(errors))
        lifts[-2:] = self.ground.sigma_m, -self.ground.sigma_m
        used = np.concatenate([np.repeat(rays[:1], 2 * COUNT, axis=0), rays[[1, 3, 2, 4]], rays[[0, 0]]])
        try:
            origins, cast = pose.repeat(len(errors)).cast(used, errors)
            spots = meet(self.ground, origins, cast, lifts)
        except NotPlaced as refusal:
            raise NotPlaced("too uncertain", f"within one sigma of its errors: {refusal}") from None
        off = to_metres(spots, spot[None])[:, :2]
        plus, minus = np.arange(COUNT), np.arange(COUNT, 2 * COUNT)
        pairs = (
            np.concatenate([plus, [2 * COUNT, 2 * COUNT + 1, 2 * COUNT + 4]]),
            np.concatenate([minus, [2 * COUNT + 2, 2 * COUNT + 3, 2 * COUNT + 5]]),
        )
        columns: Array = (off[pairs[0]] - off[pairs[1]]) / 2
        return columns


def foot(box: tuple[float, float, float, float], depression_deg: float) -> tuple[float, float]:
    """The pixel where the thing in a box (x1, y1, x2, y2) stands: the lower edge seen from the side, the middle seen
    from straight above."""
    x1, y1, x2, y2 = box
    return (x1 + x2) / 2, (y1 + y2) / 2 + (y2 - y1) / 2 * math.cos(math.radians(depression_deg))
