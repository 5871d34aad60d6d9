"""The circuit breaker as a pure state machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.targets.breaker import FAILURES_MAX, WAIT_S, WAIT_S_MAX, Breaker, Outcome, after, allowed, state

OUTCOMES = st.lists(
    st.tuples(st.sampled_from(["ok", "failed", "down"]), st.floats(0.0, 60.0), st.floats(0.0, 0.999)), max_size=60
)


def run(*outcomes: Outcome) -> Breaker:
    breaker = Breaker()
    for outcome in outcomes:
        breaker = after(breaker, outcome, 0.0, 0.0)
    return breaker


def test_a_closed_breaker_lets_all_through_and_a_success_forgets_the_faults_before() -> None:
    nearly = run(*["failed"] * (FAILURES_MAX - 1))
    assert (state(nearly, 0.0), allowed(nearly, 0.0, 256)) == ("closed", 256)
    assert after(nearly, "ok", 0.0, 0.0) == Breaker()


@pytest.mark.parametrize("outcomes", [["failed"] * FAILURES_MAX, ["down"]])
def test_it_opens_after_so_many_faults_or_at_once_when_nobody_answers(outcomes: list[Outcome]) -> None:
    breaker = run(*outcomes)
    assert (state(breaker, 0.0), allowed(breaker, 0.0, 256)) == ("open", 0)


def test_after_the_wait_one_request_is_tried_and_decides() -> None:
    breaker = run("down")
    assert state(breaker, WAIT_S / 2 - 0.001) == "open"
    assert (state(breaker, WAIT_S / 2), allowed(breaker, WAIT_S / 2, 256)) == ("half_open", 1)
    assert state(after(breaker, "ok", WAIT_S, 0.0), WAIT_S) == "closed"
    again = after(breaker, "failed", WAIT_S, 0.0)
    assert state(again, WAIT_S) == "open"


def test_waits_double_up_to_the_limit_and_are_jittered() -> None:
    breaker, waits = Breaker(), []
    for _ in range(10):
        breaker = after(breaker, "down", 0.0, 0.0)
        waits.append(breaker.open_until_s)
    assert waits[:3] == [WAIT_S / 2, WAIT_S, WAIT_S * 2] and waits[-1] == WAIT_S_MAX / 2
    assert after(Breaker(), "down", 0.0, 0.999).open_until_s == pytest.approx(WAIT_S, rel=0.01)


@given(OUTCOMES)
def test_whatever_happens_it_waits_no_longer_than_the_limit_and_a_success_always_closes_it(
    steps: list[tuple[Outcome, float, float]],
) -> None:
    breaker, now_s = Breaker(), 0.0
    for outcome, wait_s, draw in steps:
        now_s += wait_s
        breaker = after(breaker, outcome, now_s, draw)
        assert (outcome == "ok") <= (state(breaker, now_s) == "closed")
        assert allowed(breaker, now_s, 256) in (0, 1, 256)
        assert state(breaker, now_s + WAIT_S_MAX) != "open"
