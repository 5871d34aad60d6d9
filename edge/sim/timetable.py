"""What happens on a seeded street and when: a pure function of seed and time, without end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from edge.sim.geo import Anchor
from edge.sim.layout import Layout, Place
from edge.sim.life import Path, car_path, rider_path, vendor_path, walker_path
from edge.sim.texture import Rng
from edge.sim.things import KINDS, Thing

STAY_S = (26.0, 44.0)
PERIOD_S = (80.0, 92.0)  # one thing per place and period
FIRST_S = 3.0


@dataclass(frozen=True)
class Event:
    """One thing's stay: exact seconds since the street began, ground place, and whether it ought to be filed (立案).

    `things` are painted while it lasts: the thing itself first, then companions such as the vendor. A path makes
    it a mover.
    """

    id: str
    case_class: str
    label: str
    should_file: bool
    why_not: str | None
    east_m: float
    north_m: float
    from_s: float
    to_s: float
    things: tuple[Thing, ...]
    path: Path | None = None

    def active(self, t_s: float) -> bool:
        """Whether the thing is on the street at that second."""
        return self.from_s <= t_s < self.to_s

    def place(self, anchor: Anchor) -> tuple[float, float]:
        """(lat, lon) degrees, WGS-84."""
        return anchor.to_wgs84(self.east_m, self.north_m)


@dataclass(frozen=True)
class Stream:
    """A row of events: number k falls into period k, so that any moment can be looked up without its past."""

    index: int
    period_s: float
    reach_s: float  # an event may last this long beyond its period

    def numbers(self, from_s: float, to_s: float) -> Iterator[int]:
        """Numbers of the events that may touch a time span."""
        first = max(0, int((from_s - self.reach_s) // self.period_s))
        return iter(range(first, int(max(to_s, 0.0) // self.period_s) + 1))


LIFE = (("walker", 7.0), ("rider", 23.0), ("car", 41.0), ("vendor", 67.0))


class Timetable:
    """All events of one street."""

    def __init__(self, street: Layout) -> None:
        self.layout, self.seed = street, street.seed
        rng = np.random.default_rng([street.seed, 51])
        order = {int(p): i for i, p in enumerate(rng.permutation(self._filed()))}
        self._offset = {p: FIRST_S + 32.0 * i / max(1, len(order) - 1) for p, i in order.items()}
        self._period = {p.index: float(rng.uniform(*PERIOD_S)) for p in street.places}

    def between(self, from_s: float, to_s: float) -> list[Event]:
        """Every event that touches [from_s, to_s), by start time."""
        found = [e for e in self._candidates(from_s, to_s) if e.from_s < to_s and e.to_s > from_s]
        return sorted(found, key=lambda e: (e.from_s, e.id))

    def _filed(self) -> list[int]:
        return [p.index for p in self.layout.places if p.wanted.name not in ("permit", "bay")]

    def _candidates(self, from_s: float, to_s: float) -> Iterator[Event]:
        for place in self.layout.places:
            if place.index in self._offset:
                stream = Stream(place.index, self._period[place.index], 60.0)
                yield from (self._stay(place, k) for k in stream.numbers(from_s, to_s))
            else:
                stream = Stream(place.index, 190.0, 10.0)
                yield from (self._allowed(place, k) for k in stream.numbers(from_s, to_s))
        for index, (name, period) in enumerate(LIFE, 100):
            for k in Stream(index, period, 60.0).numbers(from_s, to_s):
                yield self._moving(name, index, period, k)

    def _rng(self, index: int, k: int) -> Rng:
        return np.random.default_rng([self.seed, index, k, 52])

    def _stay(self, place: Place, k: int) -> Event:
        """A thing that ought to be filed."""
        rng = self._rng(place.index, k)
        offset = self._offset[place.index]
        start = k * self._period[place.index] + offset + (0.0 if offset == FIRST_S and k == 0 else rng.uniform(0, 8))
        things = stand(place, f"{place.wanted.name}-{k}", rng, bin_of(self.layout, place))
        stay = rng.uniform(*STAY_S)
        return _event(place.case_class, True, None, start, start + stay, things)

    def _allowed(self, place: Place, k: int) -> Event:
        """A breakfast cart in its permitted place, a bicycle inside the bay: long stays that must not be filed."""
        rng = self._rng(place.index, k)
        start = k * 190.0 + rng.uniform(4, 15)
        why = "permit" if place.wanted.name == "permit" else "bay"
        things = stand(place, f"{place.wanted.name}-{k}", rng, bin_of(self.layout, place))
        return _event(place.case_class, False, why, start, start + rng.uniform(110, 150), things)

    def _moving(self, name: str, index: int, period: float, k: int) -> Event:
        rng = self._rng(index, k)
        start = k * period + rng.uniform(0, period * 0.6)
        make = {"walker": walker_path, "rider": rider_path, "car": car_path, "vendor": vendor_path}[name]
        path, things = make(f"{name}-{k}", self.layout.camera, rng)
        east, north = path.rest_m
        kind = things[0].case_class or things[0].label
        why = "short" if name == "vendor" else "moving"
        return Event(
            f"{name}-{k}", kind, things[0].label, False, why, east, north, start, start + path.duration_s, things, path
        )


def _event(
    case_class: str, should_file: bool, why_not: str | None, start: float, end: float, things: tuple[Thing, ...]
) -> Event:
    first = things[0]
    return Event(
        first.id, case_class, first.label, should_file, why_not, first.east_m, first.north_m, start, end, things
    )


def bin_of(street: Layout, place: Place) -> Thing:
    """The street's own bin at a place: overflowing events show the same bin, only full."""
    rng = np.random.default_rng([street.seed, place.index, 53])
    kinds = KINDS["bin"]
    yaw = float(rng.normal(0, 4))
    return Thing(
        f"{place.wanted.name}-bin",
        "bin",
        kinds[rng.integers(len(kinds))],
        int(rng.integers(1 << 30)),
        place.east_m,
        place.north_m,
        yaw,
    )


