"""An eye on a real flight: pictures from the network, telemetry from the autopilot's own link, on its own thread.

The flight's loop only drops messages into a bounded queue; whatever becomes of video, network or detector, the
heartbeat does not wait for it. Everything else here belongs to the eye's thread.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog

from detectors.types import Image
from drone.autopilot.air import Phase
from drone.autopilot.flight import Flight
from drone.autopilot.live import Live
from drone.autopilot.logs import TLOG
from drone.autopilot.timesync import Clock
from drone.autopilot.wire import Message
from drone.georef.camera import CameraError, Intrinsics
from drone.georef.errors import Sigmas
from drone.georef.locate import Locator
from drone.seeing.eye import Eye
from drone.seeing.waiting import Frame, Waiting
from edge.watch.camera import Camera

EYES_OPEN = frozenset({Phase.FLYING, Phase.LOOKING})
HEARD_MAX = 4000  # messages: more than a minute at ArduPilot's usual rates
CLOCK_EVERY_S = 0.2
TAKE_S = 0.1
STOP_S = 20.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Video:
    """every_s: between two looks; lag_s: how late pictures come, and lag_sigma_s how well that is known. Nobody has
    measured it: a quarter of a second, give or take as much; the flight's own tie points narrow it down."""

    every_s: float = 1.0
    lag_s: float = 0.25
    lag_sigma_s: float = 0.25


class Heard(NamedTuple):
    """A message as the flight's loop heard it, with what the flight knew then."""

    message: Message
    now_s: float
    system: int | None
    clock: Clock | None


class Ears:
    """A listener of the flight's `Session`; runs on its thread and never waits. At HEARD_MAX the oldest is dropped and
    counted in `dropped`. open: whether the aircraft is where there is something to look at."""

    def __init__(self, flight: Flight) -> None:
        self.open = False
        self.dropped = 0
        self._flight = flight
        self._heard = deque[Heard](maxlen=HEARD_MAX)
        self._clock: Clock | None = None
        self._next_s = float("-inf")

    def __call__(self, message: Message, now_s: float) -> None:
        """Keep what tells of the camera's place and direction."""
        air = self._flight.air
        self.open = air is not None and air.phase in EYES_OPEN
        if now_s >= self._next_s:
            self._next_s = now_s + CLOCK_EVERY_S
            self._clock = self._flight.timesync.clock
        kind = message.get_type()
        if kind not in TLOG and kind != "GPS_RAW_INT":
            return
        address = self._flight.vehicle.address
        self.dropped += len(self._heard) == HEARD_MAX
        self._heard.append(Heard(message, now_s, address.system if address is not None else None, self._clock))

    def take(self) -> list[Heard]:
        """Everything since the last time; called by the eye's thread."""
        out = list[Heard]()
        while self._heard:
            out.append(self._heard.popleft())
        return out


class Sight:
    """Pictures and telemetry brought together in one time. lens: of pictures of a size (width, height)."""

    def __init__(self, eye: Eye, lens: Callable[[int, int], Intrinsics], video: Video) -> None:
        self.eye = eye
        self._lens, self._video = lens, video
        self._sigmas = Sigmas(time_s=max(video.lag_sigma_s, Sigmas().time_s))
        self._waiting = Waiting(eye.counts, ahead_s=2 * self._sigmas.time_s)
        self._system: int | None = None
        self._clock: Clock | None = None
        self._live = Live(lambda: self._system, lambda: self._clock)
        self._camera: Intrinsics | None = None

    def hear(self, heard: Heard) -> None:
        """A message of the vehicle."""
        self._system, self._clock = heard.system, heard.clock
        self._live(heard.message, heard.now_s)

    def see(self, image: Image, came_s: float, came_at: datetime) -> None:
        """A picture (H, W, 3) that came at a moment of the flight's clock, and in UTC."""
        lag = self._video.lag_s
        self._waiting.put(Frame(image, came_s - lag, came_at - timedelta(seconds=lag)))

    def work(self, now_s: float) -> int:
        """Look at the pictures whose telemetry is here; how many."""
        ready = self._waiting.ready(self._live, now_s)
        for frame, vehicle_s in ready:
            height, width = frame.image.shape[:2]
            if self._camera is None or (self._camera.width, self._camera.height) != (width, height):
                try:
                    self._camera = self._lens(width, height)
                except CameraError as error:
                    self.eye.counts["frames_without_lens"] += 1
                    log.error("drone.no_lens", reason=str(error))
                    continue
            locator = Locator(self._live.buffer, self._camera, sigmas=self._sigmas)
            self.eye.take(frame.image, vehicle_s, frame.at, locator)
        return len(ready)


class Aloft:
    """The eye's thread, and the camera's. Neither can hold up the flight; `counts` tells what became of pictures."""

    def __init__(
        self, ears: Ears, camera: Camera, sight: Sight, every_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ears, self._camera, self._sight, self._every_s, self._clock = ears, camera, sight, every_s, clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="eye", daemon=True)
        self._next_s = float("-inf")

    def start(self) -> None:
        """Begin to read and to look."""
        self._camera.start()
        self._thread.start()

    def finish(self) -> bool:
        """After landing: answer what is open and store everything; whether the eye's thread has done so."""
        self._stop.set()
        self._camera.stop()
        self._thread.join(STOP_S)
        return not self._thread.is_alive()

    @property
    def counts(self) -> Counter[str]:
        """Everything that was done, dropped or refused, by name."""
        counts = Counter(self._sight.eye.counts)
        counts["video_frames"], counts["video_failures"] = self._camera.frames, self._camera.failures
        counts["video_dropped"], counts["messages_dropped"] = self._camera.dropped, self._ears.dropped
        return counts

    def _run(self) -> None:
        while not self._stop.is_set():
            self._step()
        self._sight.eye.landed(datetime.now(UTC), wait_s=STOP_S / 2)

    def _step(self) -> None:
        shot = self._camera.take(TAKE_S)
        if shot is None and self._camera.ended:
            self._stop.wait(TAKE_S)  # a file that is over does not make us wait
        for heard in self._ears.take():
            self._sight.hear(heard)
        if shot is not None and self._ears.open and shot.mono_s >= self._next_s:
            self._next_s = shot.mono_s + self._every_s
            self._sight.see(shot.image, shot.mono_s, shot.at)
        self._sight.work(self._clock())
