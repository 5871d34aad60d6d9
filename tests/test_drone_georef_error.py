"""How wrong places from the air are: without noise, with a consumer drone's, and after the estimate in flight."""

from dataclasses import replace

import numpy as np
import pytest

from bench import drone_georef as bench
from drone.georef.calibrate import Sighting, calibrate
from drone.georef.locate import Locator
from drone.georef.refusal import NotPlaced
from drone.telemetry.buffer import Buffer


@pytest.mark.slow
def test_without_noise_the_error_is_far_below_half_a_percent_of_the_distance() -> None:
    rng = np.random.default_rng(11)
    found = bench.summary([bench.one(rng, None) for _ in range(1000)])
    assert found["median_of_slant"] <= 0.005
    assert found["p95_m"] < 0.05


@pytest.mark.slow
def test_the_95_percent_ellipse_holds_the_truth_in_93_to_97_percent_of_cases() -> None:
    rng = np.random.default_rng(12)
    found = bench.summary([bench.one(rng, bench.CONSUMER) for _ in range(1000)])
    assert 0.93 <= found["ellipse_hold"] <= 0.97


@pytest.mark.slow
def test_after_an_estimate_the_error_is_smaller_and_the_ellipse_honest() -> None:
    """60 m high, 45 degrees down, consumer noise: from the flight's own tie points, and on four marks of the map."""
    parts = [bench.flight(np.random.default_rng([13, n])) for n in range(6)]
    tied, mapped, before = (
        bench.summary([c for part in parts for c in part[name]])
        for name in ("calibrated", "calibrated_on_map", "uncalibrated")
    )
    assert tied["cases"] == 6 * bench.FLIGHT_CASES
    assert mapped["median_m"] < 2.0 and mapped["median_m"] < 0.6 * before["median_m"]
    assert tied["median_m"] < before["median_m"]
    assert mapped["ellipse_hold"] >= 0.9 and tied["ellipse_hold"] >= 0.85


def test_yaw_bias_and_time_skew_are_found_from_things_without_known_places() -> None:
    rng = np.random.default_rng(5)
    truth = bench.Truth(60.0, 70.0, 0.0, 8.0, 0.0, -45.0, 0.5, leg_s=20.0)
    bias = bench.Noise(yaw=1.7, skew=0.08)
    buffer = Buffer.of(bench.telemetry(truth, 120.0, bias))
    locator = Locator(buffer, bench.LENS, ground=bench.GROUND, sigmas=replace(bench.CONSUMER, horizontal_m=0.3))
    things = {f"tie{n}": bench.offset_of(truth, 40.0 + 5 * n, rng.uniform(-25, 25, 2)) for n in range(8)}
    sightings = [s for name, at in things.items() for s in bench.looks(truth, name, at, 120.0, rng)]
    found = calibrate(locator, sightings)
    # Telemetry says 1.7 degrees too much, and what it says at t was true at t - 0.08.
    assert np.degrees(found.errors[0]) == pytest.approx(-1.7, abs=0.3)
    assert found.errors[6] == pytest.approx(0.08, abs=0.02)
    assert found.lasting is not None
    assert np.sqrt(np.diag(found.lasting))[0] < 0.3 * np.radians(1.0)


def test_a_wrong_match_does_not_turn_the_compass() -> None:
    rng = np.random.default_rng(6)
    truth = bench.Truth(60.0, 10.0, 0.0, 8.0, 0.0, -45.0, 0.5, leg_s=20.0)
    locator = Locator(
        Buffer.of(bench.telemetry(truth, 120.0, bench.Noise())), bench.LENS, ground=bench.GROUND, sigmas=bench.CONSUMER
    )
    things = {f"tie{n}": bench.offset_of(truth, 40.0 + 5 * n, rng.uniform(-25, 25, 2)) for n in range(8)}
    sightings = [s for name, at in things.items() for s in bench.looks(truth, name, at, 120.0, rng)]
    wrong = Sighting(sightings[0].name, sightings[0].at_s + 0.1, 200.0, 900.0)
    found = calibrate(locator, [*sightings, wrong])
    assert abs(np.degrees(found.errors[0])) < 0.3


def test_too_few_sightings_are_refused() -> None:
    truth = bench.Truth(60.0, 10.0, 0.0, 8.0, 0.0, -45.0, 0.5)
    locator = Locator(Buffer.of(bench.telemetry(truth, 4.0, bench.Noise())), bench.LENS, ground=bench.GROUND)
    once = [Sighting("a", 1.0, 900, 500), Sighting("b", 1.0, 800, 500), Sighting("c", 99.0, 800, 500)]
    with pytest.raises(NotPlaced, match="0 of 3 sightings can be used"):
        calibrate(locator, once)


def test_measure_returns_the_three_figures_of_each_part() -> None:
    found = bench.measure(cases=2, seed=3)
    for part in ("clean", "noisy", "calibrated", "calibrated_on_map"):
        assert {"median_m", "p95_m", "ellipse_hold"} <= found[part].keys()
