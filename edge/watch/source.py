"""Where frames come from: a video file, a folder of pictures, a network camera or a USB camera, all through PyAV."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import av
import cv2
import numpy as np

from edge.watch.decode import Decoder, Packet
from edge.watch.picture import Grey, Image, Picture, bgr_of, luma_of
from edge.watch.units import whole

__all__ = ["Clock", "Frame", "Grey", "Image", "Source", "SourceError", "Transport", "check", "pace"]
Transport = Literal["tcp", "udp"]

NETWORK = ("rtsp://", "rtsps://", "tcp://", "udp://", "rtmp://", "http://", "https://")
PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
OPEN_TIMEOUT_S = 8.0
READ_TIMEOUT_S = 10.0
PICTURE_SHOWN_S = 2.0
FPS_WITHOUT_PTS = 25.0
NO_PICTURE_S = 20.0  # data comes, but no picture: the stream is broken and must be opened anew

# What went wrong, for counting, by the name of FFmpeg's error.
REASONS = {
    "ConnectionRefusedError": "refused",
    "TimeoutError": "timeout",
    "ExitError": "timeout",
    "HTTPUnauthorizedError": "unauthorised",
    "HTTPForbiddenError": "unauthorised",
    "HTTPNotFoundError": "not_found",
    "InvalidDataError": "garbage",
    "EOFError": "ended",
}


class SourceError(RuntimeError):
    """A source that gives no pictures; `str()` is one line: what, where, what to do. `reason`: one word to count by."""

    def __init__(self, text: str, reason: str = "unreadable") -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True)
class Frame:
    """One picture. `media_s` seconds since the source's own beginning; `stream_s` its packet's own."""

    picture: Image | Picture
    media_s: float
    stream_s: float | None = None

    @property
    def image(self) -> Image:
        """(H, W, 3) uint8 BGR."""
        return bgr_of(self.picture)

    @property
    def luma(self) -> Grey:
        """(H, W) uint8."""
        return luma_of(self.picture)


@dataclass(frozen=True)
class Source:
    """A source specification. `live` sources keep their own time; the others are played at their own speed.

    `transport`: what carries an RTSP camera's pictures. `on_packet` is called with every packet of the video as it
    comes, decoded or not (`packet.stream` tells the codec); what it raises ends the connection.
    """

    spec: str
    transport: Transport = "tcp"
    on_packet: Callable[[Packet], None] | None = field(default=None, compare=False)

    @property
    def live(self) -> bool:
        """Whether the source runs on whether or not somebody reads it."""
        return self.spec.startswith((*NETWORK, "/dev/video"))

    def frames(self, decoding: "Decoding | None" = None) -> Iterator[Frame]:
        """Yield frames once from beginning to end (a live source: until it fails). `decoding` chooses which; without it
        every one. Raises SourceError."""
        if self.live or not Path(self.spec).is_dir():
            yield from _video(self, decoding or _every_one)
        else:
            yield from _folder(Path(self.spec))


Decoding = Callable[["av.VideoStream"], Decoder]


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


def _every_one(stream: av.VideoStream) -> Decoder:
    return Decoder(stream, None)


def _video(source: Source, decoding: "Decoding") -> Iterator[Frame]:
    spec = source.spec
    try:
        with av.open(spec, timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S), **_options(source)) as container:
            if not container.streams.video:
                raise SourceError(f"{spec}: has no video stream; give a file or camera with pictures", "no_video")
            stream = container.streams.video[0]
            stream.thread_type = "SLICE" if source.live else "AUTO"
            if source.live:
                stream.codec_context.thread_count = 1  # with more, FFmpeg does not tell which pictures it patched up
            yield from _decoded(source, container, stream, decoding(stream))
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f"{spec}: {_words(spec, error)}", _reason(error)) from error


def _decoded(
    source: Source, container: "av.container.InputContainer", stream: "av.VideoStream", decoder: Decoder
) -> Iterator[Frame]:
    first: float | None = None
    came_s = time.monotonic()
    packets: Iterator[Packet] = container.demux(stream)
    packets = whole(packets, stream) if source.live else packets
    for number, packet in enumerate(_offered(source, packets)):
        for frame in decoder.feed(packet):
            at = frame.time if frame.time is not None else number / FPS_WITHOUT_PTS
            first = at if first is None else first
            yield Frame(Picture(frame), at - first, frame.time)
            came_s = time.monotonic()
        if source.live and time.monotonic() - came_s > NO_PICTURE_S:
            raise SourceError(f"{source.spec}: sends data but no picture for {NO_PICTURE_S:.0f} s", "no_picture")


def _offered(source: Source, packets: Iterator[Packet]) -> Iterator[Packet]:
    for packet in packets:
        if source.on_packet is not None and packet.size:
            source.on_packet(packet)
        yield packet


def _reason(error: Exception) -> str:
    return next((REASONS[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in REASONS), "unreadable")


def _options(source: Source) -> dict[str, Any]:
    spec = source.spec
    if spec.startswith("rtsp"):
        return {"options": {"rtsp_transport": source.transport, "fpsprobesize": "0", "analyzeduration": "1000000"}}
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
