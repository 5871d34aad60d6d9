"""DJI subtitles: every dialect at hand, broken files, and the promise that no corruption crashes or invents a place."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drone.telemetry.rotation import degrees_of
from drone.telemetry.sample import Clock, GimbalFrame, HeightDatum, TelemetryError, Track
from drone.telemetry.srt import read_srt

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # slow machines test too
MINI = """1
00:00:00,000 --> 00:00:01,000
F/2.8, SS 30.15, ISO 260, EV -1.7, GPS (-121.7458, 48.0771, 17), D 221.21m, H 200.70m, H.S n/a, V.S n/a

2
00:00:01,000 --> 00:00:02,000
F/5.6, SS 400, ISO 100, EV 0, GPS (-58.851740, -34.237911, 15), HOME (-58.847509, -34.232707, -57.98m), D 697.41m, \
H 85.83m, H.S 2.88m/s, V.S 0.00m/s, F.PRY (3.0°, -19.9°, 110.3°), G.PRY (-24.4°, 0.0°, 110.5°)

3
00:00:02,000 --> 00:00:03,000
<font size="36">FrameCnt : 3, DiffTime : 40ms
2020-08-12 08:55:21,825,085
[iso : 100] [latitude : -34.869945] [longtitude : -57.823383] [altitude: 74.725998] </font>

