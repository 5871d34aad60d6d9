"""A decoder that knows how long it takes."""

import time

import av

from edge.watch.decode import Decoder, Packet


class TimedDecoder(Decoder):
    """`spent_s`: seconds in which packets were turned into pictures, since this stream was opened."""

    spent_s = 0.0

    def feed(self, packet: Packet) -> list[av.VideoFrame]:
        """As Decoder."""
        begun = time.monotonic()
        frames = super().feed(packet)
        self.spent_s += time.monotonic() - begun
        return frames
