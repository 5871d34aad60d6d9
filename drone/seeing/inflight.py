"""Compass, mount, clock and height corrected in flight from what the flight itself sees twice, no place being known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import structlog

from detectors.types import Image
from drone.georef.errors import Correction
from drone.georef.frames import CAMERA
from drone.georef.geodesy import to_metres
from drone.georef.locate import Locator
from drone.georef.pose import ERRORS
from drone.georef.refusal import NotPlaced
from drone.georef.ties import IN_A_PICTURE_MAX, Look, Ties
from drone.seeing.features import Features

PICTURE_EVERY_S = 2.0
ESTIMATE_PICTURES = 8  # new ones between two estimates
BETTER = 0.9  # a new estimate is taken when so much or less of some sigma is left

log = structlog.get_logger()


class InFlight:
    """Runs on the eye's thread. correction: what is applied now. why_not: the reason while nothing is determined.

    Counts `corrections` taken and `corrections_refused`."""

    def __init__(self, counts: Counter[str]) -> None:
        self.correction = Correction()
        self.why_not = "too few tie points"
        self._counts = counts
        self._ties = Ties()
        self._features = Features(counts)
        self._anchor: tuple[float, float] | None = None
        self._next_s = float("-inf")
        self._new = 0

    def take(self, image: Image, at_s: float, locator: Locator, things: Iterable[Look]) -> Correction | None:
        """One frame and the things that the memory knows in it; a new correction when there is one. locator: its own
        correction plays no part."""
        if locator.ground.step_m is not None:
            self.why_not = "over a terrain model nothing is estimated in flight; give a flat ground to have it"
            return None
        if at_s < self._next_s - 3600.0:  # another clock: the vehicle has rebooted
            self._next_s = at_s
        if at_s < self._next_s:
            return None
        self._next_s = at_s + PICTURE_EVERY_S
        bare = replace(locator, correction=Correction())
        looks = [*things, *self._ground(image, at_s, bare)][:IN_A_PICTURE_MAX]
        self._new += self._ties.add(bare, at_s, looks)
        return self._estimate() if self._new >= ESTIMATE_PICTURES else None

    def restart(self) -> None:
        """The telemetry's clock is a new one: what was learnt of it holds no longer, nor do the ties."""
        self.correction = Correction()
        self.why_not = "too few tie points"
        self._ties, self._features = Ties(), Features(self._counts)
        self._next_s, self._new = float("-inf"), 0

    def _ground(self, image: Image, at_s: float, bare: Locator) -> list[Look]:
        camera = bare.camera
        try:
            middle, pose = bare.locate_with_pose(at_s, (camera.width - 1) / 2, (camera.height - 1) / 2)
            edge = bare.locate(at_s, (camera.width - 1) / 2, camera.height - 1.0)
        except NotPlaced:
            return []
        self._anchor = self._anchor or (middle.lat, middle.lon)
        origin = np.array([[*self._anchor, 0.0]])
        centre, low = (to_metres(np.array([[p.lat, p.lon, 0.0]]), origin)[0, :2] for p in (middle, edge))
        right = pose.rotations[0] @ CAMERA.apply([1.0, 0.0, 0.0])
        heading = float(np.degrees(np.arctan2(right[1], right[0]))) - 90.0
        return self._features.take(image, centre, heading, 2 * float(np.hypot(*(centre - low))))

    def _estimate(self) -> Correction | None:
        self._new = 0
        try:
            found = self._ties.estimate()
        except NotPlaced as refusal:
            self._counts["corrections_refused"] += 1
            self.why_not = str(refusal)
            return None
        sigmas = self._ties.sigmas
        assert sigmas is not None and found.lasting is not None  # an estimate has both
        left = np.sqrt(np.diag(found.lasting) / np.diag(self.correction.kept(sigmas)))
        if left.min() > BETTER:
            return None
        self.correction, self.why_not = found, ""
        self._counts["corrections"] += 1
        told = {name: round(float(value), 4) for name, value in zip(ERRORS, found.errors, strict=True)}
        log.info("drone.corrected", ties=found.sightings, misfit=round(found.misfit, 2), **told)
        return found
