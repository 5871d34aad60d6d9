"""MISB ST 0601: real packets, the checksum, and that nothing corrupt crashes or is taken for a place."""

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drone.telemetry.klv import KEY, KlvError, ber_length, ber_oid, fields, numbers, packets, read_klv
from drone.telemetry.rotation import degrees_of
from drone.telemetry.sample import GimbalFrame, HeightDatum, TelemetryError

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # slow machines test too


def packet(tags: dict[int, bytes], long_form: bool = False) -> bytes:
    """A packet as ST 0601 wants it, checksum last."""
    body = b"".join(bytes([tag, len(value)]) + value for tag, value in tags.items()) + b"\x01\x02"
    size = len(body) + 2
    head = KEY + (b"\x82" + size.to_bytes(2, "big") if long_form or size > 127 else bytes([size]))
    total = sum(byte << (8 * ((i + 1) % 2)) for i, byte in enumerate(head + body))
    return head + body + (total & 0xFFFF).to_bytes(2, "big")


def sample(lat: float = 34.261, lon: float = 117.188, at_s: float = 1.7e9) -> bytes:
    return packet(
        {
            2: struct.pack(">Q", round(at_s * 1e6)),
            5: struct.pack(">H", round(90 / 360 * 65535)),
            13: struct.pack(">i", round(lat / 90 * (2**31 - 1))),
            14: struct.pack(">i", round(lon / 180 * (2**31 - 1))),
            15: struct.pack(">H", round((120 + 900) / 19900 * 65535)),
            75: struct.pack(">H", round((117 + 900) / 19900 * 65535)),
            18: struct.pack(">I", round(10 / 360 * (2**32 - 1))),
            19: struct.pack(">i", round(-45 / 180 * (2**31 - 1))),
            20: struct.pack(">I", 0),
            90: struct.pack(">i", round(5 / 90 * (2**31 - 1))),
            91: struct.pack(">i", 0),
        }
    )


def test_a_real_packet_tells_what_the_standard_says_it_holds(shared: Path) -> None:
    """The figures are those that klvdata reads out of the same file."""
    data = (shared / "data" / "drone" / "klv" / "DynamicOnlyMISMMSPacketData.bin").read_bytes()
    track = read_klv(data, "real")
    (found,) = track.samples
    assert found.position is not None and found.attitude is not None and found.gimbal is not None
    assert (found.position.lat, found.position.lon) == pytest.approx((60.176822966978335, 128.42675904204452))
    assert found.position.height_m(HeightDatum.MSL) == pytest.approx(14190.719462882427)
    assert degrees_of(found.attitude) == pytest.approx((3.4058656575212893, -0.4315317239905987, 159.97436484321355))
    assert found.gimbal.frame is GimbalFrame.BODY
    assert found.hfov_deg == pytest.approx(144.5712977798123)
    assert found.at_s == 1231798102.0


def test_a_packet_that_somebody_changed_is_known_by_its_checksum(shared: Path) -> None:
    """The file in question was edited by hand without a new sum; klvdata takes it as it is."""
    data = (shared / "data" / "drone" / "klv" / "DynamicConstantMISMMSPacketData.bin").read_bytes()
    with pytest.raises(TelemetryError, match="checksum does not hold"):
        read_klv(data, "edited")


def test_another_set_is_not_taken_for_0601(shared: Path) -> None:
    data = (shared / "data" / "drone" / "klv" / "0903.bin").read_bytes()
    with pytest.raises(TelemetryError, match="no MISB ST 0601 packet"):
        read_klv(data, "vmti")


def test_both_heights_and_the_full_range_angles_are_read() -> None:
    (found,) = read_klv(sample(), "own").samples
    assert found.position is not None and found.attitude is not None and found.gimbal is not None
    assert found.position.lat == pytest.approx(34.261, abs=1e-7)
    assert found.position.height_m(HeightDatum.MSL) == pytest.approx(120, abs=0.2)
    assert found.position.height_m(HeightDatum.ELLIPSOID) == pytest.approx(117, abs=0.2)
    assert degrees_of(found.attitude) == pytest.approx((0, 5, 90), abs=0.01)
    assert degrees_of(found.gimbal.quaternion) == pytest.approx((0, -45, 10), abs=0.01)


def test_the_good_packets_of_a_damaged_stream_are_kept_and_the_bad_ones_counted() -> None:
    one, two, three = sample(at_s=1e9), bytearray(sample(at_s=1e9 + 1)), sample(at_s=1e9 + 2)
    two[40] ^= 0xFF
    track = read_klv(b"noise" + one + bytes(two) + b"\x00" * 7 + three + KEY + b"\x20cut", "damaged")
    assert [s.at_s for s in track.samples] == [1e9, 1e9 + 2] and track.bad == 2
    assert "2 packets could not be read" in track.notes[0]


def test_a_length_that_swallows_the_next_packet_does_not_lose_it() -> None:
    broken = bytearray(sample(at_s=1e9))
    broken[16:18] = bytes([0x7F, broken[17]])
    track = read_klv(bytes(broken) + sample(at_s=1e9 + 5), "swallowed")
    assert [s.at_s for s in track.samples] == [1e9 + 5]


def test_the_reserved_value_of_a_signed_field_is_no_number() -> None:
    raw = {13: struct.pack(">i", -(2**31)), 14: struct.pack(">i", 5), 15: b"\x01"}
    assert set(numbers(raw)) == {14}


@unhurried
@given(st.binary(max_size=600))
def test_any_bytes_are_a_track_or_one_clear_line(data: bytes) -> None:
    for noise in (data, KEY + data, sample()[:40] + data):
        with pytest.raises(TelemetryError) as caught:
            read_klv(noise, "noise")
        assert "\n" not in str(caught.value)


@unhurried
@given(st.integers(0, 10_000), st.integers(1, 255), st.integers(1, 40), st.sampled_from(["flip", "cut", "insert"]))
def test_a_single_damage_never_changes_a_place(at: int, value: int, size: int, how: str) -> None:
    """Either the packet is the old one, or there is none: the sum sees every single changed byte."""
    whole = sample()
    at %= len(whole)
    damaged = bytearray(whole)
    if how == "flip":
        damaged[at] ^= value
    elif how == "cut":
        del damaged[at : at + size]
    else:
        damaged[at:at] = bytes([value]) * size
    try:
        track = read_klv(bytes(damaged), "damaged")
    except TelemetryError:
        return
    assert [s.position for s in track.samples] == [s.position for s in read_klv(whole, "whole").samples]


@unhurried
@given(st.binary(max_size=8), st.integers(0, 8))
def test_lengths_and_tags_end_or_are_refused(data: bytes, at: int) -> None:
    for read in (ber_length, ber_oid):
        try:
            value, end = read(data, at)
        except KlvError:
            continue
        assert value >= 0 and at < end <= len(data)


def test_a_field_longer_than_its_packet_is_refused() -> None:
    whole = packet({2: bytes(8), 3: b"x"})
    grown = bytearray(whole[:-2])
    grown[grown.index(b"\x03\x01x") + 1] = 0x50
    total = sum(byte << (8 * ((i + 1) % 2)) for i, byte in enumerate(grown)) & 0xFFFF
    with pytest.raises(KlvError, match="longer than the packet"):
        fields(bytes(grown) + total.to_bytes(2, "big"))
    assert list(packets(whole)) == [whole]
