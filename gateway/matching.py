"""When two sightings are one thing on the street: a pure rule, with its reason in words."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

IOU_MIN = 0.5
GROUND_SIGMAS = 2.0
GROUND_M_MAX = 30.0
WINDOW_S = 24 * 3600.0
METRES_PER_DEGREE = 111_320.0

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Sighting:
    """One witness's view of a thing; `box` is x1, y1, x2, y2 as shares of the frame."""

    device: str
    candidate_id: str
    camera: str
    place_id: str
    case_class: str
    lat: float
    lon: float
    error_major_m: float
    box: Box
    first_seen: datetime
    last_seen: datetime

    def same_camera(self, other: "Sighting") -> bool:
        """Whether one camera of one device made both."""
        return self.device == other.device and self.camera == other.camera


@dataclass(frozen=True)
class Thresholds:
    """What the rule compares with; a class may have its own, learned from decisions (gateway/lessons.py)."""

    ground_sigmas: float = GROUND_SIGMAS
    iou_min: float = IOU_MIN


DEFAULT = Thresholds()


@dataclass(frozen=True)
class Match:
    """`rank`: 0 is surest; `gap` breaks ties (metres over allowed metres for ground matches)."""

    rank: int
    gap: float
    reason: str


def match(new: Sighting, known: Sighting, by: Thresholds = DEFAULT) -> Match | None:
    """Why two sightings are the same thing, or None."""
    if new.device == known.device and new.candidate_id == known.candidate_id:
        return Match(0, 0.0, f"same candidate {known.candidate_id} of {known.device}")
    if new.same_camera(known):
        return _match_in_frame(new, known, by)
    return _match_on_ground(new, known, by)


def best(new: Sighting, known: Iterable[tuple[str, Sighting]], by: Thresholds = DEFAULT) -> tuple[str, str] | None:
    """(incident id, reason) of the surest match among the witnesses of open incidents, or None.

    `known`: pairs (incident id, witness). A camera that has already named another place in an incident vetoes a
    ground match with it: the kiosk knows that they are two things.
    """
    pairs = list(known)
    vetoed = {i for i, w in pairs if new.same_camera(w) and match(new, w, by) is None}
    found = [(m, i) for i, w in pairs if (m := match(new, w, by)) is not None and (m.rank < 3 or i not in vetoed)]
    if not found:
        return None
    winner, incident_id = min(found, key=lambda pair: (pair[0].rank, pair[0].gap, pair[1]))
    return incident_id, winner.reason


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    union = _area(a) + _area(b) - width * height
    return width * height / union


def distance_m(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> float:
    """Ground distance of points that are less than a few kilometres apart (equirectangular)."""
    north = (lat_a - lat_b) * METRES_PER_DEGREE
    east = ((lon_a - lon_b + 180.0) % 360.0 - 180.0) * METRES_PER_DEGREE * math.cos(math.radians((lat_a + lat_b) / 2))
    return math.hypot(north, east)


def allowed_m(error_a_m: float, error_b_m: float, sigmas: float = GROUND_SIGMAS) -> float:
    """How far apart two places of one thing may seem: two sigmas of both errors, at most 30 m."""
    return min(GROUND_M_MAX, sigmas * math.hypot(error_a_m, error_b_m))


def _match_in_frame(new: Sighting, known: Sighting, by: Thresholds) -> Match | None:
    if new.place_id == known.place_id:
        return Match(1, 0.0, f"same place {known.place_id} of {known.device}/{known.camera}")
    overlap = iou(new.box, known.box)
    if new.case_class == known.case_class and overlap >= by.iou_min:
        where = f"{known.device}/{known.camera}"
        return Match(2, 1.0 - overlap, f"boxes overlap with IoU {overlap:.2f} >= {by.iou_min} in {where}")
    return None


def _match_on_ground(new: Sighting, known: Sighting, by: Thresholds) -> Match | None:
    if new.case_class != known.case_class or _apart_s(new, known) > WINDOW_S:
        return None
    apart, allowed = (
        distance_m(new.lat, new.lon, known.lat, known.lon),
        allowed_m(new.error_major_m, known.error_major_m, by.ground_sigmas),
    )
    if apart > allowed:
        return None
    witness = f"{known.device}/{known.camera}"
    return Match(3, apart / allowed, f"{apart:.1f} m from what {witness} saw, allowed {allowed:.1f} m, within 24 h")


def _apart_s(a: Sighting, b: Sighting) -> float:
    return max((a.first_seen - b.last_seen).total_seconds(), (b.first_seen - a.last_seen).total_seconds(), 0.0)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
