"""A camera's own H.264 packets as a viewer's units, without decoding: what no browser can play so is told apart."""

import io

import av

from edge.live.h264 import NotH264, Parameters, payloads, units
from edge.live.stream import GOP_UNITS_MAX, Unit
from edge.watch.packets import Format, Piece

GOP_BYTES_MAX = 4 * 1024**2


class Passing:
    """What a camera's packets are, and those since the last key frame. The camera's thread adds; callers hold a lock.

    `fit`: they can be passed through: H.264, and no picture refers to a later one (WebRTC has no B frames).
    """

    def __init__(self) -> None:
        self._format: Format | None = None
        self._parameters = Parameters()
        self._pts_max: int | None = None
        self._size = 0
        self.gop: list[Piece] = []
        self.fit = False
        self.why_not = "no packet has come yet"

    def add(self, piece: Piece) -> bool:
        """Look at a packet and keep it. True when it begins a new run of packets."""
        new = piece.format is not self._format
        if new:
            self._begin(piece.format)
        if self._pts_max is not None and piece.pts < self._pts_max and self.fit:
            self.fit, self.why_not = False, "its pictures are not sent in the order in which they are shown (B frames)"
        self._pts_max = piece.pts
        self._keep(piece)
        return new

    def unit(self, piece: Piece, timestamp: int) -> Unit:
        """For viewers. Raises NotH264."""
        return Unit(payloads(units(piece.data, self._parameters, piece.key)), timestamp, piece.key)

    def _begin(self, format_: Format) -> None:
        self._format, self._pts_max = format_, None
        self.gop, self._size = [], 0
        self.fit, self.why_not = format_.codec == "h264", "" if format_.codec == "h264" else f"it is {format_.codec}"
        try:
            with av.open(io.BytesIO(format_.sample)) as sample:
                context = sample.streams.video[0].codec_context
                self._parameters = Parameters.of(context.extradata)
                reorders = context.has_b_frames
        except (av.FFmpegError, NotH264) as error:
            self.fit, self.why_not = False, f"its parameters cannot be read ({error})"
            return
        if reorders and self.fit:
            self.fit, self.why_not = False, "its pictures are not sent in the order in which they are shown (B frames)"

    def _keep(self, piece: Piece) -> None:
        if piece.key:
            self.gop, self._size = [], 0
        if piece.key or self.gop:
            self.gop.append(piece)
            self._size += len(piece.data)
        if self._size > GOP_BYTES_MAX or len(self.gop) > GOP_UNITS_MAX:
            self.gop, self._size = [], 0


def stream_s(piece: Piece) -> float:
    """A packet's own time, as its decoded picture will carry it."""
    return float(piece.pts * piece.format.time_base)