4
00:00:03,000 --> 00:00:04,000
[focal_len: 24.00] [latitude: 3.41531] [longitude: -3.37440] [rel_alt: -2.400 abs_alt: 0.401] [gb_yaw: 61.5 \
gb_pitch: -30.0 gb_roll: 0.0]</font>
"""


def read(shared: Path, name: str) -> Track:
    path = shared / "data" / "drone" / "dji_srt" / name
    return read_srt(path.read_text(encoding="utf-8", errors="replace"), name)


@pytest.mark.parametrize(
    ("name", "good", "bad", "lat", "lon", "datum", "height"),
    [
        ("air2s.srt", 17, 0, 41.424724, 2.234156, HeightDatum.UNSTATED, 117.0),
        ("m2zoom_head.SRT", 1351, 1, 31.452012, 74.398751, HeightDatum.UNSTATED, 213.983002),  # "longtitude"
        ("matrice_300.srt", 381, 0, 36.6146, -6.1120, HeightDatum.HOME, 0.3),  # latitude first
        ("mavic_air2.srt", 25, 0, 41.420684, 2.162162, HeightDatum.UNSTATED, 27.3),
        ("mavic_mini.SRT", 117, 0, 48.0771, -121.7458, HeightDatum.HOME, 200.7),
        ("mavic_pro.SRT", 468, 0, -20.2533, 149.0251, HeightDatum.HOME, 1.9),  # longitude first
        ("p4_rtk.SRT", 55, 0, -34.237922, -58.851745, HeightDatum.HOME, 85.8),
        ("p4p_sample.SRT", 5, 0, 47.4692, 8.2090, HeightDatum.HOME, 45.6),
        ("broken_incomplete.SRT", 19, 1, -34.7383, -58.4563, HeightDatum.HOME, 20.1),
        ("broken_incomplete2.SRT", 4, 2, -34.869950, -57.823395, HeightDatum.UNSTATED, 74.725998),
    ],
)
def test_every_dialect_tells_its_place_its_height_and_what_it_is_measured_from(
    shared: Path, name: str, good: int, bad: int, lat: float, lon: float, datum: HeightDatum, height: float
) -> None:
    track = read(shared, name)
    first = track.samples[0].position
    assert (len(track.samples), track.bad) == (good, bad)
    assert first is not None and (first.lat, first.lon) == (lat, lon) and first.height_m(datum) == height


def test_the_mavic_3_tells_both_heights_and_its_lens(shared: Path) -> None:
    track = read(shared, "MAVIC3.srt")
    assert len(track.samples) == 12318 and track.bad == 0
    assert track.datums == (HeightDatum.HOME, HeightDatum.UNSTATED)
    assert track.samples[0].focal_35mm == 24.0


def test_the_p4_rtk_tells_the_gimbal_against_north_and_the_vehicle_apart(shared: Path) -> None:
    first = read(shared, "p4_rtk.SRT").samples[0]
    assert first.attitude is not None and first.gimbal is not None
    assert first.gimbal.frame is GimbalFrame.EARTH
    assert degrees_of(first.gimbal.quaternion) == pytest.approx((0.0, -24.4, 110.4))
    assert degrees_of(first.attitude) == pytest.approx((-7.0, 2.7, 110.1))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("broken_empty.SRT", "empty; copy"),
        ("broken_empty2.SRT", "no subtitle in it"),
        ("mavic_air.SRT", "none of 2 blocks tells a position"),
    ],
)
def test_a_file_without_a_place_is_one_line_that_says_what_to_do(shared: Path, name: str, words: str) -> None:
    with pytest.raises(TelemetryError, match=words) as caught:
        read(shared, name)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(name)


def test_few_decimals_are_told_as_an_error_of_the_position(shared: Path) -> None:
    """Four decimals are steps of 11 m."""
    coarse, fine = (read(shared, name).samples[0].fix for name in ("matrice_300.srt", "p4_rtk.SRT"))
    assert coarse is not None and coarse.horizontal_m == pytest.approx(3.2, abs=0.1)
    assert fine is not None and fine.satellites == 15 and fine.horizontal_m is not None and fine.horizontal_m < 0.1


def test_a_wall_clock_is_local_until_somebody_states_its_zone(shared: Path) -> None:
    text = (shared / "data" / "drone" / "dji_srt" / "air2s.srt").read_text(encoding="utf-8")
    local, utc = read_srt(text, "a"), read_srt(text, "a", utc_offset_h=2.0)
    assert (local.clock, utc.clock) == (Clock.LOCAL, Clock.UTC)
    assert any("--utc-offset" in note for note in local.notes)
    assert local.media_start_s is not None and utc.media_start_s == local.media_start_s - 7200
    assert utc.samples[0].at_s == pytest.approx(1659872440.775, abs=0.01)  # 2022-08-07T11:40:40.775Z


def test_the_reader_knows_four_dialects_in_one_text() -> None:
    track = read_srt(MINI, "mixed")
    assert [round(s.position.lat, 3) for s in track.samples if s.position] == [48.077, -34.238, -34.87, 3.415]
    gimbal = track.samples[3].gimbal
    assert gimbal is not None and degrees_of(gimbal.quaternion) == pytest.approx((0.0, -30.0, 61.5))


def places(track: Track) -> set[tuple[float, float]]:
    return {(s.position.lat, s.position.lon) for s in track.samples if s.position}


@unhurried
@given(st.integers(0, len(MINI)))
def test_a_file_cut_anywhere_never_tells_a_place_that_was_not_in_it(end: int) -> None:
    """A number that loses its last digits is another place."""
    try:
        track = read_srt(MINI[:end], "cut")
    except TelemetryError as error:
        assert "\n" not in str(error)
    else:
        assert places(track) <= places(read_srt(MINI, "whole"))


@unhurried
@given(data=st.data())
def test_no_corruption_crashes_the_reader(data: st.DataObject) -> None:
    """Bytes replaced, cut out, doubled: good samples or one clear line."""
    raw = bytearray(MINI.encode())
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(raw)))
        size = data.draw(st.integers(0, 30))
        raw[at : at + size] = data.draw(st.binary(max_size=30))
    try:
        track = read_srt(raw.decode("utf-8", errors="replace"), "corrupt")
    except TelemetryError as error:
        assert "\n" not in str(error)
    else:
        assert all(-90 <= lat <= 90 and -180 <= lon <= 180 for lat, lon in places(track))


@unhurried
@given(st.text(max_size=60))
def test_any_text_is_a_track_or_one_clear_line(text: str) -> None:
    with pytest.raises(TelemetryError):
        read_srt(text, "noise")
