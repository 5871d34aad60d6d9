"""One camera's way to its viewers: passed through as it comes, or redacted if so set and encoded once for all."""

import asyncio
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import av
import cv2
import numpy as np
import structlog

from detectors import Detections, RedactionError
from detectors.plates import ANYWHERE_PX, VEHICLES
from edge.live.encode import Encoder
from edge.live.h264 import NotH264
from edge.live.hide import Redactors
from edge.live.notes import Pick, box_note, note
from edge.live.passed import Passing, stream_s
from edge.live.refusal import full
from edge.live.settings import LiveSettings
from edge.live.stream import Stream, Unit
from edge.live.timeline import Moment, Timeline
from edge.watch.camera import Shot
from edge.watch.packets import Piece
from edge.watch.picture import Image, Picture, size_of

OPEN_S = 3.0  # a camera's decoder is held open for so long, again and again while somebody looks
VEHICLES_OLD_S = 3.0
EARLY = 0.9  # of a picture's time: cameras are not exact

log = structlog.get_logger()


class Feed:
    """State of one camera's live view. The camera's thread calls `piece` and `shot`, the detection's `saw`; the encoder
    has a thread of its own while somebody looks. `redactor`: hides; None where nothing need be hidden. `keep_open`: has
    every picture decoded for so many seconds; a `recording` needs that for its speed. `place`: what a click means on
    the ground. Counts in `counts`."""

    def __init__(
        self,
        name: str,
        settings: LiveSettings,
        loop: asyncio.AbstractEventLoop,
        redactor: Redactors | None,
        keep_open: Callable[[float], None] | None = None,
        recording: bool = False,
        place: Callable[[Pick, Moment], dict[str, object]] | None = None,
    ) -> None:
        self.name = name
        self.stream = Stream(loop, self.want_key)
        self.place = place
        self._settings = settings
        self._redactor = redactor
        self._keep_open = keep_open
        self._recording = recording
        self._timeline = Timeline(secrets.randbits(32))
        self._passing = Passing()
        self._lock = threading.Lock()
        self._slot: tuple[Shot, int] | None = None
        self._filled = threading.Condition(self._lock)
        self._watched = False
        self._key = False
        self._thread: threading.Thread | None = None
        self._next_s = 0.0
        self._vehicles: tuple[float, Detections, tuple[int, int]] | None = None
        self._shown_fault = ""
        self.picture_s = float("-inf")
        self.counts: Counter[str] = Counter()

    @property
    def redacted(self) -> bool:
        """Whether faces and plates are hidden in what is shown."""
        return self._redactor is not None

    @property
    def passes(self) -> bool:
        """Whether the camera's own packets are shown."""
        return self._redactor is None and self._passing.fit

    def ready(self) -> None:
        """Load what is needed before anything is shown; takes seconds the first time. Raises Refused."""
        if self._redactor is None:
            return
        try:
            self._redactor.load()
        except RedactionError as error:
            raise full("redaction", f"{error}; mend the networks", "遮挡网络无法运行，因此不提供画面") from error

    def piece(self, piece: Piece) -> None:
        """A packet of the camera, on its thread."""
        with self._lock:
            if self._passing.add(piece):
                self._timeline.restart()
            timestamp = self._timeline.stamp(stream_s(piece), piece.mono_s)
            if not self._watched or not self.passes:
                return
            unit = self._unit(piece, timestamp)
        if unit is not None:
            self._push(unit)

    def shot(self, shot: Shot) -> None:
        """A decoded picture, on the camera's thread. The newest pushes out the one that waits for the encoder."""
        with self._lock:
            own_s = shot.stream_s if shot.stream_s is not None else shot.mono_s
            timestamp = self._timeline.stamp(own_s, shot.mono_s)
            if not self._watched or self.passes or shot.mono_s < self._next_s:
                return
            self._next_s = shot.mono_s + EARLY / self._settings.fps_max
            self.counts["pictures_skipped"] += self._slot is not None
            self._slot = shot, timestamp
            self._filled.notify()

    def saw(self, shot: Shot, found: Detections, whole: bool = True) -> None:
        """What the network found in a frame; viewers get its boxes with the frame's timestamp."""
        with self._lock:
            self._vehicles = shot.mono_s, found.of_class(*VEHICLES), shot.size
            own_s = shot.stream_s if shot.stream_s is not None else shot.mono_s
            timestamp = self._timeline.of(own_s)
            watched = self._watched
        if timestamp is None:
            self.counts["boxes_of_no_frame"] += 1
        elif watched:
            self.stream.say(box_note(timestamp, shot.at, found, shot.size, whole))

    def tell(self, own_s: float, what: dict[str, object]) -> None:
        """What is known about the frame of stream time `own_s` (a pose). Raises ValueError when it is too long."""
        with self._lock:
            timestamp = self._timeline.of(own_s)
        if timestamp is None:
            self.counts["notes_of_no_frame"] += 1
        else:
            self.stream.say(note("pose", ts=timestamp, **what))

    def placed(self, pick: Pick) -> dict[str, object]:
        """What a click means on the ground: `lat`, `lon` (WGS-84) and `ellipse95`, or `error` in words."""
        with self._lock:
            moment = self._timeline.moment(pick.ts)
        if self.place is None:
            return {"error": "this camera has no ground plane; run zhuomu kiosk calibrate", "error_zh": "摄像头未标定"}
        if moment is None:
            return {"error": "that picture is too long ago; click again", "error_zh": "画面已过时，请重新点击"}
        return self.place(pick, moment)

    def gop(self) -> list[Unit]:
        """What a new viewer catches up with; nothing where a key frame can be made for it."""
        with self._lock:
            if not self.passes:
                return []
            made = [self._unit(p, self._timeline.stamp(stream_s(p), p.mono_s)) for p in self._passing.gop]
        return [unit for unit in made if unit is not None]

    def want_key(self) -> None:
        """The next encoded picture is a key frame; a camera's own packets have theirs when they come."""
        self._key = True

    def watch(self, watched: bool) -> None:
        """Somebody begins to look, or nobody does any more; call it again every second while somebody looks."""
        with self._lock:
            self._watched = watched
            self._slot = self._slot if watched else None
            self._filled.notify()
        if watched and self._keep_open is not None and (self._recording or not self.passes):
            self._keep_open(OPEN_S)
        if watched and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._encode, name=f"live-{self.name}", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self.watch(False)
        if self._thread is not None:
            self._thread.join(5.0)

    def health(self) -> dict[str, Any]:
        """Counters, and how pictures get to viewers."""
        way = "redacted" if self.redacted else "passed through" if self.passes else "encoded"
        return {"way": way, **self.stream.health(), **self.counts}

    def _unit(self, piece: Piece, timestamp: int) -> Unit | None:
        try:
            return self._passing.unit(piece, timestamp)
        except NotH264:
            self.counts["packets_unfit"] += 1
            return None

    def _push(self, unit: Unit) -> None:
        self.picture_s = time.monotonic()
        self.stream.push(unit)

    def _encode(self) -> None:
        """The encoder's thread: from the newest picture to all viewers, until nobody looks."""
        width = self._settings.redacted_width_px_max if self.redacted else self._settings.width_px_max
        encoder = Encoder(width, self._settings.bits_per_s, self._settings.fps_max)
        while True:
            with self._lock:
                self._filled.wait_for(lambda: self._slot is not None or not self._watched)
                if self._slot is None:
                    return
                (shot, timestamp), self._slot = self._slot, None
            picture = self._hidden(shot, width)
            if picture is None:
                continue
            key, self._key = self._key, False
            try:
                made, is_key = encoder.encode(picture, key)
            except (av.FFmpegError, NotH264) as error:
                self.counts["pictures_unencoded"] += 1
                log.error("live.unencoded", camera=self.name, reason=str(error))
                continue
            self._push(Unit(made, timestamp, is_key))

    def _hidden(self, shot: Shot, width: int) -> Image | Picture | None:
        """What may be shown of a picture; None when its faces and plates could not be hidden."""
        if self._redactor is None:
            return shot.picture
        image = shrunk(shot.image, width)
        try:
            clean = self._redactor.redact(image, self._near_vehicles(shot.mono_s, size_of(image)), part(image))
        except RedactionError as error:
            self.counts["pictures_withheld"] += 1
            self._fault(str(error))
            return None
        self._fault("")
        return np.asarray(clean, np.uint8)

    def _near_vehicles(self, mono_s: float, size: tuple[int, int]) -> Detections | None:
        """The newest vehicles that the network found, in pixels of a picture of this size; old ones have driven on."""
        with self._lock:
            if self._vehicles is None or mono_s - self._vehicles[0] > VEHICLES_OLD_S:
                return None
            _, found, (height, width) = self._vehicles
        if not len(found):
            return None
        scale = np.array((size[1] / width, size[0] / height) * 2, np.float32)
        return Detections.of(found.boxes * scale, found.scores, found.class_ids, found.names)

    def _fault(self, words: str) -> None:
        if bool(words) != bool(self._shown_fault):
            self.stream.say(note("state", redaction="failed" if words else "ok"))
            (log.error if words else log.info)("live.redaction", camera=self.name, reason=words or "runs again")
        self._shown_fault = words


def part(image: Image) -> float:
    """A small picture is read at its own size: nobody can read in it what the reader finds only when it is enlarged."""
    return min(1.0, max(size_of(image)) / ANYWHERE_PX[0])


def shrunk(image: Image, width_max: int) -> Image:
    """No wider than so many pixels."""
    height, width = image.shape[:2]
    if width <= width_max:
        return image
    size = (width_max, round(height * width_max / width))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
