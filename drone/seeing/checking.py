"""Checks from the air (核查): still there? Answered by what flights see of its place after the question was asked.

cleared needs so many clear looks as were asked for, and the ledger's word that all the ground where the thing may have
stood was seen since; still_there is a thing of the class inside the place's error; everything else is cannot_see.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

import msgspec
import numpy as np
import structlog

from drone.georef.locate import Located
from drone.seeing.groundbox import place_of
from drone.seeing.memory import GATE
from drone.seeing.sizes import ON_GROUND, SIZES
from drone.seeing.things import Placed
from drone.seeing.tools import Seen, Tools
from drone.telemetry.sample import HeightDatum
from edge.link import OutboxFull
from edge.watch.boxes import Box
from edge.watch.evidence import reference
from edge.watch.verify import LOOKS_EXTRA, Answer, look
from edge.wire import Evidence, Look, Verdict, Verify

PICTURES_MAX = 8
APART_S = 0.4  # between looks: the next frame of a video is no second witness
UNSEEN = "no picture showed the place well enough"
UNKNOWN_SIGMA_M = 3.0  # of a place that another device found
SCORE_MIN = 0.35
RING = np.array([(0.0, 0.0), *[(np.cos(a), np.sin(a)) for a in np.arange(8) * np.pi / 4]])
M_PER_DEGREE = 111_320.0

log = structlog.get_logger()


@dataclass
class Asked:
    """A check at work. target: where; pictures[i] belongs to looks[i]; clear: clear looks in a row."""

    request: Verify
    asked_us: int
    target: Located | None
    looks: list[Look] = field(default_factory=list)
    pictures: list[Future[list[Evidence]]] = field(default_factory=list)
    clear: int = 0
    last_us: int = 0
    answer: Answer | None = None
    at: datetime | None = None


class Checking:
    """All checks of one drone; they are open in the store until their verdict is in the outbox."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._open: dict[str, Asked] = {}

    @property
    def waiting(self) -> list[Asked]:
        """Those without an answer: what a revisit has to look at."""
        self._refresh()
        return [asked for asked in self._open.values() if asked.answer is None]

    def take(self, seen: Seen) -> None:
        """Look at every waiting place that this frame shows."""
        for asked in self.waiting:
            if asked.target is not None and seen.at_us - asked.last_us >= APART_S * 1e6:
                self._look(asked, asked.target, seen)

    def landed(self, at: datetime, aimed: Collection[str]) -> None:
        """A flight is over: of the checks (their ids) that it was sent for, what is still open it could not see."""
        for asked in [one for one in self.waiting if one.request.verify_id in aimed]:
            if not asked.looks:
                asked.looks.append(Look(at=at, verdict="cannot_see", score=0.0, reason=UNSEEN))
                asked.pictures.append(_no_picture())
            asked.answer, asked.at = "cannot_see", at

    def finish(self, wait_s: float = 0.0) -> None:
        """Send the answers whose pictures are made."""
        answered = [asked for asked in self._open.values() if asked.answer is not None]
        if wait_s:
            wait([picture for asked in answered for picture in asked.pictures], wait_s)
        for asked in [a for a in answered if all(picture.done() for picture in a.pictures)]:
            self._send(asked)

    def _refresh(self) -> None:
        for request, asked_us in self._tools.store.open_checks():
            if request.verify_id not in self._open:
                self._open[request.verify_id] = Asked(request, asked_us, self._target(request))

    def _target(self, request: Verify) -> Located | None:
        """Where the thing stood, from memory, else from the request's own box; None: not on the ground, or unknown."""
        if request.case_class not in ON_GROUND:
            return None
        thing = self._tools.memory.things.get(request.place_id) or self._tools.store.thing(request.place_id)
        if thing is not None:
            return thing.estimate()
        place = place_of(request)
        spread = UNKNOWN_SIGMA_M**2
        wide = ((spread, 0.0), (0.0, spread))
        return Located(*place, 0.0, HeightDatum.UNSTATED, 0.0, 90.0, wide) if place is not None else None

    def _look(self, asked: Asked, target: Located, seen: Seen) -> None:
        request = asked.request
        box = shown_box(target, request, seen)
        if box is None:
            return
        there = max((p.score for p in self._candidates(asked, target, seen)), default=0.0)
        if there >= SCORE_MIN:
            words = f"a {request.case_class} stands there, score {there:.2f}"
            taken = Look(at=seen.at, verdict="still_there", score=min(there, 1.0), reason=words)
        else:
            here = msgspec.structs.replace(
                request, box=box, frame_width=seen.image.shape[1], frame_height=seen.image.shape[0]
            )
            view = look(here, seen.image, [], seen.blockers, None, seen.fault)
            taken = Look(at=seen.at, verdict=view.verdict, score=view.score, reason=view.reason)
        picture = self._tools.desk.look(seen.image, box, seen.found)
        if picture is None:
            return
        asked.looks.append(taken)
        asked.pictures.append(picture)
        asked.last_us = seen.at_us
        self._decide(asked, target, seen)

    def _candidates(self, asked: Asked, target: Located, seen: Seen) -> list[Placed]:
        """Sightings that may be the thing: what the memory took for it, or for something new in its place. A bicycle
        that stands in the bay beside it lies inside the place's error, too, but is known to be another."""
        request, things = asked.request, self._tools.memory.things
        older = {i for i in seen.known if i in things and things[i].first_seen.timestamp() * 1e6 < asked.asked_us}
        others = [id(seen.known[i]) for i in older if i != request.place_id]
        mine = seen.known.get(request.place_id)
        near = [p for p in seen.placed if same(p, target, request) and id(p) not in others]
        return [mine, *near] if mine is not None else near

    def _decide(self, asked: Asked, target: Located, seen: Seen) -> None:
        last, request = asked.looks[-1], asked.request
        asked.clear = asked.clear + 1 if last.verdict == "cleared" else 0
        if last.verdict == "still_there":
            asked.answer, asked.at = "still_there", seen.at
        elif asked.clear >= request.looks:
            sigma = target.place().error_major_m
            told = self._tools.ledger.statement(
                target.lat,
                target.lon,
                sigma,
                request.case_class,
                asked.asked_us,
                SIZES[request.case_class].across_m / 2,
            )
            last.reason = f"{last.reason}; {told.words}"
            if told.enough:
                asked.answer, asked.at = "cleared", seen.at
        elif len(asked.looks) >= request.looks + LOOKS_EXTRA and asked.clear == 0:
            asked.answer, asked.at = "cannot_see", seen.at

    def _send(self, asked: Asked) -> None:
        verdict, pictures = self._verdict(asked)
        request, tools = asked.request, self._tools
        cleared = verdict.verdict == "cleared"
        thing = tools.memory.things.get(request.place_id) if cleared else None
        ended = msgspec.structs.replace(thing, state="gone") if thing is not None else None
        try:
            tools.link.send(verdict, *pictures, within=tools.store.answering(request.verify_id, ended))
        except (OutboxFull, sqlite3.Error) as error:
            tools.counts["verdicts_postponed"] += 1
            log.error("verdict.postponed", verify=request.verify_id, reason=str(error))
            return
        if cleared:
            tools.memory.end(request.place_id)
        del self._open[request.verify_id]
        tools.counts[f"verdicts_{verdict.verdict}"] += 1
        log.info("verdict", verdict=verdict.verdict, looks=len(verdict.looks))

    def _verdict(self, asked: Asked) -> tuple[Verdict, list[Evidence]]:
        assert asked.answer is not None and asked.at is not None
        made = [picture.result() for picture in asked.pictures]
        for taken, of_look in zip(asked.looks, made, strict=True):
            taken.picture = of_look[0].sha256 if of_look else None
        kept = asked.looks[-32:]
        pictures = {p.sha256: p for p in list(chain.from_iterable(made))[-PICTURES_MAX:]}
        request, outbox = asked.request, self._tools.link.outbox
        verdict = Verdict(
            device=outbox.device,
            epoch=outbox.epoch,
            seq=1,
            verify_id=request.verify_id,
            incident_id=request.incident_id,
            camera=request.camera,
            verdict=asked.answer,
            at=asked.at,
            looks=kept,
            evidence=[reference(p) for p in pictures.values()],
        )
        return verdict, list(pictures.values())


