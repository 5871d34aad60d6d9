"""Telephone numbers on one camera's posters: a few readings of each, spread in time, vote until a number is sure."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from detectors.campaign import Tally
from edge.watch.boxes import Box
from edge.watch.evidence import crop
from edge.watch.places import Spot
from edge.watch.rules import Decision
from edge.watch.source import Image

READINGS_MAX = 6  # of one poster; two that agree on every digit are enough
EVERY_S = 1.0
NEAR_SHARE = 0.3  # of the rule's dwell: before, it may be a passer-by's bag
WIDTH_MIN_PX = 48  # of the box: eleven digits on less are under 4 px each, and nothing reads those
MARGIN = 0.1  # share of the box that is read around it: boxes cut digits off
CAMPAIGNS_MAX = 8  # a wall's cluster of stickers carries several numbers

Readings = list[tuple[str, float]]
Read = Callable[[Image], "Future[Readings] | None"]


@dataclass
class _Poster:
    """One poster's votes."""

    tally: Tally = field(default_factory=Tally)
    asked: int = 0
    asked_s: float = float("-inf")
    waiting: list["Future[Readings]"] = field(default_factory=list)


class PosterNumbers:
    """Kept in memory alone: after a restart the posters that are not filed yet are read again."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._posters: dict[str, _Poster] = {}

    def look(self, spot: Spot, decision: Decision, image: Image, mono_s: float) -> None:
        """Ask for a reading if this is a poster that is about to be filed and has not been read often enough."""
        rule = decision.rule
        if spot.case_class != "poster" or rule is None or spot.dwell_s < NEAR_SHARE * rule.dwell_s:
            return
        poster = self._posters.setdefault(spot.spot_id, _Poster())
        enough = poster.asked >= READINGS_MAX or self.campaigns(spot.spot_id)
        if enough or mono_s - poster.asked_s < EVERY_S or _width(spot.box) < WIDTH_MIN_PX:
            return
        reading = self._read(crop(image, spot.box, margin=MARGIN))
        if reading is not None:
            poster.waiting.append(reading)
            poster.asked += 1
            poster.asked_s = mono_s

    def campaigns(self, spot_id: str) -> list[str]:
        """The numbers that are sure by now."""
        poster = self._posters.get(spot_id)
        if poster is None:
            return []
        for reading in [r for r in poster.waiting if r.done()]:
            poster.waiting.remove(reading)
            for digits, score in reading.result():
                poster.tally.add(digits, min(score, 1.0))
        return poster.tally.campaigns()[:CAMPAIGNS_MAX]

    def forget(self, spots: Iterable[Spot]) -> None:
        """Posters that were filed or have gone."""
        for spot in spots:
            self._posters.pop(spot.spot_id, None)


def _width(box: Box) -> float:
    return box[2] - box[0]
