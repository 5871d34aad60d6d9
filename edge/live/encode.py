"""Pictures into H.264 for live view: no picture waits for a later one, key frames when somebody asks."""

from fractions import Fraction

import av
import numpy as np

from edge.live.h264 import Parameters, payloads, units
from edge.watch.picture import Image, Picture

KEY_EVERY = 250  # pictures; a safety beside the key frames that are asked for
PRESET = "superfast"
THREADS = 1  # beside the detection, which must keep the other cores


class Encoder:
    """x264 without look-ahead and B frames (tune zerolatency), bits bounded within half a second. One thread at a time.

    A picture of another size begins a new encoder, and so a key frame."""

    def __init__(self, width_px_max: int, bits_per_s: int, fps: float) -> None:
        self._width_max = width_px_max
        self._bits = bits_per_s
        self._fps = fps
        self._context: av.VideoCodecContext | None = None
        self._count = 0

    def encode(self, picture: Image | Picture, key: bool) -> tuple[tuple[bytes, ...], bool]:
        """RTP payloads of one picture and whether it is a key frame. Raises av.FFmpegError."""
        frame = self._fitted(picture)
        if self._context is None or (self._context.width, self._context.height) != (frame.width, frame.height):
            self._context = self._opened(frame.width, frame.height)
        frame.pts, frame.time_base = self._count, self._context.time_base
        frame.pict_type = av.video.frame.PictureType.I if key else av.video.frame.PictureType.NONE
        self._count += 1
        packets = self._context.encode(frame)
        found = [unit for packet in packets for unit in units(bytes(packet), Parameters(), False)]
        return payloads(found), any(packet.is_keyframe for packet in packets)

    def _fitted(self, picture: Image | Picture) -> av.VideoFrame:
        """A frame of its own in yuv420p, no wider than allowed, both sides even."""
        if isinstance(picture, Picture):
            frame = picture.frame
        else:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
        share = min(1.0, self._width_max / frame.width)
        width, height = (max(2, round(side * share / 2) * 2) for side in (frame.width, frame.height))
        if (frame.width, frame.height, frame.format.name) == (width, height, "yuv420p"):
            return _copied(frame)
        return frame.reformat(width, height, "yuv420p", interpolation="FAST_BILINEAR")

    def _opened(self, width: int, height: int) -> av.VideoCodecContext:
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.framerate = Fraction(self._fps).limit_denominator(1000)
        context.time_base = 1 / context.framerate
        context.bit_rate, context.thread_count = self._bits, THREADS
        context.gop_size, context.max_b_frames = KEY_EVERY, 0
        context.profile = "Baseline"
        vbv = {"maxrate": str(self._bits), "bufsize": str(self._bits // 2)}
        context.options = {"preset": PRESET, "tune": "zerolatency", "forced-idr": "1", **vbv}
        return context


def _copied(frame: av.VideoFrame) -> av.VideoFrame:
    """The same pixels under an own header: type and time are set on it, and the decoder's frame is others' too."""
    return av.VideoFrame.from_ndarray(frame.to_ndarray(), format="yuv420p")
