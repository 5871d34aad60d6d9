"""Place memory: a thing that stays in its place is one event, however the detector flickers and whoever walks past."""

import secrets
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from edge.watch.boxes import Box, area, around, covered, iou, mean, one_above_other, overlap
from edge.watch.rivals import SAME_IOU, Blocker, dispute, new_lead, standing
from edge.wire import CaseClass

PART_MIN = 0.7  # of a thing inside a stall: boxes are not exact, a vendor's tricycle juts out of its stall
PRIOR_LOOKS = 3  # one sure frame is no evidence yet
State = Literal["watching", "filed", "gone"]


@dataclass(frozen=True)
class Sighting:
    """One detection that may be a case: what the network calls it, and which of the four kinds that is."""

    case_class: CaseClass
    label: str
    score: float
    box: Box


@dataclass(frozen=True)
class Habits:
    """How the memory judges. `gone_s`: a filed thing is taken for gone after so long unseen in clear view; one that is
    not filed yet is dropped after as long as it was there, at least `forget_s` and at most `gone_s`. Only time in which
    the place could be seen counts; a step between frames counts for at most `gap_s_max`."""

    iou_min: float = 0.35
    forget_s: float = 4.0
    gone_s: float = 20.0
    ghost_s: float = 1.5
    covered_max: float = 0.3
    gap_s_max: float = 2.0
    moved_weight: float = 0.05


@dataclass
class Spot:
    """A remembered place in the picture of one camera."""

    spot_id: str
    camera: str
    case_class: CaseClass
    box: Box
    frame_width: int
    frame_height: int
    first_seen: datetime
    last_seen: datetime
    hits: int = 1
    looks: int = 1
    score: float = 0.0
    unseen_s: float = 0.0
    state: State = "watching"
    candidate_id: str = ""
    labels: dict[str, int] = field(default_factory=dict)
    lead: float = 0.0
    disputed_s: float = 0.0

    @property
    def label(self) -> str:
        """What the network called it most often."""
        return max(self.labels, key=lambda name: self.labels[name])

    @property
    def presence(self) -> float:
        """Seen / could have been seen, 0 to 1."""
        return self.hits / max(1, self.looks)

    @property
    def evidence(self) -> float:
        """Mean score over all looks, as if it had been overlooked PRIOR_LOOKS times before, 0 to 1."""
        return self.score * self.hits / (self.looks + PRIOR_LOOKS)

    @property
    def dwell_s(self) -> float:
        """Seconds from first to last sighting, less those in which it was rather a person or vehicle (`rivals`)."""
        return max(0.0, (self.last_seen - self.first_seen).total_seconds() - self.disputed_s)


@dataclass
class Change:
    """What one frame changed. `due`: those of `seen` that may be filed now, as far as the picture tells; `hidden`:
    those that somebody stands in front of."""

    seen: list[Spot] = field(default_factory=list)
    due: list[Spot] = field(default_factory=list)
    gone: list[Spot] = field(default_factory=list)
    forgotten: list[Spot] = field(default_factory=list)
    hidden: list[Spot] = field(default_factory=list)


