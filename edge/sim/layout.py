"""Where things may stand on a seeded street so that each is fully in view, large enough and clear of every other
place."""

# ruff: noqa: RUF005 (array plus tuple here is arithmetic, not concatenation)
from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from edge.sim.camera import Camera
from edge.sim.solid import box
from edge.sim.surface import PAVEMENT_M, Look, Marking
from edge.sim.texture import Rng
from edge.sim.things import CASE_CLASS, Thing

APART_M = 2.7  # between places of one case class; the promise is 2.5 m
REFERENCE_PX = (1280, 720)
HALF_M = 18.0
OVERLAP_MAX = 0.1  # share of the smaller of two places' image rectangles
Rect = tuple[float, float, float, float]


@dataclass(frozen=True)
class Wanted:
    """What a place is for, how much room it takes (width, depth, height, metres) and where it may lie (north range)."""

    name: str
    label: str
    size_m: tuple[float, float, float]
    north: tuple[float, float]
    needed: bool = True
    up: tuple[float, float] = (0.0, 0.0)
    moved_m: float = 0.12  # things may stand this far from the middle of the place


WANTED = (
    Wanted("stall-a", "stall", (2.4, 1.2, 2.25), (-1.35, -1.2)),
    Wanted("permit", "stall", (1.8, 0.9, 2.1), (-1.3, -0.9)),
    Wanted("stall-b", "stall", (2.4, 1.2, 2.25), (-1.35, -1.2)),
    Wanted("bin-a", "bin_overflow", (1.9, 0.9, 1.35), (-0.75, -0.5), moved_m=0.0),
    Wanted("bike-a", "bicycle", (1.75, 0.5, 1.05), (-3.8, -0.7)),
    Wanted("bay", "bicycle", (1.75, 0.5, 1.05), (-3.7, -3.5)),
    Wanted("bike-b", "bicycle", (1.75, 0.5, 1.05), (-3.8, -0.7)),
    Wanted("heap-a", "litter_heap", (1.5, 0.8, 0.65), (-3.75, -0.7)),
    Wanted("poster-a", "poster", (0.75, 0.02, 0.85), (-0.01, -0.01), up=(1.2, 1.6), moved_m=0.0),
    Wanted("poster-b", "poster", (0.75, 0.02, 0.85), (-0.01, -0.01), up=(1.2, 1.6), moved_m=0.0),
    Wanted("poster-c", "poster", (0.75, 0.02, 0.85), (-0.01, -0.01), False, up=(1.2, 1.9), moved_m=0.0),
    Wanted("bin-b", "bin_overflow", (1.9, 0.9, 1.35), (-3.7, -0.5), False, moved_m=0.0),
    Wanted("heap-b", "litter_heap", (1.5, 0.8, 0.65), (-3.75, -0.7), False),
)


@dataclass(frozen=True)
class Place:
    """A found place: its purpose, ground metres of its middle, foot height, and its rectangle in the reference
    picture (px)."""

    wanted: Wanted
    east_m: float
    north_m: float
    up_m: float
    rect: Rect
    index: int = 0

    @property
    def case_class(self) -> str:
        """stall, poster, bike or litter."""
        return CASE_CLASS[self.wanted.label]


@dataclass(frozen=True)
class Layout:
    """A seeded street: camera, surfaces, places for things, and what always stands there."""

    seed: int
    camera: Camera
    look: Look
    places: tuple[Place, ...]
    fixed: tuple[Thing, ...] = field(default=())

    def place(self, name: str) -> Place | None:
        """The place of that name, if this street has it."""
        return next((p for p in self.places if p.wanted.name == name), None)


def layout(seed: int) -> Layout:
    """Lay a street out; tries again with other draws until every needed place is found (ValueError after 400 tries)."""
    for attempt in range(400):
        rng = np.random.default_rng([seed, attempt, 41])
        camera, look = _camera(rng), Look.seeded(seed * 1009 + attempt, half_m=HALF_M, px_per_m=80.0)
        places = _places(camera, look, rng)
        if places is not None:
            look = replace(look, markings=_markings(places))
            return Layout(seed, camera, look, places, _fixed(camera, places, rng))
    raise ValueError(f"no street could be laid out for seed {seed}")


def _camera(rng: Rng) -> Camera:
    """A kiosk's camera on an arm across the road, looking at the pavement a little aslant."""
    yaw = float(rng.uniform(5, 12) * rng.choice([-1, 1]))
    return Camera(
        rng.uniform(-0.5, 0.5),
        rng.uniform(-10.5, -10.0),
        rng.uniform(4.4, 4.8),
        yaw,
        rng.uniform(-21, -19.5),
        80.0,
        *REFERENCE_PX,
    )


