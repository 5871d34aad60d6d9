"""Recorded flights: MAVLink .tlog, ArduPilot .BIN and PX4 .ulg replay to where the vehicle says it was."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pymap3d
import pytest
from dataflash import header, message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymavlink import mavutil
from pyulog import ULog
from typer.testing import CliRunner

import zhuomu
from drone.autopilot.logs import gimbal_frame
from drone.recording import read_track
from drone.telemetry.buffer import Buffer
from drone.telemetry.rotation import degrees_of
from drone.telemetry.sample import Clock, GimbalFrame, HeightDatum, Telemetry, TelemetryError, Track

GPS_NOISE_M = 1.5


@pytest.fixture(scope="module")
def tlog(shared: Path) -> Path:
    return shared / "data" / "drone" / "mavlink" / "sitl_patrol_rx.tlog"


@pytest.fixture(scope="module")
def flight(tlog: Path) -> Track:
    return read_track(tlog)


@pytest.fixture(scope="module")
def px4(shared: Path) -> Path:
    return shared / "data" / "drone" / "px4_ulg" / "sample_log_small.ulg"


def apart_m(a: Telemetry, lat: float, lon: float) -> float:
    assert a.position is not None
    east, north, _ = pymap3d.geodetic2enu(lat, lon, 0, a.position.lat, a.position.lon, 0)
    return math.hypot(float(east), float(north))


def test_the_tlog_has_every_part_at_its_rate_and_names_its_datums(flight: Track) -> None:
    assert (flight.clock, flight.bad) == (Clock.UTC, 0)
    assert flight.datums == (HeightDatum.MSL, HeightDatum.HOME)
    counts = [sum(getattr(s, part) is not None for s in flight.samples) for part in ("position", "attitude", "gimbal")]
    assert counts[1:] == [3553, 1777]
    assert 3400 < counts[0] < 3554  # before the first fix they tell 0, 0
    assert any("3.006 times as fast" in note for note in flight.notes)


def test_the_tlog_replays_through_the_places_where_its_pictures_were_taken(tlog: Path, flight: Track) -> None:
    """CAMERA_FEEDBACK was made on board, with the vehicle's UTC; seconds between pictures are the vehicle's own."""
    log = mavutil.mavlogfile(str(tlog))
    taken = list(iter(lambda: log.recv_match(type="CAMERA_FEEDBACK"), None))
    log.close()
    assert len(taken) == 8
    buffer = Buffer.of(flight.samples)
    seen = [s for s in flight.samples if s.position]
    first = taken[0]
    start = min(seen, key=lambda s: apart_m(s, first.lat / 1e7, first.lng / 1e7)).at_s
    for feedback in taken:
        at = buffer.at(start + (feedback.time_usec - first.time_usec) / 1e6)
        assert apart_m(at, feedback.lat / 1e7, feedback.lng / 1e7) < GPS_NOISE_M
        assert at.position is not None
        assert at.position.height_m(HeightDatum.MSL) == pytest.approx(feedback.alt_msl, abs=GPS_NOISE_M)
        assert at.gimbal is not None and degrees_of(at.gimbal.quaternion)[1] == pytest.approx(-60, abs=0.1)
        # The vehicle's own pitch, which CAMERA_FEEDBACK carries, is another: never the camera's.
        assert abs(feedback.pitch - -60) > 25


def dataflash(flight: Track) -> bytes:
    """The same flight as the vehicle itself would have logged it."""
    out = [header()]
    first = flight.samples[0].at_s
    week, since = divmod(first + 18 - 315964800, 604800)  # GPS time runs 18 leap seconds ahead
    out.append(message("GPS", (0, 0, 3, round(since * 1000), week, 12, 0.8, 31.2304, 121.4737, 4.0, 0, 0, 0, 1)))
    for s in flight.samples:
        us = (s.at_s - first) * 1e6
        if s.position:
            p = s.position
            msl, home = p.height_m(HeightDatum.MSL), p.height_m(HeightDatum.HOME)
            assert msl is not None and home is not None
            out.append(message("POS", (us, p.lat, p.lon, msl, home, home)))
        if s.attitude:
            roll, pitch, yaw = degrees_of(s.attitude)
            out.append(message("ATT", (us, 0, roll, 0, pitch, 0, yaw, 0, 0, 0)))
        if s.gimbal:
            roll, pitch, yaw = degrees_of(s.gimbal.quaternion)
            yaw = (yaw + 180) % 360 - 180
            out.append(message("MNT", (us, 0, 0, roll, 0, pitch, 0, yaw, 0, math.nan)))
    return b"".join(out)


def test_a_dataflash_log_of_the_same_flight_gives_the_same_path(flight: Track, tmp_path: Path) -> None:
    path = tmp_path / "00000001.BIN"
    path.write_bytes(dataflash(flight))
    log = read_track(path)
    assert (log.kind, log.clock, log.bad) == ("ArduPilot BIN", Clock.UTC, 0)
    a, b = Buffer.of(flight.samples), Buffer.of(log.samples)
    for at_s in np.linspace(flight.samples[0].at_s + 10, flight.samples[-1].at_s - 1, 60).tolist():
        one, two = a.at(at_s), b.at(at_s)
        assert two.position is not None and one.position is not None
        assert apart_m(one, two.position.lat, two.position.lon) < 0.1
        assert dict(two.position.heights) == pytest.approx(dict(one.position.heights), abs=0.05)
        assert one.gimbal is not None and two.gimbal is not None
        assert two.gimbal.frame is GimbalFrame.HEADING
        assert degrees_of(two.gimbal.quaternion)[1] == pytest.approx(degrees_of(one.gimbal.quaternion)[1], abs=0.1)
        assert one.attitude is not None and two.attitude is not None
        assert two.attitude == pytest.approx(one.attitude, abs=2e-3)


def test_a_dataflash_log_cut_in_the_middle_keeps_what_came_before(flight: Track, tmp_path: Path) -> None:
    path = tmp_path / "cut.BIN"
    whole = dataflash(flight)
    path.write_bytes(whole[: len(whole) // 2 + 5])
    kept = [s for s in read_track(path).samples if s.position]
    assert 1000 < len(kept) < 3000


def test_the_ulog_tells_the_path_of_its_own_gps(px4: Path) -> None:
    """This log's estimator has no global position, so the receiver's fixes are the path."""
    track = read_track(px4)
    gps = next(d.data for d in ULog(str(px4)).data_list if d.name == "vehicle_gps_position")
    found = [s for s in track.samples if s.position]
    assert track.clock is Clock.UTC and len(found) == len(gps["lat"]) == 32
    for s, lat, lon in zip(found, gps["lat"], gps["lon"], strict=True):
        assert apart_m(s, lat / 1e7, lon / 1e7) < 0.01
    first = found[0].position
    assert first is not None
    assert first.height_m(HeightDatum.ELLIPSOID) == pytest.approx(106.766)
    assert first.height_m(HeightDatum.MSL) == pytest.approx(66.814)
    assert found[0].fix is not None and found[0].fix.horizontal_m == pytest.approx(3.26)
    assert found[0].at_s == pytest.approx(gps["time_utc_usec"][0] / 1e6, abs=0.1)


def test_an_estimator_that_knows_its_origin_is_preferred_and_stays_within_gps_noise(px4: Path, tmp_path: Path) -> None:
    """The same log, with the local position anchored at its own first fix."""
    log = ULog(str(px4))
    topics = {d.name: d.data for d in log.data_list if d.multi_id == 0}
    local, gps = topics["vehicle_local_position"], topics["vehicle_gps_position"]
    local["ref_lat"][:], local["ref_lon"][:] = gps["lat"][0] / 1e7, gps["lon"][0] / 1e7
    local["ref_alt"][:] = gps["alt"][0] / 1e3
    for flag in ("xy_global", "z_global", "xy_valid", "z_valid"):
        local[flag][:] = 1
    local["x"][:], local["y"][:], local["z"][:] = 1.0, 0.5, -2.0
    path = tmp_path / "anchored.ulg"
    log.write_ulog(str(path))
    found = [s for s in read_track(path).samples if s.position]
    assert len(found) == 636
    assert apart_m(found[9], gps["lat"][0] / 1e7, gps["lon"][0] / 1e7) == pytest.approx(math.hypot(1.0, 0.5), abs=1e-3)
    assert found[9].position is not None
    assert found[9].position.height_m(HeightDatum.MSL) == pytest.approx(gps["alt"][0] / 1e3 + 2, abs=0.01)


@pytest.mark.parametrize(
    ("flags", "frame"),
    [
        (44, GimbalFrame.HEADING),  # what ArduCopter sends
        (12, GimbalFrame.HEADING),  # no yaw flag: the vehicle's heading
        (16 | 12, GimbalFrame.EARTH),  # the older way to say north
        (64 | 12, GimbalFrame.EARTH),
        (32 | 16 | 12, GimbalFrame.HEADING),  # the newer flag wins
    ],
)
def test_the_gimbal_is_relative_to_the_vehicle_unless_its_flags_say_otherwise(flags: int, frame: GimbalFrame) -> None:
    assert gimbal_frame(flags) is frame


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(data=st.binary(min_size=1, max_size=300), kind=st.sampled_from([b"", b"ULog\x01\x12\x35", b"\xa3\x95\x80"]))
def test_any_bytes_in_any_kind_of_file_are_one_clear_line(tmp_path: Path, data: bytes, kind: bytes) -> None:
    for ending in (".tlog", ".bin", ".ulg"):
        path = tmp_path / f"noise{ending}"
        path.write_bytes(kind + data)
        with pytest.raises(TelemetryError) as caught:
            read_track(path)
        assert "\n" not in str(caught.value)


def test_a_file_is_known_by_its_content_whatever_its_name(px4: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "flight.bin"
    shutil.copyfile(px4, renamed)
    assert read_track(renamed).kind == "PX4 ULog"


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(zhuomu.build(["drone"]), ["drone", *words])
    return result.exit_code, result.stdout, result.stderr


def test_track_prints_path_span_rates_and_datums(tlog: Path) -> None:
    code, out, _ = run("track", str(tlog), "--json")
    found = json.loads(out)
    assert code == 0 and found["kind"] == "MAVLink tlog" and found["horizontal_datum"] == "WGS-84"
    assert found["rates_hz"] == {"position": 10.0, "attitude": 10.0, "gimbal": 5.0, "velocity": 10.0}
    assert found["heights"]["above home"] == pytest.approx([0, 30], abs=0.5)
    assert 600 < found["path_m"] < 700 and len(found["path"]) == 200


def test_track_says_what_is_wrong_in_one_line(shared: Path, tmp_path: Path) -> None:
    for path, words in (
        (tmp_path / "gone.tlog", "No such file"),
        (shared / "data" / "drone" / "dji_srt" / "broken_empty.SRT", "empty; copy"),
        (shared / "data" / "README.md", "not known; give a .tlog"),
    ):
        code, _, err = run("track", str(path))
        assert code == 1 and words in err and err.count("\n") == 1