class PlaceMemory:
    """The spots of one camera. Pure: time comes in with each frame; the owner stores what `update` changed."""

    def __init__(self, camera: str, habits: Habits | None = None, spots: Iterable[Spot] = ()) -> None:
        self.camera = camera
        self.habits = habits or Habits()
        self.spots: list[Spot] = [s for s in spots if s.state != "gone"]
        self._mono_s: float | None = None

    def update(
        self,
        sightings: Iterable[Sighting],
        blockers: Sequence[Blocker],
        at: datetime,
        mono_s: float,
        size: tuple[int, int],
        looked: Callable[[Box], bool] | None = None,
        unchanged: Container[str] = frozenset(),
        absent: Container[str] = frozenset(),
    ) -> Change:
        """Take one frame's sightings. `blockers`: people and vehicles; `size`: (width, height) in pixels.

        `looked`: where the network looked, everywhere without it: elsewhere nothing was missed. `unchanged`: ids of
        spots whose place looks as it did at the last sighting: they are still there, which is no new evidence of what
        they are, so only time goes on for them. `absent`: ids of spots that were looked for in vain, and nothing has
        changed there since: they are still not there."""
        step_s = self._step(mono_s)
        change = Change()
        pairs, fresh = self._match(one_each(sightings))
        for spot, sighting in pairs:
            self._hit(spot, sighting, at)
        pairs += [(self._begin(sighting, at, size), sighting) for sighting in fresh]
        seen = {spot.spot_id: sighting for spot, sighting in pairs}
        for spot in [s for s in self.spots if s.spot_id not in seen]:
            if spot.spot_id in unchanged:
                spot.last_seen, spot.unseen_s = max(at, spot.last_seen), 0.0
                spot.looks += looked is None or looked(spot.box)  # overlooked: less present, not less there
            elif looked is None or looked(spot.box):
                self._miss(spot, blockers, step_s, change)
            elif spot.spot_id in absent:
                self._unseen(spot, step_s, change)
        change.seen = [spot for spot, _ in pairs]
        self._weigh(seen, blockers, step_s)
        self.spots += change.seen[len(pairs) - len(fresh) :]
        may = {spot.spot_id for spot in standing(self.spots)}
        change.due = [s for s in change.seen if s.state == "watching" and s.spot_id in may]
        return change

    def shift(self, by: timedelta) -> None:
        """The wall clock was set: the same moments by the new clock, so that no dwell grows or shrinks by the step."""
        for spot in self.spots:
            spot.first_seen, spot.last_seen = spot.first_seen + by, spot.last_seen + by

    def end(self, spot_id: str) -> Spot | None:
        """A check found the place cleared: forget the thing, so that the next one there is a new event."""
        spot = next((s for s in self.spots if s.spot_id == spot_id), None)
        if spot is not None:
            self.spots.remove(spot)
            spot.state = "gone"
        return spot

    def _step(self, mono_s: float) -> float:
        last, self._mono_s = self._mono_s, mono_s
        return 0.0 if last is None else min(max(0.0, mono_s - last), self.habits.gap_s_max)

    def _match(self, sightings: list[Sighting]) -> tuple[list[tuple[Spot, Sighting]], list[Sighting]]:
        ranked = sorted(
            (
                (-iou(spot.box, s.box), i, j)
                for i, spot in enumerate(self.spots)
                for j, s in enumerate(sightings)
                if spot.case_class == s.case_class and iou(spot.box, s.box) >= self.habits.iou_min
            ),
        )
        pairs: list[tuple[Spot, Sighting]] = []
        used_spots: set[int] = set()
        used: set[int] = set()
        for _, i, j in ranked:
            if i not in used_spots and j not in used:
                pairs.append((self.spots[i], sightings[j]))
                used_spots.add(i)
                used.add(j)
        return pairs, [s for j, s in enumerate(sightings) if j not in used]

    def _weigh(self, seen: dict[str, Sighting], blockers: Sequence[Blocker], step_s: float) -> None:
        for spot in self.spots:
            sighting = seen.get(spot.spot_id)
            disputed = dispute(spot.case_class, sighting.box if sighting else spot.box, blockers)
            spot.lead = new_lead(spot.lead, sighting.score if sighting else 0.0, disputed, step_s)
            spot.disputed_s += step_s if spot.lead <= 0 else 0.0

    def _hit(self, spot: Spot, sighting: Sighting, at: datetime) -> None:
        if self._is_ghost(spot):
            _restart(spot, sighting, at)
            return
        spot.hits += 1
        spot.looks += 1
        spot.unseen_s = 0.0
        spot.last_seen = max(at, spot.last_seen)
        spot.score += (sighting.score - spot.score) * 0.2
        spot.labels[sighting.label] = spot.labels.get(sighting.label, 0) + 1
        spot.box = mean(spot.box, sighting.box, self.habits.moved_weight)

    def _is_ghost(self, spot: Spot) -> bool:
        """What passed here a while ago is not what is seen now: mostly unseen since, so the dwell begins anew."""
        return spot.state == "watching" and spot.unseen_s >= self.habits.ghost_s and spot.presence < 0.5

    def _miss(self, spot: Spot, blockers: Sequence[Blocker], step_s: float, change: Change) -> None:
        if any(covered(spot.box, by.box) > self.habits.covered_max for by in blockers):
            change.hidden.append(spot)
            return
        spot.looks += 1
        self._unseen(spot, step_s, change)

    def _unseen(self, spot: Spot, step_s: float, change: Change) -> None:
        spot.unseen_s += step_s
        if spot.unseen_s < self._patience_s(spot):
            return
        self.spots.remove(spot)
        (change.forgotten if spot.state == "watching" else change.gone).append(spot)
        spot.state = "gone"

    def _patience_s(self, spot: Spot) -> float:
        """The longer a thing has been there, the longer it may be overlooked."""
        if spot.state == "filed":
            return self.habits.gone_s
        return max(self.habits.forget_s, min(self.habits.gone_s, spot.dwell_s))

    def _begin(self, sighting: Sighting, at: datetime, size: tuple[int, int]) -> Spot:
        return Spot(
            spot_id=secrets.token_hex(8),
            camera=self.camera,
            case_class=sighting.case_class,
            box=sighting.box,
            frame_width=size[0],
            frame_height=size[1],
            first_seen=at,
            last_seen=at,
            score=sighting.score,
            labels={sighting.label: 1},
        )


def _restart(spot: Spot, sighting: Sighting, at: datetime) -> None:
    spot.first_seen = spot.last_seen = at
    spot.box, spot.score = sighting.box, sighting.score
    spot.hits = spot.looks = 1
    spot.unseen_s = spot.lead = spot.disputed_s = 0.0
    spot.labels = {sighting.label: 1}


def one_each(sightings: Iterable[Sighting]) -> list[Sighting]:
    """Of sightings of one kind that lie on each other (a table inside its stall) keep the surest; what lies within a
    stall and is smaller (its sign, its tricycle's wheels, its crates) is part of it."""
    kept: list[Sighting] = []
    for s in sorted(_whole_stalls(list(sightings)), key=_surest):
        same = (k for k in kept if k.case_class == s.case_class)
        if not any(overlap(k.box, s.box) > 0.6 * max(1.0, min(area(k.box), area(s.box))) for k in same):
            kept.append(s)
    stalls = [k.box for k in kept if k.case_class == "stall"]
    return [k for k in kept if k.case_class == "stall" or not any(_part(k.box, by) for by in stalls)]


def _part(box: Box, of: Box) -> bool:
    return covered(box, of) > PART_MIN and iou(box, of) < SAME_IOU


def _whole_stalls(sightings: list[Sighting]) -> list[Sighting]:
    """An umbrella and the goods below it are one stall: such pairs become one sighting with the box around both."""
    whole = [s for s in sightings if s.case_class != "stall"]
    for s in sorted((s for s in sightings if s.case_class == "stall"), key=_surest):
        partner = next((k for k in whole if k.case_class == "stall" and one_above_other(k.box, s.box)), None)
        if partner is None:
            whole.append(s)
        else:
            whole[whole.index(partner)] = replace(partner, box=around(partner.box, s.box))
    return whole


def _surest(s: Sighting) -> tuple[float, str, str, Box]:
    """A key that the order of the detections in a frame has no part in."""
    return (-s.score, s.case_class, s.label, s.box)
