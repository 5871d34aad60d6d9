"""A circuit breaker as a pure state machine: after a fault the target is left alone, then tried with one request.

Source of the pattern: M. Nygard, Release It!, 2nd ed. 2018, ch. 5. Waits double from WAIT_S to WAIT_S_MAX and are
jittered (`draw`), so that several gateways do not come back together.
"""

from dataclasses import dataclass, replace
from typing import Literal

FAILURES_MAX = 5
WAIT_S = 0.6
WAIT_S_MAX = 30.0
State = Literal["closed", "open", "half_open"]
Outcome = Literal["ok", "failed", "down"]


@dataclass(frozen=True)
class Breaker:
    """`failures`: answers in a row that were the target's fault; `trips`: times in a row that it had to open."""

    failures: int = 0
    trips: int = 0
    open_until_s: float | None = None


def state(breaker: Breaker, now_s: float) -> State:
    """Closed: send; open: do not; half open: send one and see. `now_s`: a monotonic clock."""
    if breaker.open_until_s is None:
        return "closed"
    return "open" if now_s < breaker.open_until_s else "half_open"


def allowed(breaker: Breaker, now_s: float, many: int) -> int:
    """How many requests may go out now: `many`, one or none."""
    return {"closed": many, "half_open": min(1, many), "open": 0}[state(breaker, now_s)]


def after(breaker: Breaker, outcome: Outcome, now_s: float, draw: float) -> Breaker:
    """The breaker after one request. `down` (nobody answered) opens at once, `failed` (5xx) after FAILURES_MAX in a row
    or when it was the trial; `draw` in [0, 1) is the jitter."""
    if outcome == "ok":
        return Breaker()
    failures = breaker.failures + 1
    trial = state(breaker, now_s) == "half_open"
    if outcome == "failed" and not trial and failures < FAILURES_MAX:
        return replace(breaker, failures=failures)
    wait_s = min(WAIT_S_MAX, WAIT_S * 2 ** min(breaker.trips, 10)) * (0.5 + draw / 2)
    return Breaker(failures, breaker.trips + 1, now_s + wait_s)
