"""The flood limit: one token bucket per device and channel, filled at the channel table's rate.

A message over the limit is acknowledged to the broker (so that the others behind it move on) but neither stored nor
receipted: its device keeps it and sends it again later. Nothing is lost, the flood only slows its own sender.
"""

from collections import OrderedDict

from edge.wire import Channel

BUCKETS_MAX = 20_000
UNKNOWN_PER_MIN = 60


class FloodLimit:
    """Buckets hold one minute's worth of messages; the least used are forgotten beyond BUCKETS_MAX."""

    def __init__(self, factor: float = 1.0) -> None:
        self._factor = factor
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def allows(self, device: str, row: Channel | None, now_s: float) -> bool:
        """Take a token; `row` None stands for a topic outside the channel table. `now_s`: a monotonic clock."""
        per_min = (row.rate_per_min_max if row else UNKNOWN_PER_MIN) * self._factor
        key = (device, row.name if row else "")
        tokens, at_s = self._buckets.pop(key, (per_min, now_s))
        tokens = min(per_min, tokens + (now_s - at_s) * per_min / 60.0)
        allowed = tokens >= 1.0
        self._buckets[key] = (tokens - 1.0 if allowed else tokens, now_s)
        if len(self._buckets) > BUCKETS_MAX:
            self._buckets.popitem(last=False)
        return allowed
