"""A thread that asks again and again: at once while there is more, after a pause when not, later after failures."""

import threading
from collections.abc import Callable
from math import inf

from gateway.forward import backoff_s


def keep_asking(
    stop: threading.Event,
    more: Callable[[], bool],
    pause_s: float,
    failures: tuple[type[Exception], ...],
    failed: Callable[[Exception], None],
    backoff_s_max: float = inf,
) -> None:
    """Until `stop` is set. `more`: one round, True when another is due at once; what it raises of `failures` is told to
    `failed`, then waited for with jitter."""
    in_a_row = 0
    while not stop.is_set():
        try:
            again = more()
            in_a_row = 0
        except failures as error:
            in_a_row += 1
            failed(error)
            stop.wait(min(backoff_s_max, backoff_s(in_a_row)))
            continue
        if not again:
            stop.wait(pause_s)
