"""MISB ST 0601 UAS Datalink Local Set: the metadata inside professional video, packets of key-length-value.

Own parser: klvdata 0.0.3 checks no checksum and skips what it cannot read. Ranges and scales are those of MISB ST
0601.17, section 8; the set's outer framing is SMPTE ST 336 (BER lengths, BER-OID tags).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from drone.telemetry.rotation import from_degrees
from drone.telemetry.sample import (
    Clock,
    Gimbal,
    GimbalFrame,
    HeightDatum,
    Position,
    Quaternion,
    Telemetry,
    TelemetryError,
    Track,
)

KEY = bytes.fromhex("060e2b34020b01010e01030101000000")
PACKET_MAX = 65_535
PACKETS_MAX = 2_000_000
CHECKSUM, STAMP, VERSION = 1, 2, 65


class KlvError(ValueError):
    """One packet that cannot be read; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Scale:
    """An integer mapped onto low..high. Signed fields keep their smallest value for "error"."""

    size: int
    low: float
    high: float
    signed: bool = False

    def value(self, raw: bytes) -> float | None:
        """The number, None for the reserved error value or another length than the standard's."""
        if len(raw) != self.size:
            return None
        n = int.from_bytes(raw, "big", signed=self.signed)
        bits = 8 * self.size
        if not self.signed:
            return self.low + n * (self.high - self.low) / ((1 << bits) - 1)
        half = 1 << (bits - 1)
        return None if n == -half else n * self.high / (half - 1)


# Tag -> scale; the tags that place a picture on the ground, and those that check it.
SCALES: dict[int, Scale] = {
    5: Scale(2, 0, 360),  # platform heading
    6: Scale(2, -20, 20, signed=True),  # platform pitch, short range
    7: Scale(2, -50, 50, signed=True),  # platform roll, short range
    13: Scale(4, -90, 90, signed=True),  # sensor latitude
    14: Scale(4, -180, 180, signed=True),  # sensor longitude
    15: Scale(2, -900, 19000),  # sensor true altitude, mean sea level
    16: Scale(2, 0, 180),  # horizontal field of view
    17: Scale(2, 0, 180),  # vertical field of view
    18: Scale(4, 0, 360),  # sensor relative azimuth
    19: Scale(4, -180, 180, signed=True),  # sensor relative elevation
    20: Scale(4, 0, 360),  # sensor relative roll
    21: Scale(4, 0, 5_000_000),  # slant range
    23: Scale(4, -90, 90, signed=True),  # frame centre latitude
    24: Scale(4, -180, 180, signed=True),  # frame centre longitude
    25: Scale(2, -900, 19000),  # frame centre elevation, mean sea level
    56: Scale(1, 0, 255),  # platform ground speed
    75: Scale(2, -900, 19000),  # sensor ellipsoid height
    79: Scale(2, -327, 327, signed=True),  # sensor north velocity
    80: Scale(2, -327, 327, signed=True),  # sensor east velocity
    90: Scale(4, -90, 90, signed=True),  # platform pitch, full range
    91: Scale(4, -90, 90, signed=True),  # platform roll, full range
}


def read_klv(data: bytes, source: str) -> Track:
    """A track from packets that stand one after another, with anything between them. Raises TelemetryError."""
    samples, bad, why = list[Telemetry](), 0, ""
    for packet in packets(data):
        try:
            samples.append(sample_of(fields(packet)))
        except KlvError as error:
            bad, why = bad + 1, why or str(error)
    if not samples:
        raise TelemetryError(f"{source}: {_nothing(bad, why)}")
    notes = (f"{bad} packets could not be read, the first because: {why}",) if bad else ()
    samples.sort(key=lambda s: s.at_s)
    return Track(source, "MISB ST 0601", Clock.UTC, tuple(samples), bad, notes)


def stamps(data: bytes) -> list[tuple[int, float]]:
    """(where it begins, its time stamp in seconds) of every packet that `read_klv` takes a sample from."""
    found, at = list[tuple[int, float]](), 0
    for packet in packets(data):
        at = data.index(packet, at)
        with suppress(KlvError):
            found.append((at, sample_of(fields(packet)).at_s))
        at += 1
    return found


def _nothing(bad: int, why: str) -> str:
    if bad:
        return f"none of {bad} MISB ST 0601 packets can be used ({why}); copy the recording again"
    return "no MISB ST 0601 packet in it; give the KLV stream of a UAS video"


