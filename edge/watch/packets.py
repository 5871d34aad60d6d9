"""A camera's packets as they come, copied out of the decoder's memory: for clips and recordings without re-encoding."""

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import structlog

CODECS = ("h264", "hevc")
JUMP_S = 10.0  # a longer step of a stream's own time is a new beginning

log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class Format:
    """What a muxer must know. `sample`: a NUT file with one key frame, from which FFmpeg copies the stream's parameters
    as they are (the camera's own connection may be closed by then). One object per unbroken run of packets."""

    codec: str
    time_base: Fraction
    sample: bytes


@dataclass(frozen=True, eq=False)
class Piece:
    """One packet. `number` counts without gaps; `mono_s`: when it came; `dts`, `pts`, `duration` in the time base."""

    number: int
    mono_s: float
    format: Format
    data: bytes
    dts: int
    pts: int
    duration: int
    key: bool


class Tap:
    """What a Source calls with every packet. Hands pieces on from the first key frame; never raises for bad input.

    `why_not`: why there are no pieces, "" when there are. Counts: `breaks` (the stream's time went back or jumped),
    `timeless` packets, before the first with a decoding time (a Matroska file with B frames loses its first GOP so).
    """

    def __init__(self, *takers: Callable[[Piece], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._takers = takers
        self._clock = clock
        self._stream: object = None
        self._format: Format | None = None
        self._dts: int | None = None
        self._number = 0
        self.why_not = "the source gives pictures, no video packets"
        self.counts = {"breaks": 0, "timeless": 0}

    def __call__(self, packet: "av.Packet[Any]") -> None:
        """Take a packet on the camera's thread."""
        if packet.stream is not self._stream:
            self._stream, self._format, self._dts = packet.stream, None, None
        dts = packet.dts if packet.dts is not None or self._dts is None else self._dts + 1
        if dts is None or packet.time_base is None:
            self.counts["timeless"] += 1
            return
        self._follow(dts, packet.time_base)
        if self._format is None and packet.is_keyframe:
            self._format = self._begin(packet)
        if self._format is None:
            return
        self._number += 1
        pts = packet.pts if packet.pts is not None else dts
        duration, data = int(packet.duration or 0), bytes(packet)
        piece = Piece(self._number, self._clock(), self._format, data, dts, pts, duration, packet.is_keyframe)
        for take in self._takers:
            take(piece)

    def _follow(self, dts: int, base: Fraction) -> None:
        last, self._dts = self._dts, dts
        if last is not None and not 0 < (dts - last) * base <= JUMP_S:
            self.counts["breaks"] += 1
            self._format = None

    def _begin(self, packet: "av.Packet[Any]") -> Format | None:
        codec = str(packet.stream.codec_context.name)
        if codec not in CODECS:
            self.why_not = f"the source's codec is {codec}; only {' and '.join(CODECS)} are cut"
            return None
        try:
            found = Format(codec, packet.time_base, _sample(packet))
        except (av.FFmpegError, ValueError) as error:
            self.why_not = f"the source's packets cannot be copied ({error})"
            log.warning("packets.unfit", reason=str(error))
            return None
        self.why_not = ""
        return found


class Remux:
    """Pieces of one format into an MP4 file; the first is a key frame. Times begin at 0. `out`: needs `write` alone
    when `fragmented`, `seek` and `tell` as well otherwise. Raises av.FFmpegError, OSError (a full disk)."""

    def __init__(self, out: Any, first: Piece, fragmented: bool = False) -> None:
        flags = {"movflags": "frag_keyframe+empty_moov+default_base_moof"} if fragmented else {}
        self._zero = first.dts
        self._out = av.open(out, "w", format="mp4", options=flags)
        with av.open(io.BytesIO(first.format.sample)) as template:
            self._stream = self._out.add_stream_from_template(template.streams.video[0], opaque=True)

    def add(self, piece: Piece) -> None:
        """The next packet, whose decoding time is later than that of the one before."""
        packet = av.Packet(piece.data)
        packet.dts, packet.pts = piece.dts - self._zero, piece.pts - self._zero
        packet.time_base, packet.duration = piece.format.time_base, piece.duration
        packet.is_keyframe = piece.key
        packet.stream = self._stream
        self._out.mux(packet)

    def close(self) -> None:
        """Finish the file."""
        self._out.close()


def _sample(packet: "av.Packet[Any]") -> bytes:
    """The stream's parameters, verbatim (NUT changes neither extradata nor packets), with this key frame."""
    out = io.BytesIO()
    with av.open(out, "w", format="nut") as container:
        stream = container.add_stream_from_template(packet.stream, opaque=True)
        key = av.Packet(bytes(packet))
        key.dts = key.pts = 0
        key.time_base, key.is_keyframe, key.stream = packet.time_base, True, stream
        container.mux(key)
    return out.getvalue()
