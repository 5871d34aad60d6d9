"""Load shedding at a shift's start: as many pages a second as there is time for, the others get a time to come back."""

SHARE_MAX = 0.7
LEARNED = 0.3
RATE_MIN = 20.0


class Valve:
    """Generic cell rate algorithm (ITU-T I.371): `rate` a second, `burst` at once. Those who are sent away are given
    times one behind another, so that they do not come back together. `now_s`: a monotonic clock.

    `learn` moves the rate to what pages really cost, the time that a burst may take stays."""

    def __init__(self, rate: float, burst: float) -> None:
        self._gap_s = 1.0 / rate
        self._slack_s = burst / rate
        self._full_at = 0.0
        self._promised_at = 0.0

    @property
    def rate(self) -> float:
        """Pages a second, now."""
        return 1.0 / self._gap_s

    def learn(self, pages: int, took_s: float) -> None:
        """So many took so long: the rate leaves SHARE_MAX of the time for pages."""
        gap_s = min(1.0 / RATE_MIN, took_s / pages / SHARE_MAX)
        self._gap_s += LEARNED * (gap_s - self._gap_s)

    def wait_s(self, now_s: float) -> float:
        """0: come in. Otherwise come back after so long."""
        at = max(self._full_at, now_s)
        if at - now_s <= self._slack_s:
            self._full_at = at + self._gap_s
            return 0.0
        self._promised_at = max(self._promised_at, now_s + self._slack_s) + self._gap_s
        return self._promised_at - now_s