def packets(data: bytes) -> Iterator[bytes]:
    """Every stretch that begins with the set's key, to the end that its length tells (or what there is of it)."""
    at = data.find(KEY)
    for _ in range(PACKETS_MAX):
        if at < 0:
            return
        try:
            length, begin = ber_length(data, at + len(KEY))
            end = begin + length
        except KlvError:
            end = at + len(KEY)
        whole = end <= len(data) and end - at <= PACKET_MAX
        yield data[at:end] if whole else data[at : at + PACKET_MAX]
        # After a broken length the next key may lie inside what it claimed.
        at = data.find(KEY, end if whole and checksum_holds(data[at:end]) else at + len(KEY))


def ber_length(data: bytes, at: int) -> tuple[int, int]:
    """(length, index after it) of a BER length, short or long form. Raises KlvError."""
    if at >= len(data):
        raise KlvError("cut off inside a length")
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    if not 1 <= count <= 4 or at + 1 + count > len(data):
        raise KlvError(f"length of {count} bytes")
    return int.from_bytes(data[at + 1 : at + 1 + count], "big"), at + 1 + count


def ber_oid(data: bytes, at: int) -> tuple[int, int]:
    """(tag, index after it): seven bits a byte, the highest bit says that more follow. Raises KlvError."""
    tag = 0
    for used in range(3):
        if at + used >= len(data):
            raise KlvError("cut off inside a tag")
        tag = tag << 7 | data[at + used] & 0x7F
        if not data[at + used] & 0x80:
            return tag, at + used + 1
    raise KlvError("a tag of more than 3 bytes")


def checksum_holds(packet: bytes) -> bool:
    """The last four bytes are tag 1, length 2 and the running 16-bit sum of everything before the sum itself."""
    if len(packet) < len(KEY) + 5 or packet[-4:-2] != b"\x01\x02":
        return False
    high, low = sum(packet[0:-2:2]), sum(packet[1:-2:2])
    return (high * 256 + low) & 0xFFFF == int.from_bytes(packet[-2:], "big")


def fields(packet: bytes) -> dict[int, bytes]:
    """Tag -> raw value of one packet whose checksum holds. Raises KlvError."""
    if not packet.startswith(KEY):
        raise KlvError("another key")
    length, at = ber_length(packet, len(KEY))
    if at + length != len(packet):
        raise KlvError(f"{len(packet) - at} bytes where its length says {length}")
    if not checksum_holds(packet):
        raise KlvError("its checksum does not hold")
    found: dict[int, bytes] = {}
    while at < len(packet):
        tag, at = ber_oid(packet, at)
        size, at = ber_length(packet, at)
        if at + size > len(packet):
            raise KlvError(f"tag {tag} is longer than the packet")
        found[tag] = packet[at : at + size]
        at += size
    return found


def numbers(raw: Mapping[int, bytes]) -> dict[int, float]:
    """The scaled fields that are there and hold a value."""
    found = {tag: scale.value(raw[tag]) for tag, scale in SCALES.items() if tag in raw}
    return {tag: value for tag, value in found.items() if value is not None}


def sample_of(raw: Mapping[int, bytes]) -> Telemetry:
    """One packet as telemetry. Raises KlvError when it tells neither time nor place."""
    if len(raw.get(STAMP, b"")) != 8:
        raise KlvError("no time stamp")
    tags = numbers(raw)
    if 13 not in tags or 14 not in tags:
        raise KlvError("no sensor position")
    heights = ((HeightDatum.ELLIPSOID, tags.get(75)), (HeightDatum.MSL, tags.get(15)))
    velocity = (tags[79], tags[80], 0.0) if 79 in tags and 80 in tags else None
    return Telemetry(
        at_s=int.from_bytes(raw[STAMP], "big") / 1e6,
        position=Position(tags[13], tags[14], tuple((datum, m) for datum, m in heights if m is not None)),
        attitude=_attitude(tags),
        gimbal=_gimbal(tags),
        velocity_m_s=velocity,
        speed_m_s=tags.get(56) if velocity is None else math.hypot(velocity[0], velocity[1]),
        hfov_deg=tags.get(16),
    )


def _attitude(tags: Mapping[int, float]) -> Quaternion | None:
    """Full range where it is sent (tags 90, 91), else the short one."""
    pitch, roll = tags.get(90, tags.get(6)), tags.get(91, tags.get(7))
    if 5 not in tags or pitch is None or roll is None:
        return None
    return from_degrees(roll, pitch, tags[5])


def _gimbal(tags: Mapping[int, float]) -> Gimbal | None:
    """Relative to the platform's own axes, so it tilts with them (ST 0601.17, figure on sensor relative angles)."""
    if not {18, 19} <= tags.keys():
        return None
    return Gimbal(from_degrees(tags.get(20, 0.0), tags[19], tags[18]), GimbalFrame.BODY)
