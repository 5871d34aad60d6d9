"""How near places from the air lie to the truth: exact geometry, consumer noise, and after an estimate.

The truth is made by other means than the code that is measured: places through ECEF, attitudes as trigonometry, pixels
by OpenCV's forward projection with distortion. Telemetry is sampled at 10 Hz from a curved flight and goes through the
buffer. Noise is drawn with the sigmas that the ellipse is told.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pymap3d
from numpy.typing import NDArray

from drone.georef.calibrate import Sighting, calibrate
from drone.georef.camera import Intrinsics
from drone.georef.errors import Correction, Sigmas
from drone.georef.ground import Flat
from drone.georef.locate import Located, Locator
from drone.georef.refusal import NotPlaced
from drone.georef.ties import Look, Ties
from drone.telemetry.buffer import Buffer
from drone.telemetry.rotation import from_degrees
from drone.telemetry.sample import Gimbal, GimbalFrame, HeightDatum, Position, Telemetry

LENS = Intrinsics(1920, 1080, 1400.0, 1402.0, 962.3, 538.1, (-0.11, 0.03, 0.0004, -0.0003, -0.004))
HOME = (34.261, 117.188)
CONSUMER = Sigmas(yaw_deg=1.0, pitch_deg=0.5, roll_deg=0.5, horizontal_m=1.5, vertical_m=1.5, time_s=0.05, pixel_px=1.0)
EXACT = Sigmas(1e-6, 1e-6, 1e-6, 1e-4, 1e-4, 1e-6, 1e-3)
GROUND = Flat(0.0, HeightDatum.HOME, sigma_m=1e-6)
FLIGHT_CASES = 20  # of a calibrated flight
TIES, LOOKS, TEXTURE = 8, 8, 60
THING_PX = 3.0  # where in its box a thing stands
WRONG = 0.05  # of all matches
HEIGHT_M, DEPRESSION_DEG = 60.0, 45.0

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """A flight: speed and turn rate, a roll that sways, and a gimbal told against the vehicle's heading."""

    height_m: float
    heading_deg: float
    turn_deg_s: float
    speed_m_s: float
    gimbal_yaw_deg: float
    pitch_deg: float
    sway_deg: float
    leg_s: float = math.inf  # after each leg the flight turns back on a line beside it

    def at(self, t: float) -> tuple[float, float, float]:
        """East, north in m and heading in degrees."""
        if math.isfinite(self.leg_s):
            return self._lawn(t)
        rate, heading = math.radians(self.turn_deg_s), math.radians(self.heading_deg)
        if abs(rate) < 1e-9:
            return self.speed_m_s * t * math.sin(heading), self.speed_m_s * t * math.cos(heading), self.heading_deg
        radius = self.speed_m_s / rate
        east = radius * (math.cos(heading) - math.cos(heading + rate * t))
        north = radius * (math.sin(heading + rate * t) - math.sin(heading))
        return east, north, self.heading_deg + self.turn_deg_s * t

    def look(self, t: float) -> tuple[float, float, float]:
        """Roll, pitch and yaw of the view in degrees, against horizon and north."""
        return self.sway_deg * math.sin(t), self.pitch_deg, self.at(t)[2] + self.gimbal_yaw_deg

    def _lawn(self, t: float) -> tuple[float, float, float]:
        leg, along = divmod(t, self.leg_s)
        back = int(leg) % 2
        way = self.speed_m_s * ((self.leg_s - along) if back else along)
        heading = math.radians(self.heading_deg)
        side = 15.0 * leg
        east = way * math.sin(heading) + side * math.cos(heading)
        north = way * math.cos(heading) - side * math.sin(heading)
        return east, north, self.heading_deg + 180.0 * back


