"""Where frames come from: a video file, a folder of pictures, a network camera or a USB camera, all through PyAV."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

NETWORK = ("rtsp://", "rtsps://", "tcp://", "udp://", "rtmp://", "http://", "https://")
PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
OPEN_TIMEOUT_S = 8.0
READ_TIMEOUT_S = 10.0
PICTURE_SHOWN_S = 2.0
FPS_WITHOUT_PTS = 25.0


class SourceError(RuntimeError):
    """A source that gives no pictures; `str()` is one line: what, where, what to do."""


@dataclass(frozen=True)
class Frame:
    """One picture. `image` (H, W, 3) uint8 BGR; `media_s` seconds since the source's own beginning."""

    image: Image
    media_s: float


@dataclass(frozen=True)
class Source:
    """A checked source specification. `live` sources keep their own time; the others are played at their own speed.
    `on_packet` is called with every packet of the video as it comes; it must not raise."""

    spec: str
    on_packet: Callable[[Any], None] | None = field(default=None, compare=False)

    @property
    def live(self) -> bool:
        """Whether the source runs on whether or not somebody reads it."""
        return self.spec.startswith((*NETWORK, "/dev/video"))

    def frames(self) -> Iterator[Frame]:
        """Yield frames once from beginning to end (a live source: until it fails). Raises SourceError."""
        if self.live or not Path(self.spec).is_dir():
            yield from _video(self.spec, self.on_packet)
        else:
            yield from _folder(Path(self.spec))


def check(spec: str) -> Source:
    """Look at a source before anything is started with it: it must give a first picture. Raises SourceError."""
    path = Path(spec)
    if not spec.startswith((*NETWORK, "/dev/video")) and not path.exists():
        raise SourceError(f"{spec}: no such file or folder; give a video, a folder of pictures, rtsp:// or /dev/videoN")
    source = Source(spec)
    for _ in source.frames():
        return source
    raise SourceError(f"{spec}: holds no picture that can be read; give a video or a folder with {_endings()}")


def _folder(path: Path) -> Iterator[Frame]:
    pictures = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURES)
    if not pictures:
        raise SourceError(f"{path}: no pictures in this folder; put {_endings()} files there")
    shown = 0
    for picture in pictures:
        image = cv2.imread(str(picture), cv2.IMREAD_COLOR)
        if image is not None:
            yield Frame(np.asarray(image, np.uint8), shown * PICTURE_SHOWN_S)
            shown += 1


def _video(spec: str, on_packet: Callable[[Any], None] | None) -> Iterator[Frame]:
    try:
        with av.open(spec, timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S), **_options(spec)) as container:
            if not container.streams.video:
                raise SourceError(f"{spec}: has no video stream; give a file or camera with pictures")
            stream = container.streams.video[0]
            stream.thread_type = "SLICE" if Source(spec).live else "AUTO"
            first: float | None = None
            for index, frame in enumerate(_decoded(container, stream, on_packet)):
                at = frame.time if frame.time is not None else index / FPS_WITHOUT_PTS
                first = at if first is None else first
                yield Frame(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8), at - first)
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f"{spec}: {_words(spec, error)}") from error


def _decoded(container: Any, stream: Any, on_packet: Callable[[Any], None] | None) -> Iterator[Any]:
    for packet in container.demux(stream):
        if on_packet is not None and packet.size:
            on_packet(packet)
        yield from packet.decode()


def _options(spec: str) -> dict[str, Any]:
    if spec.startswith("rtsp"):
        return {"options": {"rtsp_transport": "tcp"}}
    if spec.startswith("/dev/video"):
        return {"format": "v4l2"}
    if spec.startswith("tcp://"):
        options = {"fflags": "nobuffer", "probesize": "200000", "analyzeduration": "500000"}
        return {"format": "mpegts", "options": options}
    return {}


def _words(spec: str, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    if spec.startswith(NETWORK):
        return f"cannot be reached ({reason}); check the address, the camera's power and the network"
    if spec.startswith("/dev/video"):
        return f"no camera there ({reason}); check the plug and 'ls /dev/video*'"
    return f"not a video that can be decoded ({reason}); give an MP4, MKV, AVI or TS file"


def _endings() -> str:
    return ", ".join(sorted(PICTURES))


def pace(frames: Iterator[Frame], clock: "Clock | None" = None) -> Iterator[Frame]:
    """Give out a recording's frames at the recording's own speed; one that comes late is passed on at once."""
    clock = clock or Clock()
    start = clock.monotonic()
    for frame in frames:
        wait = start + frame.media_s - clock.monotonic()
        if wait > 0:
            clock.sleep(wait)
        yield frame


class Clock:
    """Time, so that tests can bring their own."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
