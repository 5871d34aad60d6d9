"""How large a picture says it is, from its header alone: nothing is decoded at the centre, and no bomb is kept.

A JPEG of 20 kB may say 65,535 x 65,535 and cost whoever opens it 12 GB; every size in the file counts, not the first.
"""

from collections.abc import Iterator

from edge.wire import TooLarge

PIXELS_MAX = 50_000_000
_PNG = b"\x89PNG\r\n\x1a\n"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOFn; not DHT, JPG, DAC (ITU-T T.81, table B.1)
_ALONE = frozenset([0x01, *range(0xD0, 0xD8)])  # markers without a length


def check_size(data: bytes) -> None:
    """Raises TooLarge when a header says more than PIXELS_MAX. What is no JPEG or PNG has no size: it is served with a
    type that no browser guesses at (gateway/api.py)."""
    for width, height in sizes(data):
        if width * height > PIXELS_MAX:
            raise TooLarge(
                f"evidence: a picture of {width} x {height} pixels in {len(data)} bytes; {PIXELS_MAX} at most"
            )


def sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """(width, height) of each frame header in a JPEG, or of a PNG."""
    if data.startswith(_PNG) and data[12:16] == b"IHDR" and len(data) >= 24:
        yield int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    elif data.startswith(b"\xff\xd8"):
        yield from _frames(data)


def _frames(data: bytes) -> Iterator[tuple[int, int]]:
    at = 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        if marker in _FRAMES and at + 9 <= len(data):
            yield int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        if marker in (0x00, 0xFF, *_ALONE):
            at += 1 if marker == 0xFF else 2
        else:
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4]))