def shown_box(target: Located, request: Verify, seen: Seen) -> Box | None:
    """Where the frame shows the thing's place with its one-sigma error around it, px; None when it does not hold all of
    that, or not finely enough for things of the class."""
    size = SIZES[request.case_class]
    radius = size.across_m / 2 + target.place().error_major_m
    north = RING[:, 1] * radius / M_PER_DEGREE
    east = RING[:, 0] * radius / M_PER_DEGREE / np.cos(np.radians(target.lat))
    shown = seen.view.show(target.lat + north, target.lon + east)
    if not shown.inside.all() or shown.cm_px.max() > size.cm_px_max:
        return None
    (x1, y1), (x2, y2) = shown.pixel.min(axis=0).tolist(), shown.pixel.max(axis=0).tolist()
    return (x1, y1, x2, y2)


def same(placed: Placed, target: Located, request: Verify) -> bool:
    """Whether a sighting of the frame may be the thing that was asked about, by both their errors."""
    if placed.case_class != request.case_class:
        return False
    at = placed.sensed.located
    off = np.array(
        [
            (at.lon - target.lon) * M_PER_DEGREE * np.cos(np.radians(target.lat)),
            (at.lat - target.lat) * M_PER_DEGREE,
        ]
    )
    spread = np.array(at.covariance) + np.array(target.covariance)
    return bool(off @ np.linalg.solve(spread, off) <= GATE)


def _no_picture() -> Future[list[Evidence]]:
    done: Future[list[Evidence]] = Future()
    done.set_result([])
    return done