def stand(place: Place, name: str, rng: Rng, empty: Thing) -> tuple[Thing, ...]:
    """The thing (and its companions) that comes to a place."""
    label, seed, moved = place.wanted.label, int(rng.integers(1 << 30)), place.wanted.moved_m
    east, north = place.east_m + rng.uniform(-moved, moved), place.north_m + rng.uniform(-moved, moved)
    kind = KINDS[label][rng.integers(len(KINDS[label]))]
    if label == "stall":
        return _pitch(name, "cart" if place.wanted.name == "permit" else kind, seed, east, north, rng)
    if label == "poster":
        size = (float(rng.uniform(0.5, 0.72)), float(rng.uniform(0.68, 0.8)))
        return (Thing(name, label, kind, seed, east, north, up_m=place.up_m, size_m=size),)
    if label == "bicycle":
        spread = 8.0 if place.wanted.name == "bay" else 22.0
        return (
            Thing(
                name,
                label,
                kind,
                seed,
                east,
                north,
                float(rng.choice([0, 180]) + rng.uniform(-spread, spread)),
                lean_deg=float(rng.normal(0, 3)),
            ),
        )
    if label == "bin_overflow":
        return (replace(empty, id=name, label=label),)
    return (Thing(name, label, kind, seed, east, north, float(rng.normal(0, 12))),)


def _pitch(name: str, kind: str, seed: int, east: float, north: float, rng: Rng) -> tuple[Thing, ...]:
    """A stall, mostly with its vendor behind it."""
    stall = Thing(name, "stall", kind, seed, east, north, float(rng.normal(0, 3)))
    if rng.random() > 0.85:
        return (stall,)
    pose = "sit" if kind == "cloth" and rng.random() < 0.6 else "stand"
    vendor = Thing(
        f"{name}-vendor",
        "person",
        pose,
        seed + 1,
        east + float(rng.uniform(-0.3, 0.3)),
        min(-0.3, north + 0.75),
        float(rng.normal(-90, 20)),
        phase=float(rng.uniform(0, 6)),
    )
    return stall, vendor
