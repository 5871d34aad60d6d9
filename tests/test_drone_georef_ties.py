"""What a flight learns of its own errors from ground that it sees more than once, and when it says that it cannot."""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench import drone_georef as bench
from drone.georef.errors import Correction, change_of
from drone.georef.geodesy import to_metres
from drone.georef.locate import Locator
from drone.georef.refusal import NotPlaced
from drone.georef.ties import Look, Ties
from drone.telemetry.buffer import Buffer

LAWN = bench.Truth(60.0, 70.0, 0.0, 8.0, 0.0, -45.0, 0.5, leg_s=20.0)
ENDS = 80.0


def flown(truth: bench.Truth, error: bench.Noise, seed: int, **less: Any) -> tuple[Ties, Locator]:
    """A flight's ties under this lasting error, with consumer noise new in every sample."""
    rng = np.random.default_rng(seed)
    samples = bench.telemetry(truth, ENDS, error, rng, bench.CONSUMER.fresh)
    locator = Locator(Buffer.of(samples), bench.LENS, ground=bench.GROUND, sigmas=bench.CONSUMER)
    things = {f"tie{n}": bench.offset_of(LAWN, 40.0 + 5 * n, rng.uniform(-25, 25, 2)) for n in range(bench.TIES)}
    ties = Ties()
    for at_s, looks in bench.pictures(truth, things, ENDS, rng):
        ties.add(locator, at_s, looks)
    return ties, locator


def test_yaw_bias_and_time_skew_are_found_without_any_known_place_though_one_match_in_twenty_is_wrong() -> None:
    ties, _ = flown(LAWN, bench.Noise(yaw=1.7, skew=0.08, pitch=0.4), 5)
    found = ties.estimate()
    # Telemetry says 1.7 degrees too much, and what it says at t was true at t - 0.08.
    assert np.degrees(found.errors[0]) == pytest.approx(-1.7, abs=0.5)
    assert found.errors[6] == pytest.approx(0.08, abs=0.03)
    assert np.degrees(found.errors[1]) == pytest.approx(-0.4, abs=0.3)
    assert found.lasting is not None and found.dropped > 0
    left = np.sqrt(np.diag(found.lasting) / np.diag(bench.CONSUMER.lasting))
    assert left[0] < 0.5 and left[6] < 0.5
    assert left[3] > 0.9 and left[4] > 0.9  # where all of it lies nobody can tell without the map


@pytest.mark.slow
def test_the_estimates_own_covariance_is_what_it_is_wrong_by() -> None:
    """Over flights, yaw, pitch, height and time together: chi-squared of four degrees of freedom has a mean of 4."""
    surprises = list[float]()
    for seed in range(3):
        error = bench.drawn(np.random.default_rng([3, seed]), bench.CONSUMER.lasting)[0]
        found = flown(LAWN, error, seed)[0].estimate()
        assert found.lasting is not None
        true = -np.array([*np.radians([error.yaw, error.pitch]), error.up, -error.skew])
        asked = [0, 1, 5, 6]
        off = found.errors[asked] - true
        surprises.append(float(off @ np.linalg.solve(found.lasting[np.ix_(asked, asked)], off)))
    assert np.mean(surprises) < 8.0, surprises


def test_a_flight_that_hovers_determines_nothing_and_keeps_what_was_stated() -> None:
    ties, _ = flown(replace(LAWN, speed_m_s=0.0, leg_s=float("inf")), bench.Noise(yaw=1.0), 5)
    with pytest.raises(NotPlaced) as refused:
        ties.estimate()
    assert refused.value.reason == "not determined" and "of each sigma" in str(refused.value)


