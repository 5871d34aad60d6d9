"""Load shedding at a shift's start: so many pages a second, and for the others a time to come back."""


class Valve:
    """Generic cell rate algorithm (ITU-T I.371): `rate` a second, `burst` at once. Those who are sent away are given
    times one behind another, so that they do not come back together. `now_s`: a monotonic clock."""

    def __init__(self, rate: float, burst: float) -> None:
        self._gap_s = 1.0 / rate
        self._slack_s = burst / rate
        self._full_at = 0.0
        self._promised_at = 0.0

    def wait_s(self, now_s: float) -> float:
        """0: come in. Otherwise come back after so long."""
        at = max(self._full_at, now_s)
        if at - now_s <= self._slack_s:
            self._full_at = at + self._gap_s
            return 0.0
        self._promised_at = max(self._promised_at, now_s + self._slack_s) + self._gap_s
        return self._promised_at - now_s
