"""Where the network should look in one camera's picture: nowhere, at some regions, or at all of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from edge.watch.anchors import DIFFERS, Anchor
from edge.watch.boxes import Box, around, covered, overlap
from edge.watch.gate import LOOKS, MotionGate, boxes_of
from edge.watch.picture import Grey
from edge.watch.places import Spot

MARGIN = 0.35  # around what changed: a network wants to see what a thing stands on
MARGIN_MIN_SHARE = 0.03  # of the picture's width
WHOLE_SHARE = 0.5  # regions that cover more of the picture are no saving


@dataclass(frozen=True)
class Care:
    """How often the network looks although nothing seems to have changed, and when full rate is worth its price.
    `whole_s`: at the whole picture; `place_s`: at a known place; `open_s` of every picture after something new has come
    to stay, at most every `rest_s`."""

    width_px: int = 96
    whole_s: float = 60.0
    place_s: float = 60.0
    open_s: float = 1.0
    rest_s: float = 60.0


@dataclass(frozen=True)
class Plan:
    """For one picture. `regions` px; `unchanged`: ids of spots whose place looks as it did; `absent`: of those that the
    network did not find again and whose place has not changed since; `open`: something new has come to stay; `upset`:
    the view itself must be looked at."""

    whole: bool = True
    regions: tuple[Box, ...] = ()
    unchanged: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    open: bool = False
    upset: bool = False

    @property
    def idle(self) -> bool:
        """Nothing to look at."""
        return not self.whole and not self.regions

    def sees(self, box: Box) -> bool:
        """Whether the network sees this place."""
        return self.whole or any(covered(box, region) > 0.95 for region in self.regions)


@dataclass
class Lookout:
    """One camera's. `plan` for each picture, then `done` with what the place memory made of it. Counts its choices."""

    care: Care
    counts: dict[str, int] = field(default_factory=lambda: {"idle": 0, "regions": 0, "whole": 0, "opened": 0})
    _anchors: dict[str, Anchor] = field(default_factory=dict)
    _whole_s: float = float("-inf")
    _wholes: int = 0
    _opened_s: float = float("-inf")

    def __post_init__(self) -> None:
        self._gate = MotionGate(self.care.width_px)

    def plan(self, luma: Grey, spots: Sequence[Spot], mono_s: float, whole: bool) -> Plan:
        """`luma` (H, W) uint8; `whole`: the whole picture is needed anyway, for a candidate or a check."""
        motion = self._gate.add(luma)
        new = boxes_of(motion.settled, luma.shape[1], luma.shape[0])
        unchanged, absent, doubtful = self._judged(spots, luma, mono_s)
        opens = bool(new or any(not self._anchors[s].confirmed for s in doubtful)) and not motion.upset
        opens = opens and self.care.open_s > 0 and mono_s - self._opened_s >= self.care.rest_s
        self._opened_s = mono_s if opens else self._opened_s
        regions = () if whole else self._regions(new + list(doubtful.values()), spots, luma)
        whole = whole or motion.upset or self._stale(mono_s) or self._large(regions, luma)
        self.counts["opened"] += opens
        self.counts["whole" if whole else "regions" if regions else "idle"] += 1
        return Plan(whole, () if whole else regions, unchanged, absent, opens, motion.upset)

    def done(
        self,
        plan: Plan,
        luma: Grey,
        spots: Iterable[Spot],
        seen: frozenset[str],
        mono_s: float,
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        """The network has looked as planned; `seen`: the spots that it found in this picture; `hidden`: those that
        somebody stands in front of."""
        spots = list(spots)
        for spot in spots:
            if plan.sees(spot.box) or spot.spot_id in seen:
                anchor = self._anchors.setdefault(spot.spot_id, Anchor(spot.box))
                name = spot.spot_id
                anchor.saw(luma, spot.box, mono_s, "seen" if name in seen else "hidden" if name in hidden else "missed")
        kept = {spot.spot_id for spot in spots}
        self._anchors = {name: anchor for name, anchor in self._anchors.items() if name in kept}
        height, width = luma.shape
        for region in [(0.0, 0.0, float(width), float(height))] if plan.whole else plan.regions:
            self._gate.looked(self._gate.cells(region, width, height))
        if plan.whole:
            self._whole_s = mono_s
            self._wholes += 1

    def _judged(
        self, spots: Sequence[Spot], luma: Grey, mono_s: float
    ) -> tuple[frozenset[str], frozenset[str], dict[str, Box]]:
        """(spots that look as they did, spots that are still not to be seen, spots that the network should look at)."""
        unchanged: set[str] = set()
        absent: set[str] = set()
        doubtful: dict[str, Box] = {}
        for spot in spots:
            anchor = self._anchors.setdefault(spot.spot_id, Anchor(spot.box))
            same = anchor.as_before(luma)
            holds = anchor.verdict != "seen" and anchor.times >= LOOKS  # until the gate sees something settle there
            old = mono_s - anchor.looked_s >= self.care.place_s
            if old or not (holds or (anchor.confirmed and anchor.differs < DIFFERS)):
                doubtful[spot.spot_id] = spot.box
            if same and anchor.confirmed:
                unchanged.add(spot.spot_id)
            elif holds and anchor.verdict == "missed" and self._gate.known(spot.box, luma.shape[1], luma.shape[0]):
                absent.add(spot.spot_id)
        return frozenset(unchanged), frozenset(absent), doubtful

    def _regions(self, wanted: list[Box], spots: Sequence[Spot], luma: Grey) -> tuple[Box, ...]:
        """With what stands around them; a known thing is never cut, and no two overlap."""
        height, width = luma.shape
        found = _merged([_with_margin(box, width, height) for box in wanted])
        for spot in spots:
            found = [around(r, _with_margin(spot.box, width, height)) if overlap(r, spot.box) else r for r in found]
        return tuple(_merged(found))

    def _stale(self, mono_s: float) -> bool:
        """Also at the beginning, when nothing is known yet."""
        return self._wholes < LOOKS or mono_s - self._whole_s >= self.care.whole_s

    def _large(self, regions: Sequence[Box], luma: Grey) -> bool:
        return sum((r[2] - r[0]) * (r[3] - r[1]) for r in regions) > WHOLE_SHARE * luma.size


def _with_margin(box: Box, width: int, height: int) -> Box:
    least = MARGIN_MIN_SHARE * width
    mx, my = max(least, MARGIN * (box[2] - box[0])), max(least, MARGIN * (box[3] - box[1]))
    return (
        max(0.0, box[0] - mx),
        max(0.0, box[1] - my),
        min(float(width), box[2] + mx),
        min(float(height), box[3] + my),
    )


def _merged(boxes: Sequence[Box]) -> list[Box]:
    apart: list[Box] = []
    for box in boxes:
        while hit := next((b for b in apart if overlap(b, box) > 0), None):
            apart.remove(hit)
            box = around(hit, box)
        apart.append(box)
    return apart
