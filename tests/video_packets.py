"""Small real videos and their packets, for tests of clips and recordings."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from edge.watch.packets import Piece, Tap

FPS = 25


class Steps:
    """A clock that goes on by a frame's time with each look."""

    def __init__(self, step_s: float = 1 / FPS) -> None:
        self.now, self._step_s = 100.0, step_s

    def __call__(self) -> float:
        """Seconds."""
        self.now += self._step_s
        return self.now


def video(path: Path, codec: str = "libx264", seconds: float = 6.0, gop_s: float = 1.0, noise: bool = False) -> Path:
    """128 x 96; eight black or white columns are the bits of a picture's number. The ending chooses the container;
    `noise`: 640 x 480 and incompressible, for sizes. H.264 with B frames."""
    gop, rng = round(gop_s * FPS), np.random.default_rng(3)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height = (640, 480) if noise else (128, 96)
        stream.pix_fmt = "yuv420p"
        stream.options = {"g": str(gop), "keyint_min": str(gop), "sc_threshold": "0", "preset": "ultrafast"}
        if codec == "libx264":
            stream.options = {**stream.options, "bf": "2", "threads": "1"}
        if codec == "libx265":
            limits = f"log-level=none:keyint={gop}:min-keyint={gop}:pools=none:frame-threads=1"
            limits += ":open-gop=0:bframes=0:scenecut=0"
            stream.options = {**stream.options, "x265-params": limits}
        for number in range(round(seconds * FPS)):
            image = rng.integers(0, 255, (480, 640, 3), np.uint8) if noise else coded(number)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def coded(number: int) -> NDArray[np.uint8]:
    """A picture that shows its number."""
    bits = np.array([255 * (number >> bit & 1) for bit in range(8)], np.uint8)
    return np.broadcast_to(np.repeat(bits, 16)[None, :, None], (96, 128, 3)).copy()


def pieces(path: Path, clock: Steps | None = None) -> tuple[list[Piece], Tap]:
    """A video's packets as a camera's tap passes them on, one frame's time apart."""
    found: list[Piece] = []
    tap = Tap(found.append, clock=clock or Steps())
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size:
                tap(packet)
    return found, tap


def packet_bytes(path: Path) -> list[bytes]:
    """What lies in a file, packet by packet."""
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(container.streams.video[0]) if p.size]


def numbers(path: Path) -> list[int]:
    """The number of each picture in a file, as `video` made it; fails when one cannot be decoded."""
    with av.open(str(path)) as container:
        shown = [f.to_ndarray(format="gray") for f in container.decode(video=0)]
    return [sum((int(image[40:56, 16 * b + 4 : 16 * b + 12].mean() > 127)) << b for b in range(8)) for image in shown]