def _places(camera: Camera, look: Look, rng: Rng) -> tuple[Place, ...] | None:
    found: list[Place] = []
    for wanted in WANTED:
        place = _find(wanted, found, camera, look, rng)
        if place is None and wanted.needed:
            return None
        if place is not None:
            found.append(replace(place, index=len(found)))
    return tuple(found)


def _find(wanted: Wanted, found: list[Place], camera: Camera, look: Look, rng: Rng) -> Place | None:
    for _ in range(150):
        east, north = rng.uniform(-9, 9), rng.uniform(*wanted.north)
        if wanted.label in ("bicycle", "litter_heap") and -3.45 < north < -1.0:
            continue  # the lane that people walk in
        up = rng.uniform(*wanted.up)
        rect = image_rect(camera, wanted, east, north, up)
        place = Place(wanted, east, north, up, rect)
        if _in_view(rect) and _large(wanted, rect) and _clear(place, found) and not _on_opening(place, look):
            return place
    return None


def image_rect(camera: Camera, wanted: Wanted, east: float, north: float, up: float) -> Rect:
    """Image rectangle (px) around the room that a place takes, shifts included."""
    room = np.asarray(wanted.size_m) + (2 * wanted.moved_m, 2 * wanted.moved_m, 0)
    px, _ = camera.project(box((east, north, up + room[2] / 2), room).reshape(-1, 3))
    return float(px[:, 0].min()), float(px[:, 1].min()), float(px[:, 0].max()), float(px[:, 1].max())


def _in_view(rect: Rect) -> bool:
    return rect[0] > 8 and rect[1] > 8 and rect[2] < REFERENCE_PX[0] - 8 and rect[3] < REFERENCE_PX[1] - 8


def _large(wanted: Wanted, rect: Rect) -> bool:
    """Posters of 0.68 m must come out 44 px high, bicycles 66 px."""
    height = rect[3] - rect[1]
    return height * 0.68 / 0.85 > 44 if wanted.label == "poster" else height > 66 or wanted.label != "bicycle"


def _clear(place: Place, found: list[Place]) -> bool:
    for other in found:
        far = np.hypot(place.east_m - other.east_m, place.north_m - other.north_m)
        if place.case_class == other.case_class and far < APART_M + place.wanted.moved_m + other.wanted.moved_m:
            return False
        if overlap(place.rect, other.rect) > OVERLAP_MAX:
            return False
    return True


def overlap(a: Rect, b: Rect) -> float:
    """Area that two rectangles share, as a part of the smaller one."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return max(wide, 0.0) * max(high, 0.0) / smaller


def _on_opening(place: Place, look: Look) -> bool:
    """Posters of the street stick to bare wall."""
    if place.wanted.label != "poster":
        return False
    low, high, half = place.up_m, place.up_m + 0.85, 0.5
    return any(o.east0 - half < place.east_m < o.east1 + half and o.low < high and o.high > low for o in look.openings)


def _markings(places: tuple[Place, ...]) -> tuple[Marking, ...]:
    kinds = {"bay": ("bike_bay", 1.25, 0.6), "permit": ("permit_place", 1.2, 0.75)}
    return tuple(
        Marking(kind, p.east_m - wide, p.east_m + wide, max(p.north_m - deep, -PAVEMENT_M + 0.05), p.north_m + deep)
        for p in places
        if p.wanted.name in kinds
        for kind, wide, deep in [kinds[p.wanted.name]]
    )


def _fixed(camera: Camera, places: tuple[Place, ...], rng: Rng) -> tuple[Thing, ...]:
    """A tree, a lamp post, bollards and a parked car where they hide no place."""
    found: list[Thing] = []
    for kind, half, tall in (
        ("tree", 0.2, 6.0),
        ("lamp", 0.17, 6.0),
        ("bollard", 0.1, 0.8),
        ("bollard", 0.1, 0.8),
        ("tree", 0.2, 6.0),
    ):
        for _ in range(40):
            wanted = Wanted(kind, kind, (2 * half, 2 * half, tall), (-3.95, -3.95), moved_m=0.0)
            east = rng.uniform(-8.5, 8.5)
            rect = image_rect(camera, wanted, east, -3.95, 0.0)
            free = all(abs(east - t.east_m) > 1.5 for t in found)
            if free and not any(_covers(rect, p.rect) for p in places):
                found.append(Thing(f"{kind}-{len(found)}", kind, kind, int(rng.integers(1 << 30)), east, -3.95))
                break
    return tuple(found)


def _covers(front: Rect, back: Rect) -> bool:
    return front[0] < back[2] and front[2] > back[0] and front[1] < back[3] and front[3] > back[1]
