"""A camera that is read for ever in its own thread: the newest frame kept, reconnect with jitter."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import av
import structlog

from edge.watch.decode import BaseRate, Decoder
from edge.watch.picture import Grey, Image, Picture, bgr_of, luma_of, size_of
from edge.watch.source import Clock, Frame, Source, SourceError, pace
from edge.watch.steady import Steady
from edge.watch.timed import TimedDecoder

BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 30.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Shot:
    """A frame with the device's own time: `at` UTC wall clock, `mono_s` monotonic; `stream_s`: its packet's time."""

    picture: Image | Picture
    at: datetime
    mono_s: float
    number: int
    stream_s: float | None = None

    @property
    def image(self) -> Image:
        """(H, W, 3) uint8 BGR."""
        return bgr_of(self.picture)

    @property
    def luma(self) -> Grey:
        """(H, W) uint8."""
        return luma_of(self.picture)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) px."""
        return size_of(self.picture)


class Camera:
    """Reads a Source in a thread of its own, so that one that hangs or fails holds up no other. The queue holds one
    frame: a newer one pushes the older out (counted). `rate`: what is decoded while nobody has called `open`; without
    it, everything. `on_shot` gets every decoded frame on the camera's thread. `reasons`: failures by what they were."""

    def __init__(
        self,
        name: str,
        source: Source,
        *,
        loop: bool = True,
        rng: random.Random | None = None,
        rate: BaseRate | None = None,
        on_shot: Callable[[Shot], None] | None = None,
    ) -> None:
        self.name = name
        self._source = source
        self._loop = loop
        self._rng = rng or random.Random()
        self._latest: Shot | None = None
        self._taken = 0
        self._lock = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera-{name}", daemon=True)
        self._rate = rate
        self._decoder: TimedDecoder | None = None
        self._decoded_s = 0.0
        self._on_shot = on_shot
        self._steady = Steady()
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.frames = 0
        self.dropped = 0
        self.failures = 0
        self.ended = False

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread (a blocked network read ends with the process)."""
        self._stop.set()
        self._thread.join(1.0)

    def open(self, seconds: float) -> None:
        """Decode every picture for so long."""
        if self._decoder is not None:
            self._decoder.open(seconds)

    def take(self, timeout_s: float) -> Shot | None:
        """The newest frame not taken yet, or None when there is none in time."""
        with self._lock:
            self._lock.wait_for(lambda: self._fresh() or self.ended or self._stop.is_set(), timeout_s)
            if not self._fresh():
                return None
            shot = self._latest
            assert shot is not None
            self.dropped += shot.number - self._taken - 1
            self._taken = shot.number
            return shot

    def health(self) -> dict[str, float | str]:
        """Counters for the health message."""
        with self._lock:
            age = time.monotonic() - self._latest.mono_s if self._latest else -1.0
        told = {"frames": self.frames, "dropped": self.dropped, "failures": self.failures, "age_s": round(age, 3)}
        more = {f"failed_{reason}": float(count) for reason, count in self.reasons.items()}
        more |= {f"packets_{what}": float(count) for what, count in self.counts.items() if count}
        if self._steady.jumps:
            more["clock_jumps"] = float(self._steady.jumps)
        if self._decoder is not None and self._decoder.long_gop:
            more["long_gop"] = 1.0
        if self._decoder is not None:
            more["decode_s"] = round(self._decoded_s + self._decoder.spent_s, 3)
        return {**told, **more}

    def _fresh(self) -> bool:
        return self._latest is not None and self._latest.number > self._taken

    def _run(self) -> None:
        attempt = 0
        while not self._stop.is_set():
            before = self.frames
            try:
                self._read_once()
                if self._source.live and not self._stop.is_set():
                    raise SourceError(f"{self._source.spec}: the camera ended the stream; it is opened again", "ended")
            except SourceError as error:
                self.failures += 1
                self.reasons[error.reason] += 1
                log.warning("camera.failed", camera=self.name, reason=str(error))
            if not self._source.live and not self._loop:
                break
            attempt = 0 if self.frames > before else attempt + 1
            if self._source.live or self.frames == before:
                ceiling = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(attempt, 10))
                self._stop.wait(self._rng.uniform(BACKOFF_FIRST_S / 2, ceiling))
        with self._lock:
            self.ended = True
            self._lock.notify_all()

    def _read_once(self) -> None:
        with closing(self._source.frames(self._decoding)) as frames:  # type: ignore[type-var]
            for frame in frames if self._source.live else pace(frames, _Stoppable(self._stop)):
                if self._stop.is_set():
                    return
                self._keep(frame)

    def _decoding(self, stream: av.VideoStream) -> Decoder:
        self._decoded_s += self._decoder.spent_s if self._decoder is not None else 0.0
        self._decoder = TimedDecoder(stream, self._rate, self.counts)
        self._steady = self._restarted()
        return self._decoder

    def _restarted(self) -> Steady:
        """A new connection has its own times; the count of jumps goes on."""
        steady = Steady()
        steady.jumps = self._steady.jumps
        return steady

    def _keep(self, frame: Frame) -> None:
        now_s = time.monotonic()
        mono_s = self._steady.place(frame.media_s, now_s) if self._source.live else now_s
        at = datetime.now(UTC) - timedelta(seconds=now_s - mono_s)
        with self._lock:
            self.frames += 1
            shot = self._latest = Shot(frame.picture, at, mono_s, self.frames, frame.stream_s)
            self._lock.notify_all()
        if self._on_shot is not None:
            self._on_shot(shot)


class _Stoppable(Clock):
    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)