def test_ties_that_contradict_the_telemetry_are_refused() -> None:
    """A print on the picture stays at its pixel wherever the drone flies."""
    rng = np.random.default_rng(2)
    locator = Locator(Buffer.of(bench.telemetry(LAWN, ENDS, bench.Noise())), bench.LENS, ground=bench.GROUND)
    ties = Ties()
    print_at = rng.uniform(300, 800, (10, 2))
    for at_s in np.arange(2.0, 18.0, 1.0).tolist():
        ties.add(locator, at_s, [Look(f"p{n}", 500 + x, y, 1.5) for n, (x, y) in enumerate(print_at.tolist())])
    with pytest.raises(NotPlaced) as refused:
        ties.estimate()
    assert refused.value.reason == "tie points disagree"


def test_too_few_ties_are_refused_with_what_is_there() -> None:
    locator = Locator(Buffer.of(bench.telemetry(LAWN, 20.0, bench.Noise())), bench.LENS, ground=bench.GROUND)
    ties = Ties()
    ties.add(locator, 2.0, [Look("a", 900.0, 600.0, 1.0)])
    with pytest.raises(NotPlaced, match="0 of 6 ties"):
        ties.estimate()


def test_places_found_before_an_estimate_move_as_if_they_were_found_after_it() -> None:
    """mean + shift and the columns of what is left: the same as locating again with the correction."""
    ties, locator = flown(LAWN, bench.Noise(yaw=1.2, skew=0.05), 7)
    found = ties.estimate()
    before, after = locator.sense(10.0, 900, 600), replace(locator, correction=found).sense(10.0, 900, 600)
    shift, turn = change_of(Correction(), found, bench.CONSUMER)
    moved = shift @ before.lasting
    origin = np.array([[before.located.lat, before.located.lon, 0.0]])
    there = to_metres(np.array([[after.located.lat, after.located.lon, 0.0]]), origin)[0, :2]
    assert moved == pytest.approx(there, abs=0.15)
    left = turn.T @ before.lasting
    assert left.T @ left == pytest.approx(after.lasting.T @ after.lasting, rel=0.1, abs=0.05)
    narrower = np.linalg.det(np.array(after.located.covariance)) < np.linalg.det(np.array(before.located.covariance))
    assert narrower


def turning(rate_deg_s: float, since_s: float) -> list[Any]:
    """Telemetry of a camera 60 m up that looks north, 45 degrees down, and turns from a moment on."""
    truth = bench.Truth(60.0, 0.0, 0.0, 0.0, 0.0, -45.0, 0.0)
    samples = bench.telemetry(truth, 20.0, bench.Noise())
    yaws = [max(0.0, s.at_s - since_s) * rate_deg_s for s in samples]
    return [
        replace(s, attitude=bench.from_degrees(0.0, 0.0, yaw), gimbal=replace(s.gimbal, quaternion=level))
        for s, yaw in zip(samples, yaws, strict=True)
        if s.gimbal is not None
        for level in [bench.from_degrees(0.0, -45.0, 0.0)]
    ]


@pytest.mark.parametrize("late_s", [-0.4, -0.25, 0.25, 0.4])
@pytest.mark.parametrize("rate_deg_s", [5.0, 15.0, 60.0])
def test_a_turn_within_the_clocks_uncertainty_is_in_the_ellipse_or_refused(rate_deg_s: float, late_s: float) -> None:
    """The picture was taken `late_s` later than believed, and the turn begins or has just begun: at the believed moment
    alone the telemetry would tell of no turn at all."""
    sigmas = replace(bench.CONSUMER, time_s=0.25)
    locator = Locator(Buffer.of(turning(rate_deg_s, 10.0)), bench.LENS, ground=bench.GROUND, sigmas=sigmas)
    exact = replace(locator, sigmas=bench.EXACT)
    for believed in np.arange(9.0, 11.0, 0.1).tolist():
        truth = exact.locate(believed + late_s, 300.0, 500.0)
        try:
            found = locator.locate(believed, 300.0, 500.0)
        except NotPlaced as refusal:
            assert refusal.reason == "turning" and rate_deg_s > 10
            continue
        assert found.holds(truth.lat, truth.lon), (believed, found)
    with pytest.raises(NotPlaced, match="turns by 60 degrees a second") if rate_deg_s == 60 else nullcontext():
        locator.locate(10.5, 300.0, 500.0)
