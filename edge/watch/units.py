"""Key pictures that arrive in several packets, put together again.

Some cameras and servers repeat the parameter sets before every slice of a key picture. FFmpeg's parser begins a packet
at each, and half a picture decoded alone is grey below the cut.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, cast

import av

from edge.watch.decode import Packet

if TYPE_CHECKING:
    from av.video.stream import VideoStream

SURE = 2  # key pictures in a row that came whole: from then on none is held back for a second part


def whole(packets: Iterable[Packet], stream: "VideoStream | None" = None) -> Iterator[Packet]:
    """The packets, those of one key picture joined. Until a stream has shown that its key pictures come whole, each is
    held back by one packet; one that comes apart later is joined from the next on."""
    held: Packet | None = None
    last: Packet | None = None
    came_whole = 0
    for packet in packets:
        if held is not None and _together(held, packet):
            held, came_whole = _joined(held, packet, stream), 0
            continue
        if held is not None:
            yield held
            came_whole += 1
            held = None
        if last is not None and _together(last, packet):
            came_whole = 0
        last = packet
        if packet.size and packet.is_keyframe and came_whole < SURE:
            held = packet
        else:
            yield packet
    if held is not None:
        yield held


def _together(first: Packet, then: Packet) -> bool:
    """Whether two packets in a row are of one picture; the very first of a stream may carry no time."""
    return bool(first.is_keyframe and then.is_keyframe and then.size and first.pts in (None, then.pts))


def _joined(first: Packet, then: Packet, stream: "VideoStream | None") -> Packet:
    packet = cast("Packet", av.Packet(bytes(first) + bytes(then)))
    packet.pts, packet.dts, packet.time_base = then.pts, then.dts, then.time_base
    packet.is_keyframe = True
    if stream is not None:
        packet.stream = stream
    return packet
