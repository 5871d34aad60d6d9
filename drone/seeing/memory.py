"""Things on the ground over many frames and flights: clustered where they stand, not tracked in the picture."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from drone.georef.locate import Located
from drone.seeing.things import Array, Placed, Thing

GATE = 9.21034037197618  # chi-squared, two degrees of freedom, 99 %
REACH_M = 40.0  # farther off nothing is compared
RIVAL_M = 1.5  # two names for what lies so near are two names for one thing
GONE_LOOKS = 6  # clear looks in a row on which a filed thing was not there
FORGET_LOOKS, FORGET_PRESENCE = 8, 0.2  # a thing that was seen once by mistake
THINGS_MAX = 20_000

M_PER_DEGREE = 111_320.0


@dataclass
class Change:
    """What one frame changed. due: those of `seen` that no surer name for the same thing stands in the way of; placed:
    the sighting of each thing of `seen`, by its id."""

    seen: list[Thing] = field(default_factory=list)
    placed: dict[str, Placed] = field(default_factory=dict)
    due: list[Thing] = field(default_factory=list)
    gone: list[Thing] = field(default_factory=list)
    forgotten: list[Thing] = field(default_factory=list)


class Memory:
    """Every thing of a device. Pure: time comes in with each frame; the owner stores what `update` changed. At
    THINGS_MAX the one seen longest ago is dropped, `dropped` counts them."""

    def __init__(self, things: Iterable[Thing] = ()) -> None:
        self.things = {thing.thing_id: thing for thing in things if thing.state != "gone"}
        self.dropped = 0

    def update(
        self, placed: Sequence[Placed], at: datetime, era: str, visible: Callable[[Sequence[Thing]], Sequence[bool]]
    ) -> Change:
        """Take one frame's sightings. visible: which of these things' places the frame shows so well that each would
        have been found; era: under which set of lasting errors it was taken."""
        change = Change()
        pairs, fresh = self._match(placed, era)
        for thing, sighting in pairs:
            thing.add(sighting, era, at)
        pairs += [(self._begin(sighting, era, at), sighting) for sighting in fresh]
        change.seen = [thing for thing, _ in pairs]
        change.placed = {thing.thing_id: sighting for thing, sighting in pairs}
        others = [thing for thing in self._shown(visible) if thing.thing_id not in change.placed]
        for thing in others:
            self._miss(thing, change)
        change.due = [t for t in change.seen if t.state == "watching" and not self._outdone(t)]
        return change

    def rebase(self, era: str, shift: Array, turn: Array) -> None:
        """Everything seen under an era moves with what was learnt of its lasting errors (`Pass.rebase`)."""
        for thing in self.things.values():
            for one in thing.passes:
                if one.era == era:
                    one.rebase(shift, turn)

    def end(self, thing_id: str) -> Thing | None:
        """A check found the place cleared: the next thing there is a new one."""
        thing = self.things.pop(thing_id, None)
        if thing is not None:
            thing.state = "gone"
        return thing

    def _match(self, placed: Sequence[Placed], era: str) -> tuple[list[tuple[Thing, Placed]], list[Placed]]:
        """The likeliest pairs first, each thing and each sighting once: two boxes of one frame are two things."""
        ranked = sorted(
            (square + spread, number, thing.thing_id)
            for number, sighting in enumerate(placed)
            for thing in self._around(sighting)
            for square, spread in [thing.distance(sighting, era)]
            if square <= GATE
        )
        pairs = dict[int, Thing]()
        taken = set[str]()
        for _, number, thing_id in ranked:
            if number not in pairs and thing_id not in taken:
                pairs[number] = self.things[thing_id]
                taken.add(thing_id)
        fresh = [sighting for number, sighting in enumerate(placed) if number not in pairs]
        return [(thing, placed[number]) for number, thing in pairs.items()], fresh

    def _around(self, sighting: Placed) -> list[Thing]:
        at = sighting.sensed.located
        return [t for t in self.things.values() if t.case_class == sighting.case_class and near(t, at, REACH_M)]

    def _shown(self, visible: Callable[[Sequence[Thing]], Sequence[bool]]) -> list[Thing]:
        things = list(self.things.values())
        return [thing for thing, shown in zip(things, visible(things), strict=True) if shown]

    def _begin(self, sighting: Placed, era: str, at: datetime) -> Thing:
        spot = sighting.sensed.located
        thing = Thing(secrets.token_hex(8), sighting.case_class, spot.lat, spot.lon, at, at)
        thing.add(sighting, era, at)
        if len(self.things) >= THINGS_MAX:
            oldest = min(self.things.values(), key=lambda t: t.last_seen)
            del self.things[oldest.thing_id]
            self.dropped += 1
        self.things[thing.thing_id] = thing
        return thing

    def _miss(self, thing: Thing, change: Change) -> None:
        thing.miss()
        if thing.state == "filed" and thing.missed >= GONE_LOOKS:
            change.gone.append(thing)
        elif thing.state == "watching" and thing.looks >= FORGET_LOOKS and thing.presence < FORGET_PRESENCE:
            change.forgotten.append(thing)
        else:
            return
        del self.things[thing.thing_id]
        thing.state = "gone"

    def _outdone(self, thing: Thing) -> bool:
        """Whether the network has a surer name for what stands there."""
        here = thing.estimate()
        rivals = (t for t in self.things.values() if t.case_class != thing.case_class and near(t, here, REACH_M))
        return any(
            r.evidence > thing.evidence and distance_m(r.estimate(), here) <= RIVAL_M for r in rivals if r.passes
        )


def near(thing: Thing, at: Located, reach_m: float) -> bool:
    """Roughly, by its anchor."""
    north = (thing.lat0 - at.lat) * M_PER_DEGREE
    east = (thing.lon0 - at.lon) * M_PER_DEGREE * math.cos(math.radians(at.lat))
    return abs(north) <= reach_m and abs(east) <= reach_m


def distance_m(a: Located, b: Located) -> float:
    """Metres between places near each other."""
    shrink = math.cos(math.radians(a.lat))
    return float(np.hypot((a.lat - b.lat) * M_PER_DEGREE, (a.lon - b.lon) * M_PER_DEGREE * shrink))
