"""Small solid models in metres: quads, strokes and picture decals, and the builders that things are put together
from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.sim.texture import Image

Color = tuple[float, float, float]
Floats = NDArray[np.float64]
X, Z = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])


@dataclass(frozen=True)
class Stroke:
    """A bent tube: (n, 3) metres, radius in metres, BGR colour."""

    points: Floats
    radius_m: float
    color: Color


@dataclass(frozen=True)
class Decal:
    """A picture on a quad: corners (4, 3) metres (top left, top right, bottom right, bottom left), image (h, w, 4)
    BGRA."""

    corners: Floats
    image: Image


@dataclass
class Model:
    """A solid in its own frame: x forward or along the street, y to the left or to the wall, z up; origin on the
    ground."""

    quads: list[Floats] = field(default_factory=list)  # each (k, 4, 3) metres
    colors: list[Floats] = field(default_factory=list)  # each (k, 3) BGR
    gloss: list[Floats] = field(default_factory=list)  # each (k,) strength of the highlight
    closed: list[NDArray[np.bool_]] = field(default_factory=list)  # each (k,) back faces are never seen
    strokes: list[Stroke] = field(default_factory=list)
    decals: list[Decal] = field(default_factory=list)

    def add(self, quads: ArrayLike, color: ArrayLike, gloss: float = 0.0, closed: bool = True) -> None:
        """Add (k, 4, 3) quads with one BGR colour or (k, 3) colours."""
        quads = np.asarray(quads, float).reshape(-1, 4, 3)
        count = len(quads)
        self.quads.append(quads)
        self.colors.append(np.broadcast_to(np.asarray(color, float), (count, 3)))
        self.gloss.append(np.full(count, gloss))
        self.closed.append(np.full(count, closed))

    def stroke(self, points: ArrayLike, radius_m: float, color: Color) -> None:
        """Add a bent tube through (n, 3) points."""
        self.strokes.append(Stroke(np.asarray(points, float), radius_m, color))

    def join(self, other: Model) -> Model:
        """Put another model's parts into this one."""
        for name in ("quads", "colors", "gloss", "closed", "strokes", "decals"):
            getattr(self, name).extend(getattr(other, name))
        return self

    def placed(self, east: float, north: float, yaw_deg: float = 0.0, up: float = 0.0, lean_deg: float = 0.0) -> Model:
        """The model leaned about x, turned about z and moved; strokes and decals too."""
        turn, shift = rotation(yaw_deg, lean_deg).T, np.array([east, north, up])
        return Model(
            [q @ turn + shift for q in self.quads],
            list(self.colors),
            list(self.gloss),
            list(self.closed),
            [Stroke(s.points @ turn + shift, s.radius_m, s.color) for s in self.strokes],
            [Decal(d.corners @ turn + shift, d.image) for d in self.decals],
        )

    def points(self) -> Floats:
        """(n, 3) every corner of the model, metres."""
        parts = [q.reshape(-1, 3) for q in self.quads]
        parts += [s.points for s in self.strokes] + [d.corners for d in self.decals]
        return np.concatenate(parts) if parts else np.zeros((0, 3))


def rotation(yaw_deg: float, lean_deg: float = 0.0) -> Floats:
    """(3, 3) turn counter-clockwise about z after leaning about x."""
    yaw, lean = np.radians(yaw_deg), np.radians(lean_deg)
    about_z = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(lean), -np.sin(lean)], [0, np.sin(lean), np.cos(lean)]])
    turn: Floats = about_z @ about_x
    return turn


def box(center: ArrayLike, size: ArrayLike, taper: float = 1.0) -> Floats:
    """(6, 4, 3) faces of an upright box; `taper` scales the top face."""
    half = np.asarray(size, float) / 2
    corners = np.array([[sx, sy, sz] for sz in (-1, 1) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]) * half
    corners[4:, :2] *= taper
    corners += np.asarray(center, float)
    index = [[3, 2, 1, 0], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]]
    faces: Floats = corners[np.array(index)]
    return faces


def _cross(a: Floats, b: Floats) -> Floats:
    """Cross product of two (3,) vectors; numpy's own is ten times slower on single vectors."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


@cache
def _ring(sides: int) -> Floats:
    """(sides + 1, 2) cosine and sine around a full turn."""
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


@cache
def _globe(sides: int, rings: int) -> Floats:
    """(rings, sides + 1, 3) points of a unit sphere, bottom ring first."""
    polar, ring = np.linspace(-np.pi / 2, np.pi / 2, rings), _ring(sides)
    flat = np.cos(polar)[:, None, None] * ring
    return np.concatenate([flat, np.broadcast_to(np.sin(polar)[:, None, None], (rings, sides + 1, 1))], axis=-1)


def grid_quads(grid: Floats) -> Floats:
    """(r, c, 3) points -> ((r-1)*(c-1), 4, 3) quads."""
    parts = [grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]]
    return np.stack(parts, axis=2).reshape(-1, 4, 3)


def lathe(profile: ArrayLike, sides: int = 10, squash: tuple[float, float] = (1.0, 1.0)) -> Floats:
    """Turn an (m, 2) profile of (radius, z), bottom first, about z; squash scales x and y. Faces look outwards."""
    profile, ring = np.asarray(profile, float), _ring(sides)
    x = profile[:, :1] * ring[:, 0] * squash[0]
    y = profile[:, :1] * ring[:, 1] * squash[1]
    return grid_quads(np.stack([x, y, np.repeat(profile[:, 1:], sides + 1, axis=1)], axis=-1))


def blob(
    center: ArrayLike,
    radii: ArrayLike,
    rng: np.random.Generator | None = None,
    rough: float = 0.0,
    sides: int = 10,
    rings: int = 7,
) -> Floats:
    """A lumpy ellipsoid: bags, fruit, heads. `rough` is the share by which the radius varies from point to point."""
    unit = _globe(sides, rings)
    if rng is not None and rough:
        swell = 1 + rough * rng.standard_normal((rings, sides + 1, 1))
        swell[:, -1], swell[0], swell[-1] = swell[:, 0], swell[0, :1], swell[-1, :1]
        unit = unit * swell
    return grid_quads(unit * np.asarray(radii, float) + np.asarray(center, float))


def tube(start: ArrayLike, end: ArrayLike, radius_start: float, radius_end: float, sides: int = 6) -> Floats:
    """(sides, 4, 3) faces of a straight tapered limb, without caps."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
    side = _cross(along, Z if abs(along[2]) < 0.9 else X)
    side /= np.linalg.norm(side)
    ring = _ring(sides) @ np.stack([side, _cross(along, side)])
    return grid_quads(np.stack([a + ring * radius_start, b + ring * radius_end]))


def circle(center: ArrayLike, radius: float, count: int = 28, span_deg: tuple[float, float] = (0, 360)) -> Floats:
    """(count, 3) points on an arc in the x-z plane (a wheel standing along x)."""
    angle = np.radians(np.linspace(*span_deg, count))
    points = np.stack([radius * np.cos(angle), np.zeros(count), radius * np.sin(angle)], axis=1)
    placed: Floats = points + np.asarray(center, float)
    return placed


def disc(center: ArrayLike, radius: float, sides: int = 16) -> Floats:
    """Flat disc in the x-z plane as quads (open: seen from both sides)."""
    rim, middle = circle(center, radius, sides + 1), np.asarray(center, float)
    return np.stack([np.stack([middle, middle, rim[i], rim[i + 1]]) for i in range(sides)])
