"""How a place looked before the thing came: a few recent pictures of each view, one of them held for each new thing."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import cv2
import numpy as np

from detectors import Detections
from edge.watch.boxes import Box, covered
from edge.watch.places import Spot
from edge.watch.source import Image

EVERY_S = 10.0
KEPT = 4
MARGIN_S = 1.0  # a thing may be half there before it is first seen
COVERED_MAX = 0.3  # of its place, by people and vehicles
HELD_MAX = 64  # things of one camera
PICTURES_MAX = 32  # different ones, about 0.4 MB each at 1080p
JPEG_QUALITY = 92


@dataclass(frozen=True, eq=False)
class Past:
    """A picture from before: as JPEG, with what was seen in it (for the redaction) and what stood in front."""

    jpeg: bytes
    at: datetime
    found: Detections
    blockers: tuple[Box, ...]

    @property
    def image(self) -> Image:
        """(H, W, 3) uint8 BGR."""
        return np.asarray(cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


@dataclass(frozen=True)
class _Held:
    first_seen: datetime
    past: Past


class BeforePictures:
    """One camera's. Only pictures of a clear view are noted, one every EVERY_S; a view that was turned on purpose
    begins with a new process, and so without any. In memory alone: after a restart a thing that was there already has
    no picture from before, and its manifest says so. `given_up`: held pictures dropped because of the limits."""

    def __init__(self) -> None:
        self._recent: deque[Past] = deque(maxlen=KEPT)
        self._noted_s: float | None = None
        self._held: dict[str, _Held] = {}
        self.given_up = 0

    def note(self, image: Image, at: datetime, mono_s: float, found: Detections, blockers: Sequence[Box]) -> None:
        """Offer a clear picture; it is kept when the last one is old enough."""
        if self._noted_s is not None and mono_s - self._noted_s < EVERY_S:
            return
        done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if done:
            self._noted_s = mono_s
            self._recent.append(Past(data.tobytes(), at, found, tuple(blockers)))

    def hold(self, spots: Iterable[Spot]) -> None:
        """For things that are seen: hold the newest picture from before each came, in which nothing stood in front.
        Call it with each frame; it looks only at what is new or began anew."""
        for spot in spots:
            held = self._held.get(spot.spot_id)
            if spot.state != "watching" or (held is not None and held.first_seen == spot.first_seen):
                continue
            self._held.pop(spot.spot_id, None)
            past = self._best(spot)
            if past is not None:
                self._held[spot.spot_id] = _Held(spot.first_seen, past)
        self._limit()

    def shift(self, by: timedelta) -> None:
        """The wall clock was set (`PlaceMemory.shift`): before stays before."""
        moved = {
            past: replace(past, at=past.at + by) for past in [*self._recent, *(h.past for h in self._held.values())]
        }
        self._recent = deque((moved[past] for past in self._recent), maxlen=KEPT)
        self._held = {name: _Held(h.first_seen + by, moved[h.past]) for name, h in self._held.items()}

    def of(self, spot: Spot) -> Past | None:
        """The picture from before this thing came."""
        held = self._held.get(spot.spot_id)
        return held.past if held is not None and held.first_seen == spot.first_seen else None

    def forget(self, spots: Iterable[Spot]) -> None:
        """These are filed or gone."""
        for spot in spots:
            self._held.pop(spot.spot_id, None)

    def _best(self, spot: Spot) -> Past | None:
        until = spot.first_seen - timedelta(seconds=MARGIN_S)
        for past in reversed(self._recent):
            if past.at <= until and not any(covered(spot.box, by) > COVERED_MAX for by in past.blockers):
                return past
        return None

    def _limit(self) -> None:
        """The things that have been held longest are given up first: insertion order."""
        while len(self._held) > HELD_MAX or len({id(h.past) for h in self._held.values()}) > PICTURES_MAX:
            del self._held[next(iter(self._held))]
            self.given_up += 1
