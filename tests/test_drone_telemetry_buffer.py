"""The telemetry buffer and the clocks: interpolation by slerp, refusal where nothing is known, offset and latency."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drone.telemetry.buffer import Buffer, Gap
from drone.telemetry.clock import ClockSync, fit_oneway
from drone.telemetry.rotation import degrees_of, from_degrees, rotation_of, slerp, usable
from drone.telemetry.sample import Fix, Gimbal, GimbalFrame, HeightDatum, Position, Telemetry

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # slow machines test too
angle = st.floats(-180, 180)


def place(lat: float, lon: float, height: float = 0.0) -> Position:
    return Position(lat, lon, ((HeightDatum.MSL, height),))


def test_between_two_samples_everything_lies_between_them() -> None:
    buffer = Buffer.of(
        [
            Telemetry(0.0, place(10, 20, 100), from_degrees(0, 0, 350), velocity_m_s=(1, 0, 0), fix=Fix("3d", 9, 1.0)),
            Telemetry(1.0, place(12, 21, 200), from_degrees(0, 10, 10), velocity_m_s=(3, 0, 0), fix=Fix("2d", 5, 4.0)),
        ]
    )
    found = buffer.at(0.5)
    assert found.position == place(11, 20.5, 150)
    assert found.velocity_m_s == (2, 0, 0)
    assert found.fix == Fix("2d", 5, 4.0)  # the worse of both
    assert found.attitude is not None
    _, pitch, yaw = degrees_of(found.attitude)
    assert pitch == pytest.approx(5, abs=0.1)
    assert min(yaw, 360 - yaw) < 0.1  # through north, not through south


@unhurried
@given(angle, st.floats(-89, 89), angle, angle, st.floats(-89, 89), angle, st.floats(0, 1))
def test_slerp_turns_evenly_the_short_way(
    r0: float, p0: float, y0: float, r1: float, p1: float, y1: float, share: float
) -> None:
    a, b = from_degrees(r0, p0, y0), from_degrees(r1, p1, y1)
    whole = (rotation_of(a).inv() * rotation_of(b)).magnitude()
    part = (rotation_of(a).inv() * rotation_of(slerp(a, b, share))).magnitude()
    assert part == pytest.approx(share * whole, abs=1e-5)


@unhurried
@given(angle, st.floats(-89, 89), angle)
def test_angles_survive_the_quaternion_and_mean_what_scipy_means(roll: float, pitch: float, yaw: float) -> None:
    q = from_degrees(roll, pitch, yaw)
    again = rotation_of(q).as_euler("ZYX", degrees=True)
    assert rotation_of(from_degrees(*degrees_of(q))).approx_equal(rotation_of(q), atol=1e-6)
    assert math.cos(math.radians(again[0] - yaw)) == pytest.approx(1, abs=1e-9)
    assert again[1] == pytest.approx(pitch, abs=1e-6)


def test_a_hole_longer_than_the_limit_and_the_time_outside_are_refused() -> None:
    buffer = Buffer.of([Telemetry(t, place(10, 20)) for t in (0.0, 1.0, 4.0)], gap_max_s=1.5)
    assert buffer.at(0.7).position is not None
    with pytest.raises(Gap, match=r"hole of 3\.00 s, limit 1\.5 s"):
        buffer.at(2.0)
    for outside in (-0.1, 4.1):
        with pytest.raises(Gap, match="outside what is known"):
            buffer.at(outside)
    with pytest.raises(Gap, match="empty"):
        Buffer().at(0.0)


def test_a_gimbal_that_falls_silent_is_a_gap_and_not_a_missing_gimbal() -> None:
    level = Gimbal((1, 0, 0, 0), GimbalFrame.HEADING)
    buffer = Buffer.of([Telemetry(t / 10, place(10, 20)) for t in range(50)])
    assert buffer.at(2.0).gimbal is None
    for t in (0.0, 1.0):
        buffer.add(Telemetry(t, gimbal=level))
    assert buffer.at(0.5).gimbal == level
    with pytest.raises(Gap, match="gimbal"):
        buffer.at(2.0)


def test_a_gimbal_that_changes_its_frame_says_nothing_in_between() -> None:
    buffer = Buffer.of([Telemetry(t, place(10, 20)) for t in (0.0, 1.0)])
    buffer.add(Telemetry(0.0, gimbal=Gimbal((1, 0, 0, 0), GimbalFrame.HEADING)))
    buffer.add(Telemetry(1.0, gimbal=Gimbal((1, 0, 0, 0), GimbalFrame.EARTH)))
    with pytest.raises(Gap, match="frame changed"):
        buffer.at(0.5)


@unhurried
@given(st.permutations(list(range(12))))
def test_samples_that_come_late_find_their_place(order: list[int]) -> None:
    buffer = Buffer.of([Telemetry(float(t), place(t, t)) for t in order])
    assert buffer.position.times == [float(t) for t in range(12)]
    assert buffer.at(4.5).position == place(4.5, 4.5)


def test_the_buffer_keeps_the_newest_and_counts_what_it_drops() -> None:
    buffer = Buffer(limit=100)
    for t in range(1000):
        buffer.add(Telemetry(float(t), place(0, 0)))
    assert len(buffer.position.times) <= 110 and buffer.position.times[-1] == 999
    assert buffer.dropped == 1000 - len(buffer.position.times)


def test_the_date_line_is_crossed_the_short_way() -> None:
    buffer = Buffer.of([Telemetry(0.0, place(0, 179.9999)), Telemetry(1.0, place(0, -179.9999))])
    found = buffer.at(0.5).position
    assert found is not None and abs(found.lon) == pytest.approx(180)


@unhurried
@given(
    st.floats(-1e6, 1e6),
    st.floats(-2e-5, 2e-5),
    st.integers(0, 2**32),
)
def test_offset_and_rate_are_found_under_any_delays(offset: float, drift: float, seed: int) -> None:
    """Every twentieth message comes at once; the others are late by anything."""
    delays = np.random.default_rng(seed).exponential(0.2, 200).tolist()
    late = [0.0 if i % 20 == 0 else delay for i, delay in enumerate(delays)]
    pairs = [(i * 0.5, offset + (1 + drift) * i * 0.5 + delay) for i, delay in enumerate(late)]
    fit = fit_oneway(pairs)
    for there, here in pairs:
        assert fit.here_s(there) <= here + 1e-6
    assert fit.here_s(50.0) == pytest.approx(offset + (1 + drift) * 50.0, abs=1e-6)
    assert not fit.odd


def test_latency_is_what_lies_above_the_fastest() -> None:
    sync = ClockSync()
    for i in range(1000):
        sync.arrived(i * 0.1, 7.0 + i * 0.1 + (0.02 if i % 10 else 0.0))
    fit = sync.fit()
    assert fit is not None
    assert (fit.offset_s, fit.latency_s) == pytest.approx((7.0, 0.02))
    assert fit.error_s is None  # one way says nothing of the smallest delay


def test_the_shortest_round_trip_sets_the_offset_and_bounds_its_error() -> None:
    sync = ClockSync()
    assert sync.fit() is None
    sync.answered(sent_s=100.0, there_s=5.35, received_s=100.4)  # 0.35 out, 0.05 back
    sync.answered(sent_s=101.0, there_s=6.005, received_s=101.01)
    fit = sync.fit()
    assert fit is not None and fit.offset_s == pytest.approx(95.0) and fit.error_s == pytest.approx(0.005)


def test_a_simulation_that_runs_fast_is_told_from_a_clock() -> None:
    sync = ClockSync()
    for i in range(100):
        sync.arrived(i * 1.0, 1000 + i / 3)
    fit = sync.fit()
    assert fit is not None and fit.odd and fit.rate == pytest.approx(1 / 3)


@pytest.mark.parametrize("q", [(0, 0, 0, 0), (math.nan, 0, 0, 0), (1, 0, 0), (3, 0, 0, 0)])
def test_a_quaternion_of_a_device_that_is_not_ready_is_not_used(q: tuple[float, ...]) -> None:
    assert not usable(q)
