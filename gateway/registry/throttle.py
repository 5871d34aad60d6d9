"""Abuse limits: token buckets by name (an api key, an address), in bounded memory."""

import ipaddress
import threading
from collections import OrderedDict

BUCKETS_MAX = 20_000


class Throttle:
    """Each bucket holds one minute's worth, at least one. Beyond BUCKETS_MAX the least used is forgotten, which gives
    its owner a full bucket again: memory stays bounded, and the limit per key still stands behind it."""

    def __init__(self, buckets_max: int = BUCKETS_MAX) -> None:
        self._buckets_max = buckets_max
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, name: str, per_min: float, now_s: float) -> bool:
        """Take a token. `now_s`: a monotonic clock."""
        with self._lock:
            full = max(1.0, per_min)
            tokens, at_s = self._buckets.pop(name, (full, now_s))
            tokens = min(full, tokens + (now_s - at_s) * per_min / 60.0)
            allowed = tokens >= 1.0
            self._buckets[name] = (tokens - 1.0 if allowed else tokens, now_s)
            if len(self._buckets) > self._buckets_max:
                self._buckets.popitem(last=False)
            return allowed

    def __len__(self) -> int:
        return len(self._buckets)


def network_of(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one (a household has that many); other text shortened."""
    try:
        parsed = ipaddress.ip_address(address.strip())
    except ValueError:
        return address[:64]
    if parsed.version == 6:
        return str(ipaddress.ip_network(f"{parsed}/64", strict=False))
    return str(parsed)
