"""Which packets of a stream are decoded: all of them, or key frames alone until somebody wants to see more."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import av

if TYPE_CHECKING:
    Packet: TypeAlias = av.Packet[av.VideoStream]
else:
    Packet = av.Packet

STEP_S_MAX = 5.0  # a longer way between two packets is a jump of the stream's clock
STEP_S_UNKNOWN = 0.04  # between packets that carry no time
GOP_BYTES_MAX = 8 * 1024**2  # of one camera's packets since its last key frame
SHORT_GOPS = 3  # that many in a row and a stream counts no longer as one with long GOPs
NEARLY = 0.9  # of base_s: key frames come a little early at times
WITHHELD_MAX = (
    250  # pictures in a row, 10 s of 25 a second: a stream that refreshes itself has no key frame to wait for
)


@dataclass(frozen=True)
class BaseRate:
    """How much of a stream is looked at while nothing happens: a key frame about every `base_s`. Where key frames are
    further apart than `key_gap_s_max` ("smart" codecs), everything is decoded and every `base_s` a picture is given."""

    base_s: float = 2.0
    key_gap_s_max: float = 10.0


class Decoder:
    """One stream's packets -> pictures. Without `rate` every picture; time is the stream's own, jumps taken out.

    `open` lets every picture through for a while, also from the middle of a GOP: its packets since the key frame are
    kept for that (at most GOP_BYTES_MAX). Counts in `counts`: packets skipped, corrupt, gops_cut; pictures damaged.

    A picture that FFmpeg had to patch up is smeared, and so is what follows from it: none of them is given, up to the
    next whole key frame. Nobody should have a case for a smear.
    """

    def __init__(self, stream: "av.VideoStream", rate: BaseRate | None, counts: "Counter[str] | None" = None) -> None:
        self._context = stream.codec_context
        self._base = stream.time_base
        self._rate = rate
        self.counts: Counter[str] = Counter() if counts is None else counts
        self._gop: list[Packet] = []
        self._bytes = 0
        self._synced = False
        self._pts: int | None = None
        self._key_s: float | None = None
        self._given_s = float("-inf")
        self._open_s = float("-inf")
        self._short = 0
        self._damaged = False
        self._withheld = 0
        self.long_gop = False
        self.now_s = 0.0
        if rate is not None:
            self._context.thread_count = 1  # many cameras share few cores, and no picture may wait for the next

    def open(self, seconds: float) -> None:
        """Give every picture from now on, for so many seconds of the stream."""
        self._open_s = max(self._open_s, self.now_s + seconds)

    def feed(self, packet: Packet) -> list[av.VideoFrame]:
        """The pictures that this packet completes. What cannot be decoded is counted and passed over."""
        if self._rate is None:
            return self._decode([packet])
        if not packet.size:
            return []
        self._tick(packet)
        self._keep(packet)
        if self.now_s < self._open_s:
            return self._follow(packet)
        if self.long_gop:
            return self._thin(self._follow(packet))
        self._synced = False
        if not packet.is_keyframe or self.now_s - self._given_s < NEARLY * self._rate.base_s:
            self.counts["skipped"] += 1
            return []
        return self._alone(packet)

    def _tick(self, packet: Packet) -> None:
        step_s = STEP_S_UNKNOWN
        if packet.dts is not None and self._base is not None:
            if self._pts is not None:
                step_s = float((packet.dts - self._pts) * self._base)
            self._pts = packet.dts
        self.now_s += step_s if 0 <= step_s <= STEP_S_MAX else STEP_S_UNKNOWN

    def _keep(self, packet: Packet) -> None:
        assert self._rate is not None
        gap_s = self.now_s - (self._key_s if self._key_s is not None else 0.0)
        if gap_s >= self._rate.key_gap_s_max:
            self.long_gop, self._short = True, 0
        if packet.is_keyframe:
            self._short += gap_s < self._rate.key_gap_s_max
            self.long_gop = self.long_gop and self._short < SHORT_GOPS
            self._key_s = self.now_s
            self._gop, self._bytes = [], 0
        self._gop.append(packet)
        self._bytes += packet.size
        if self._bytes > GOP_BYTES_MAX:
            self._gop, self._bytes = [], 0
            self.counts["gops_cut"] += 1

    def _follow(self, packet: Packet) -> list[av.VideoFrame]:
        """In step with the stream; the GOP's packets so far are caught up with, and only the newest picture of those
        is given."""
        if self._synced:
            return self._decode([packet])
        if not self._gop and not self.long_gop:
            self.counts["skipped"] += 1
            return []
        self._context.flush_buffers()
        self._synced = True
        return self._decode(self._gop or [packet])[-1:]

    def _thin(self, frames: list[av.VideoFrame]) -> list[av.VideoFrame]:
        assert self._rate is not None
        due = self.now_s - self._given_s >= NEARLY * self._rate.base_s
        return self._given(frames[-1:]) if due else []

    def _alone(self, key: Packet) -> list[av.VideoFrame]:
        """A key frame without what follows it. A decoder that waits for more pictures (B frames) is told to end."""
        self._context.flush_buffers()
        frames = self._decode([key])
        if not frames:
            frames = self._decode([None])
            self._context.flush_buffers()
        return self._given(frames[-1:])

    def _given(self, frames: list[av.VideoFrame]) -> list[av.VideoFrame]:
        if frames:
            self._given_s = self.now_s
        return frames

    def _decode(self, packets: Iterable[Packet | None]) -> list[av.VideoFrame]:
        frames: list[av.VideoFrame] = []
        for packet in packets:
            self.counts["corrupt"] += packet is not None and packet.is_corrupt
            try:
                frames += self._whole(self._context.decode(packet))
            except av.EOFError:
                self._context.flush_buffers()
            except av.FFmpegError:
                self.counts["corrupt"] += 1
                self._damaged = True
        return frames

    def _whole(self, frames: Iterable[av.VideoFrame]) -> list[av.VideoFrame]:
        """Those without damage. After WITHHELD_MAX the rest is believed again."""
        given: list[av.VideoFrame] = []
        for frame in frames:
            self._damaged = frame.is_corrupt or (self._damaged and not frame.key_frame)
            self._withheld = self._withheld + 1 if self._damaged else 0
            if self._damaged and self._withheld <= WITHHELD_MAX:
                self.counts["damaged"] += 1
            else:
                given.append(frame)
        return given