@dataclass(frozen=True)
class Noise:
    """What telemetry says too much: angles in degrees, metres, and its clock's skew in seconds."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    east: float = 0.0
    north: float = 0.0
    up: float = 0.0
    skew: float = 0.0

    def plus(self, other: Noise) -> Noise:
        """Both."""
        return Noise(
            self.yaw + other.yaw,
            self.pitch + other.pitch,
            self.roll + other.roll,
            self.east + other.east,
            self.north + other.north,
            self.up + other.up,
            self.skew + other.skew,
        )


def measure(cases: int = 1000, seed: int = 1) -> dict[str, Any]:
    """clean, noisy and calibrated, each with median_m, p95_m, ellipse_hold and the number of cases.

    calibrated: with what the flight's own tie points tell, no place known, so GPS's own offset stays. Beside it
    calibrated_on_map: four things of eight are marks of the map. uncalibrated: the same pictures as they come.
    """
    rng = np.random.default_rng(seed)
    clean = [one(rng, None) for _ in range(cases)]
    noisy = [one(rng, CONSUMER) for _ in range(cases)]
    flights = max(2, math.ceil(cases / FLIGHT_CASES))
    parts = [flight(np.random.default_rng([seed, n])) for n in range(flights)]
    report = {"clean": summary(clean), "noisy": summary(noisy)}
    for name in ("calibrated", "calibrated_on_map", "uncalibrated"):
        report[name] = summary([case for part in parts for case in part[name]])
    report["noise"] = asdict(CONSUMER)
    return report


Case = tuple[float, float, bool]  # error m, slant range m, whether the 95 % ellipse held it


def summary(cases: list[Case]) -> dict[str, float]:
    """Medians over cases."""
    off, slant, held = (np.array(column, np.float64) for column in zip(*cases, strict=True))
    return {
        "cases": len(cases),
        "median_m": round(float(np.median(off)), 4),
        "p95_m": round(float(np.percentile(off, 95)), 4),
        "median_of_slant": round(float(np.median(off / slant)), 6),
        "ellipse_hold": round(float(held.mean()), 4),
    }


def one(rng: np.random.Generator, sigmas: Sigmas | None) -> Case:
    """A random flight, picture and ground point, with all noise drawn anew."""
    while True:
        truth = Truth(
            height_m=rng.uniform(30, 120),
            heading_deg=rng.uniform(0, 360),
            turn_deg_s=rng.uniform(-10, 10),
            speed_m_s=rng.uniform(0, 15),
            gimbal_yaw_deg=rng.uniform(-30, 30),
            pitch_deg=-rng.uniform(25, 90),
            sway_deg=rng.uniform(0, 1),
        )
        at_s = float(rng.uniform(0.3, 0.7))
        target = aim(truth, at_s, rng)
        pixel = seen(truth, at_s, target) if target is not None else None
        if pixel is None or target is None:
            continue
        noise = drawn(rng, sigmas.covariance)[0] if sigmas else Noise()
        if sigmas:
            pixel = pixel + rng.normal(0, sigmas.pixel_px, 2)
        locator = Locator(Buffer.of(telemetry(truth, 1.0, noise)), LENS, ground=GROUND, sigmas=sigmas or EXACT)
        try:
            return judged(locator.locate(at_s, *pixel.tolist()), target)
        except (
            NotPlaced
        ) as refusal:  # noise may push a ray over the limit of depression: then there is no place to judge
            if refusal.reason not in ("too shallow", "outside the picture"):
                raise


def flight(rng: np.random.Generator) -> dict[str, list[Case]]:
    """One flight at 60 m and 45 degrees over six lines there and back. Its lasting errors are estimated as in flight,
    from tie points of pictures with no place known; beside it from marks of the map."""
    truth = Truth(HEIGHT_M, float(rng.uniform(0, 360)), 0.0, 8.0, 0.0, -DEPRESSION_DEG, 0.5, leg_s=20.0)
    lasting, fresh = drawn(rng, CONSUMER.lasting)[0], CONSUMER.fresh
    ends = 6 * truth.leg_s
    buffer = Buffer.of(telemetry(truth, ends, lasting, rng, fresh))
    locator = Locator(buffer, LENS, ground=GROUND, sigmas=CONSUMER)
    things = {f"tie{n}": offset_of(truth, float(rng.uniform(40, 80)), rng.uniform(-25, 25, 2)) for n in range(TIES)}
    sightings = [s for name, place in things.items() for s in looks(truth, name, place, ends, rng)]
    ties = Ties()
    for at_s, seen_there in pictures(truth, things, ends, rng):
        ties.add(locator, at_s, seen_there)
    try:
        tied = ties.estimate()
    except NotPlaced:
        tied = Correction()
    marks = dict(list(things.items())[:4])
    mapped = calibrate(locator, sightings, marks)
    corrections = {"uncalibrated": Correction(), "calibrated": tied, "calibrated_on_map": mapped}
    found: dict[str, list[Case]] = {name: [] for name in corrections}
    for _ in range(FLIGHT_CASES):
        at_s = mid_leg(truth, ends, rng)
        target = aim(truth, at_s, rng, spread_px=60.0)
        pixel = seen(truth, at_s, target) if target is not None else None
        if target is None or pixel is None:
            continue
        x, y = (pixel + rng.normal(0, CONSUMER.pixel_px, 2)).tolist()
        for name, correction in corrections.items():
            found[name].append(judged(replace(locator, correction=correction).locate(at_s, x, y), target))
    return found


def pictures(
    truth: Truth, things: dict[str, tuple[float, float]], ends: float, rng: np.random.Generator
) -> list[tuple[float, list[Look]]]:
    """What a picture every two seconds ties: things, that a network knows again from every side, and features of the
    ground, that are matched only between pictures in one direction. One match in twenty is wrong."""
    ground = {
        f"ground{n}": offset_of(truth, float(rng.uniform(0, 220)), rng.uniform(-60, 60, 2)) for n in range(TEXTURE)
    }
    found = list[tuple[float, list[Look]]]()
    for at_s in np.arange(1.5, ends - 1.5, 2.0).tolist():
        leg, along = divmod(at_s, truth.leg_s)
        if not 1.5 <= along <= truth.leg_s - 1.5:
            continue
        named = [(name, place, THING_PX) for name, place in things.items()]
        named += [(f"{name} {int(leg) % 2}", place, CONSUMER.pixel_px) for name, place in ground.items()]
        there = list[Look]()
        for name, place, sigma in named:
            pixel = seen(truth, at_s, place)
            if pixel is None:
                continue
            wrong = rng.normal(0, 60.0, 2) if rng.uniform() < WRONG else np.zeros(2)
            x, y = (pixel + rng.normal(0, sigma, 2) + wrong).tolist()
            if LENS.holds(x, y):
                there.append(Look(name, x, y, sigma))
        found.append((at_s, there))
    return found


def mid_leg(truth: Truth, ends: float, rng: np.random.Generator) -> float:
    """A moment that is not in the turn between two lines."""
    leg = int(rng.integers(0, round(ends / truth.leg_s)))
    return leg * truth.leg_s + float(rng.uniform(1.5, truth.leg_s - 1.5))


def offset_of(truth: Truth, way: float, off: Array) -> tuple[float, float]:
    """A place beside the first line, `way` metres along it."""
    heading = math.radians(truth.heading_deg)
    side = 40.0
    east = way * math.sin(heading) + side * math.cos(heading) + off[0]
    north = way * math.cos(heading) - side * math.sin(heading) + off[1]
    lat, lon, _ = pymap3d.enu2geodetic(east, north, 0.0, *HOME, 0.0)
    return float(lat), float(lon)


def looks(truth: Truth, name: str, place: tuple[float, float], ends: float, rng: np.random.Generator) -> list[Sighting]:
    """Up to LOOKS sightings of a thing at moments spread over the flight, none in a turn."""
    found = list[Sighting]()
    there = np.array(pymap3d.geodetic2enu(*place, 0.0, *HOME, 0.0), np.float64)[:2]
    for at_s in rng.permutation(np.arange(1.5, ends - 1.5, 0.5)).tolist():
        east, north, heading = truth.at(at_s)
        ahead = (there - (east, north)) @ (math.sin(math.radians(heading)), math.cos(math.radians(heading)))
        if not 1.5 <= at_s % truth.leg_s <= truth.leg_s - 1.5 or not 20 < ahead < 140:
            continue
        pixel = seen(truth, at_s, place)
        if pixel is not None and len(found) < LOOKS:
            x, y = (pixel + rng.normal(0, CONSUMER.pixel_px, 2)).tolist()
            if LENS.holds(x, y):
                found.append(Sighting(name, at_s, x, y))
        if len(found) == LOOKS:
            break
    return found


def drawn(rng: np.random.Generator, covariance: Array, count: int = 1) -> list[Noise]:
    """Independent errors with this diagonal (7, 7) covariance."""
    values = rng.normal(0, np.sqrt(np.diag(covariance)), (count, len(covariance)))
    values[:, :3] = np.degrees(values[:, :3])
    return [Noise(*row) for row in values.tolist()]


def telemetry(
    truth: Truth, until_s: float, noise: Noise, rng: np.random.Generator | None = None, fresh: Array | None = None
) -> list[Telemetry]:
    """What the vehicle sends at 10 Hz, with its errors; `fresh`: errors that are new in every sample."""
    found = list[Telemetry]()
    times = np.arange(0.0, until_s + 1e-9, 0.1).tolist()
    new = drawn(rng, fresh, len(times)) if rng is not None and fresh is not None else [Noise()] * len(times)
    offs = [noise.plus(one) for one in new]
    ways = np.array([truth.at(t - off.skew) for t, off in zip(times, offs, strict=True)])
    shifts = np.array([(off.east, off.north) for off in offs])
    lats, lons, _ = pymap3d.enu2geodetic(*(ways[:, :2] + shifts).T, np.zeros(len(times)), *HOME, 0.0)
    found = list[Telemetry]()
    for t, off, heading, lat, lon in zip(times, offs, ways[:, 2].tolist(), lats.tolist(), lons.tolist(), strict=True):
        roll, pitch, yaw = truth.look(t - off.skew)
        position = Position(lat, lon, ((HeightDatum.HOME, truth.height_m + off.up),))
        vehicle = from_degrees(3.0 * math.sin(t), -8.0, heading + off.yaw)
        gimbal = Gimbal(from_degrees(roll + off.roll, pitch + off.pitch, yaw - heading), GimbalFrame.HEADING)
        found.append(Telemetry(t, position, vehicle, gimbal))
    return found


def axes(roll: float, pitch: float, yaw: float) -> Array:
    """(3, 3) rows right, down, forward of the camera in east, north, up, from angles in degrees by trigonometry."""
    p, y, r = math.radians(pitch), math.radians(yaw), math.radians(roll)
    forward = np.array([math.sin(y) * math.cos(p), math.cos(y) * math.cos(p), math.sin(p)])
    level = np.array([math.cos(y), -math.sin(y), 0.0])
    below = np.cross(forward, level)
    return np.array([math.cos(r) * level + math.sin(r) * below, math.cos(r) * below - math.sin(r) * level, forward])


def camera_at(truth: Truth, at_s: float) -> tuple[float, float, float]:
    """Latitude, longitude and height of the camera."""
    east, north, _ = truth.at(at_s)
    lat, lon, _ = pymap3d.enu2geodetic(east, north, 0.0, *HOME, 0.0)
    return float(lat), float(lon), truth.height_m


def seen(truth: Truth, at_s: float, place: tuple[float, float]) -> Array | None:
    """The pixel of a ground place, None when it is not in the picture or lies too shallow to be placed."""
    camera = camera_at(truth, at_s)
    there = np.array(pymap3d.geodetic2ecef(*place, 0.0)) - np.array(pymap3d.geodetic2ecef(*camera))
    enu = np.array(pymap3d.ecef2enuv(*there, *camera[:2]))
    own = axes(*truth.look(at_s)) @ enu
    shallow = -enu[2] < np.linalg.norm(enu) * math.sin(math.radians(15.0))
    if own[2] <= 0 or shallow or np.max(np.abs(own[:2] / own[2])) > 0.8:
        return None
    pixel = LENS.project(own[None])[0]
    return pixel if LENS.holds(*pixel.tolist()) else None


def aim(
    truth: Truth, at_s: float, rng: np.random.Generator, spread_px: float | None = None
) -> tuple[float, float] | None:
    """A ground place somewhere in the picture (or near its middle), by plain trigonometry; None above the horizon."""
    half = (0.62, 0.35) if spread_px is None else (spread_px / LENS.fx, spread_px / LENS.fy)
    own = np.array([rng.uniform(-half[0], half[0]), rng.uniform(-half[1], half[1]), 1.0])
    ray = axes(*truth.look(at_s)).T @ own
    if ray[2] >= -0.2 * np.linalg.norm(ray):
        return None
    east, north = (ray[:2] * truth.height_m / -ray[2]).tolist()
    lat, lon, _ = pymap3d.enu2geodetic(east, north, -truth.height_m, *camera_at(truth, at_s))
    return float(lat), float(lon)


def judged(found: Located, target: tuple[float, float]) -> Case:
    """Error, slant range, and whether the ellipse held the target."""
    east, north, _ = pymap3d.geodetic2enu(*target, 0.0, found.lat, found.lon, 0.0)
    return math.hypot(float(east), float(north)), found.slant_m, found.holds(*target)
