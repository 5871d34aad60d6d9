"""H.264 as WebRTC carries it: access units apart into NAL units, and those into RTP payloads (RFC 6184)."""

from dataclasses import dataclass
from struct import pack

PAYLOAD_MAX = 1200  # leaves room for RTP, SRTP, UDP and a tunnel's header in 1280 bytes, what IPv6 promises
SLICE, IDR, SEI, SPS, PPS, DELIMITER, FILLER = 1, 5, 6, 7, 8, 9, 12
STAP_A, FU_A = 24, 28
NEEDLESS = (SEI, DELIMITER, FILLER)


class NotH264(ValueError):
    """Bytes that are no H.264 access unit; `str()` is one line."""


@dataclass(frozen=True)
class Parameters:
    """How a stream's units are written. `length_size`: bytes of each length before a unit (MP4), 0: start codes (RTSP,
    encoders). `sets`: SPS and PPS that the container holds beside the units."""

    length_size: int = 0
    sets: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, extradata: bytes | None) -> "Parameters":
        """From a codec context's extradata: avcC (ISO/IEC 14496-15, 5.3.3.1), start codes, or none. Raises NotH264."""
        if not extradata:
            return cls()
        if extradata[0] != 1:
            return cls(0, tuple(n for n in _by_start_code(extradata) if n[0] & 31 in (SPS, PPS)))
        try:
            return cls((extradata[4] & 3) + 1, _sets(extradata))
        except IndexError:
            raise NotH264("the stream's avcC box is cut short") from None


def units(data: bytes, parameters: Parameters, key: bool) -> list[bytes]:
    """The NAL units of one access unit that a viewer needs; a key frame always comes with its parameter sets. Raises
    NotH264."""
    found = _by_start_code(data) if parameters.length_size == 0 else _by_length(data, parameters.length_size)
    kept = [unit for unit in found if unit and unit[0] & 31 not in NEEDLESS]
    if not kept:
        raise NotH264("an access unit without a picture")
    if key and not any(unit[0] & 31 == SPS for unit in kept):
        kept = [*parameters.sets, *kept]
    return kept


def payloads(found: list[bytes]) -> tuple[bytes, ...]:
    """RTP payloads of at most PAYLOAD_MAX bytes: small units together (STAP-A), large ones cut (FU-A)."""
    out: list[bytes] = []
    small: list[bytes] = []
    size = 1
    for unit in found:
        if small and (len(unit) > PAYLOAD_MAX or size + 2 + len(unit) > PAYLOAD_MAX):
            out.append(_together(small))
            small, size = [], 1
        if len(unit) > PAYLOAD_MAX:
            out += _cut(unit)
        else:
            small.append(unit)
            size += 2 + len(unit)
    if small:
        out.append(_together(small))
    return tuple(out)


def _together(small: list[bytes]) -> bytes:
    if len(small) == 1:
        return small[0]
    importance = max(unit[0] & 0x60 for unit in small)
    return bytes([importance | STAP_A]) + b"".join(pack("!H", len(unit)) + unit for unit in small)


def _cut(unit: bytes) -> list[bytes]:
    indicator, kind = unit[0] & 0xE0 | FU_A, unit[0] & 31
    step = PAYLOAD_MAX - 2
    starts = range(1, len(unit), step)
    last = starts[-1]
    return [
        bytes([indicator, kind | (0x80 if at == 1 else 0) | (0x40 if at == last else 0)]) + unit[at : at + step]
        for at in starts
    ]


def _by_start_code(data: bytes) -> list[bytes]:
    parts = data.split(b"\x00\x00\x01")
    return [part.rstrip(b"\x00") for part in parts[1:] if part.rstrip(b"\x00")]


def _by_length(data: bytes, size: int) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + size], "big")
        at += size
        if length == 0 or at + length > len(data):
            raise NotH264("an access unit whose lengths do not add up")
        found.append(data[at : at + length])
        at += length
    return found


def _sets(avcc: bytes) -> tuple[bytes, ...]:
    found: list[bytes] = []
    at = 6
    for count in (avcc[5] & 31, None):
        if count is None:
            count, at = avcc[at], at + 1
        for _ in range(count):
            length = avcc[at] << 8 | avcc[at + 1]
            found.append(avcc[at + 2 : at + 2 + length])
            at += 2 + length
    return tuple(found)
