"""Ground with red discs on it under a simulated copter, drawn in a millisecond, and the detector that finds them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from detectors.redact import Redactor
from detectors.types import Detections, Image
from drone.autopilot.prepare import Plan
from drone.autopilot.types import MissionItem
from drone.seeing.build import tools_of
from drone.seeing.rulefile import load_rules
from drone.seeing.tools import Tools
from drone.sim.flightmath import DEGREE_M
from drone.sim.vehicle import HOME, SimCopter
from drone.sim.world import HEIGHT, LENS, WIDTH
from edge.link.mqtt import Broker

START = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
# Patches, as real ground has: noise of single pixels is no structure to `check_view`: it could be a covered lens.
PATCHES = np.random.default_rng(1).integers(60, 140, (HEIGHT // 12, WIDTH // 12, 3), np.uint8)
GROUND = np.asarray(cv2.resize(PATCHES, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST), np.uint8)


class RedThings:
    """Real pixels in, boxes out. score: what it says of each."""

    names: tuple[str, ...] = ("litter_heap", "person")
    model_name = "red"
    model_sha256 = "0" * 64

    def __init__(self, score: float = 0.9) -> None:
        self.score = score

    def detect(self, image_bgr: Image) -> Detections:
        red = cv2.inRange(image_bgr, np.array([0, 0, 200]), np.array([60, 60, 255]))
        _, _, stats, _ = cv2.connectedComponentsWithStats(red)
        boxes = [(x, y, x + w, y + h) for x, y, w, h, area in stats[1:].tolist() if area > 30]
        return Detections.of(boxes, [self.score] * len(boxes), [0] * len(boxes), self.names)

    def detect_batch(self, images_bgr: Sequence[Image]) -> list[Detections]:
        return [self.detect(image) for image in images_bgr]


class Greyed(Redactor):
    """Redaction that is sure and takes no second of a core: nothing is left of the picture but its colours."""

    def __init__(self) -> None:
        pass

    def redact(self, image_bgr: Image, vehicles: Detections | None = None, part: float = 1.0) -> Image:
        return np.asarray(cv2.blur(image_bgr, (64, 64)), np.uint8)


@dataclass
class Discs:
    """Scenery: discs of 0.6 m at (east, north) metres from home."""

    discs: list[tuple[float, float]] = field(default_factory=list)

    def picture(self, copter: SimCopter) -> tuple[Image, list[Any]]:
        image = GROUND.copy()
        yaw, pitch = math.radians(copter.body.yaw_deg + copter.gimbal_deg[1]), math.radians(copter.gimbal_deg[0])
        forward = np.array([math.sin(yaw) * math.cos(pitch), math.cos(yaw) * math.cos(pitch), math.sin(pitch)])
        right = np.array([math.cos(yaw), -math.sin(yaw), 0.0])
        axes = np.stack([right, np.cross(forward, right), forward])
        turn = np.arange(24) * math.pi / 12
        for east, north in self.discs:
            rim = np.column_stack([east + 0.3 * np.cos(turn), north + 0.3 * np.sin(turn), np.zeros(24)])
            seen = (rim - [copter.body.east, copter.body.north, copter.body.up]) @ axes.T
            if (seen[:, 2] > 0.5).all():
                cv2.fillConvexPoly(image, np.round(LENS.project(seen)).astype(np.int32), (20, 20, 230))
        return image, []


def away(east: float, north: float) -> tuple[float, float]:
    """Metres from home -> degrees, as the simulated copter counts them."""
    shrink = math.cos(math.radians(HOME[0] / 1e7))
    return HOME[0] / 1e7 + north / DEGREE_M, HOME[1] / 1e7 + east / DEGREE_M / shrink


def back(lat: float, lon: float) -> tuple[float, float]:
    """The way back from `away`."""
    shrink = math.cos(math.radians(HOME[0] / 1e7))
    return (lon - HOME[1] / 1e7) * DEGREE_M * shrink, (lat - HOME[0] / 1e7) * DEGREE_M


def legs(*corners: tuple[float, float], height_m: float = 15.0, pitch_deg: float = -90.0) -> Plan:
    """Take-off, camera, these corners in metres from home, return."""
    items = [MissionItem(0, 3, 22, z=height_m), MissionItem(1, 2, 205, p1=pitch_deg)]
    for east, north in corners:
        lat, lon = away(east, north)
        items.append(MissionItem(len(items), 3, 16, x=round(lat * 1e7), y=round(lon * 1e7), z=height_m))
    return Plan((*items, MissionItem(len(items), 0, 20)))


def red_tools(folder: Path, score: float = 0.9, port: int = 1, redactor: Redactor | None = None) -> Tools:
    """Tools with the red detector, no zones, and a broker that nobody reaches unless a port is given."""
    now = round(START.timestamp() * 1e6)
    broker = Broker(port=port)
    return tools_of(folder, "drone-1", broker, load_rules(), (), RedThings(score), lambda: now, redactor or Greyed())
