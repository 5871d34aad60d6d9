"""A camera that is read for ever in its own thread: the newest frame kept, reconnect with jitter."""

import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from edge.watch.source import Clock, Frame, Image, Source, SourceError, pace

BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 30.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Shot:
    """A frame with the device's own time: `at` UTC wall clock, `mono_s` monotonic."""

    image: Image
    at: datetime
    mono_s: float
    number: int


class Camera:
    """Reads a Source in a thread. The queue holds one frame: a newer one pushes the older out (counted)."""

    def __init__(self, name: str, source: Source, *, loop: bool = True, rng: random.Random | None = None) -> None:
        self.name = name
        self._source = source
        self._loop = loop
        self._rng = rng or random.Random()
        self._latest: Shot | None = None
        self._taken = 0
        self._lock = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera-{name}", daemon=True)
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
        return {"frames": self.frames, "dropped": self.dropped, "failures": self.failures, "age_s": round(age, 3)}

    def _fresh(self) -> bool:
        return self._latest is not None and self._latest.number > self._taken

    def _run(self) -> None:
        attempt = 0
        while not self._stop.is_set():
            before = self.frames
            try:
                self._read_once()
            except SourceError as error:
                self.failures += 1
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
        frames = self._source.frames()
        for frame in frames if self._source.live else pace(frames, _Stoppable(self._stop)):
            if self._stop.is_set():
                return
            self._keep(frame)

    def _keep(self, frame: Frame) -> None:
        with self._lock:
            self.frames += 1
            self._latest = Shot(frame.image, datetime.now(UTC), time.monotonic(), self.frames)
            self._lock.notify_all()


class _Stoppable(Clock):
    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)
